"""Whole `push`, `fetch` and `watch`, whose ssh and rsync are functions, on a disk that fails here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import RowState
from dlcctr.outliers.written import COLUMNS
from dlcctr.transfer.remote.address import Remote, remember_remote
from tests.unit.failing_disks.test_campaign import bench_in, videos_in
from tests.unit.support.failing_commands import Case, Work, check_each_write, command
from tests.unit.support.fault_world import FAR, HOST, SIF, World
from tests.unit.support.results import Bench, make_bench

NAMES = ["a.mp4", "b.mp4", "c.mp4"]
ONE = ("--streams", "1")


def push(world: World) -> Work:
    (world.here / "dlc.sif").write_bytes(SIF)
    return command("push", bench_in(world).manifest, f"{HOST}:{FAR}", "--image", world.here / "dlc.sif", *ONE)


def pushed(world: World) -> Bench:
    """A campaign whose other side has finished one more row; the third one failed there."""
    bench = bench_in(world)
    remember_remote(bench.campaign, Remote(HOST, FAR))
    there = make_bench(world.there / FAR, NAMES)
    there.commit(1)
    there.failure_file(2).write_text(there.receipt(2, state=RowState.FAILED, exit_code=7, cause="it broke").to_json())
    return bench


def fetch(world: World) -> Work:
    return command("fetch", pushed(world).manifest, "--logs", *ONE)


def fetch_over_a_degraded_result(world: World) -> Work:
    bench = pushed(world)
    bench.commit(1, state=RowState.DEGRADED, cause="one frame did not decode")
    return command("fetch", bench.manifest, *ONE)


def fetch_outliers(world: World) -> Work:
    bench = pushed(world)
    folder = world.there / FAR / "to-label"
    (folder / "labeled-data/a").mkdir(parents=True)
    (folder / "labeled-data/a/img1.png").write_bytes(b"picture")
    (folder / "outliers.csv").write_text(f"{','.join(COLUMNS)}\na,img1.png,0,a.mp4,1,0.04,0.9,jump\n")
    (folder / "outliers.html").write_text("page")
    return command("fetch", bench.manifest, "--outliers", "to-label")


def watch(world: World) -> Work:
    """A round in which a video is new, all are sent and submitted, and their results come back."""
    bench = bench_in(world)
    world.bench = replace(bench)
    videos_in(bench.campaign.video_root)
    return command("watch", bench.manifest, "--to", f"{HOST}:{FAR}", "--once", "--settle", "0", *ONE)


CASES = (
    Case("push", push),
    Case("fetch", fetch),
    Case("fetch, over a degraded result", fetch_over_a_degraded_result, every=2),
    Case("fetch, frames to label", fetch_outliers),
    Case("watch", watch, every=4),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_disk_that_fails_is_said_at_every_write(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_each_write(case, tmp_path, capsys)
