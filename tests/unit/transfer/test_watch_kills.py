"""`watch` killed at any moment: each video has one row, each row one job, each job one result here."""

from __future__ import annotations

import os
import random
import time
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import read_manifest
from dlcctr.results.check import check
from dlcctr.transfer import watch
from dlcctr.transfer.fetch import FetchResult
from dlcctr.transfer.push import PushResult
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.watch import WatchOptions, read_state, watch_once
from tests import media
from tests.unit.support.kills import run_and_kill
from tests.unit.support.results import Bench, make_bench

KILLS = 60
SEED = 20261126
REMOTE = Remote("cluster", "/scratch/mice")


@dataclass
class Cluster:
    """The other side, which keeps what it was told in a folder: its processes live on when `watch` is killed."""

    bench: Bench
    folder: Path

    def push(self, manifest: Path, options: Any, **_: Any) -> PushResult:
        for index in indices(options.rows):
            (self.folder / f"video-{index}").touch()
        return PushResult(REMOTE, [], [])

    def ask(self, options: WatchOptions, words: list[str]) -> list[object]:
        if words[0] != "submit":
            return []
        rows = [index for index in indices(words[3]) if not (self.folder / f"job-{index}").exists()]
        for index in rows:  # as `submit` does: each row at most once
            assert (self.folder / f"video-{index}").exists(), f"row {index} was submitted before its video was sent"
            (self.folder / f"job-{index}").touch(exist_ok=False)
        return [{}] if rows else []

    def fetch(self, manifest: Path, options: Any, **_: Any) -> FetchResult:
        self.bench.rows = read_manifest(manifest)
        jobs = [int(file.name.partition("-")[2]) for file in self.folder.glob("job-*")]
        wanted = [index for index in sorted(jobs) if not self.bench.folder(index).exists()]
        private = replace(self.bench, campaign=replace(self.bench.campaign, out=self.folder / f"out-{os.getpid()}"))
        for index in wanted:
            self.bench.folder(index).parent.mkdir(parents=True, exist_ok=True)
            private.commit(index).rename(self.bench.folder(index))
        return FetchResult(REMOTE, taken=wanted)


def indices(text: str) -> list[int]:
    ends = [part.split("-") for part in text.split(",")]
    return [index for each in ends for index in range(int(each[0]), int(each[-1]) + 1)]


def test_no_row_is_lost_and_none_is_double(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench, log = make_bench(tmp_path / "here", ["old.mp4"]), tmp_path / "log"
    bench.commit(0)
    (tmp_path / "there").mkdir()
    cluster = Cluster(bench, tmp_path / "there")
    for name, fake in (("push", cluster.push), ("fetch", cluster.fetch), ("_ask_there", cluster.ask)):
        monkeypatch.setattr(watch, name, fake)
    videos = bench.campaign.video_root
    options = WatchOptions(REMOTE, ("ssh",), (str(videos),), image=Path("dlc.sif"), settle_s=0)

    def a_round() -> None:
        watch_once(bench.manifest, options)

    began = time.monotonic()
    assert run_and_kill(a_round, log) == 0, log.read_text()
    took_s = deque([3 * (time.monotonic() - began)], maxlen=4)  # one that has something to do; the load may change
    generator, ledger, killed = random.Random(SEED), {"old.mp4": 0}, 0
    for number in range(KILLS):
        if number % 2 == 0:
            media.write_video(videos / f"new-{number}.mp4", 3, first=number)
        began = time.monotonic()
        if run_and_kill(a_round, log, generator.uniform(0, max(took_s))) is None:
            killed += 1
        else:
            took_s.append(time.monotonic() - began)
        rows = {row.video: row.index for row in read_manifest(bench.manifest)}
        assert rows.items() >= ledger.items()
        assert len(set(rows.values())) == len(rows)
        read_state(tmp_path / "here" / ".dlcctr" / "watch.json")
        ledger = rows
    for _ in range(4):  # seen, taken, sent and submitted, fetched
        assert run_and_kill(a_round, log) == 0, log.read_text()
    assert killed > KILLS / 4
    assert len(read_manifest(bench.manifest)) == 1 + KILLS // 2
    assert check(bench.manifest).totals["whole"] == 1 + KILLS // 2
    assert len(list(cluster.folder.glob("job-*"))) == KILLS // 2
