"""A task of several rows, with a worker that is a real process but has no DeepLabCut."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.contract import ExitCode
from dlcctr.errors import ManifestError, TryAgainError
from dlcctr.model.inspection import inspect_model
from dlcctr.planning.plan import Plan, PlanFacts, PlanTask, rows_digest, write_plan
from dlcctr.results.receipt import read_receipt
from entrypoint.analyze.multi_gpu import run_lanes, visible_gpus
from entrypoint.analyze.request import RowRequest, TaskRequest
from entrypoint.analyze.task import run_task
from tests.unit.support.analyze_case import FLOOD, Case
from tests.unit.support.projects import pytorch_project


def spread(case: Case, count: int) -> list[Row]:
    """Give the campaign `count` copies of its video."""
    source = case.campaign.video_root / case.row.video
    rows = []
    for number in range(count):
        copy = source.with_name(f"v{number}.mp4")
        shutil.copy(source, copy)
        rows.append(replace(case.row, index=number, video=f"sub/{copy.name}", fingerprint=fingerprint(copy)))
    write_manifest(case.folder / "m.csv", rows)
    return rows


def make_task(case: Case, rows: list[Row], **options: object) -> TaskRequest:
    plan = Plan("p", "m.csv", (PlanTask(tuple(row.index for row in rows), 1.0, rows_digest(rows)),), 10)
    write_plan(plan, case.folder / "p.json")
    row = RowRequest(manifest=case.folder / "m.csv", index=0, device="cpu", scratch=case.folder / "scratch")
    return TaskRequest(case.folder / "p.json", 0, replace(row, **options))  # type: ignore[arg-type]


def results(case: Case, rows: list[Row]) -> list[float | None]:
    """Seconds of import in each row's receipt; None where there is none."""
    found = [read_receipt(case.campaign.out / case.model_id / row.video) for row in rows]
    return [receipt.timings_s["import"] if receipt else None for receipt in found]


def test_a_bad_row_stops_no_other_and_the_import_is_paid_once(
    case: Case,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = spread(case, 4)
    (case.campaign.video_root / rows[1].video).write_bytes(b"changed")
    assert run_task(make_task(case, rows)) == ExitCode.VIDEO
    assert results(case, rows) == [0.1, None, 0.0, 0.0]
    said = capsys.readouterr()
    assert [line for line in said.out.splitlines() if line.startswith("==")] == [
        f"== row {row.index} ({row.video})" for row in rows
    ]
    assert "task 0: 3 of 4 rows done; exit code 4: rows 1" in said.out
    assert "row 1 (sub/v1.mp4)" in said.err
    assert "what to do" in said.err
    assert list((case.folder / "scratch").iterdir()) == []


def test_rows_run_in_the_plans_order_and_finished_ones_are_skipped(
    case: Case,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = spread(case, 3)[::-1]
    assert run_task(make_task(case, rows[:2])) == ExitCode.OK
    capsys.readouterr()
    assert run_task(make_task(case, rows)) == ExitCode.OK
    said = capsys.readouterr().out
    assert said.count("already finished") == 2
    assert said.index("== row 2 ") < said.index("== row 1 ") < said.index("== row 0 ")


def test_a_worker_that_died_is_replaced(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = spread(case, 2)
    monkeypatch.setenv("FAKE_WORKER", "exit")
    assert run_task(make_task(case, rows)) == ExitCode.ANALYSIS
    failure = json.loads((case.campaign.out / case.model_id / f"{rows[1].video}.failed.json").read_text())
    assert "exit code 3" in failure["cause"]  # the second row's own worker, not the first one's corpse
    monkeypatch.setenv("FAKE_WORKER", "ok")
    assert run_task(make_task(case, rows)) == ExitCode.OK


def test_messages_of_a_row_are_not_shown_under_the_next(
    case: Case, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = spread(case, 3)
    monkeypatch.setenv("FAKE_WORKER", "flood")
    assert run_task(make_task(case, rows)) == ExitCode.OK
    lines = [line for line in capsys.readouterr().out.splitlines() if ": message " in line]
    assert lines == [f"row {n} (sub/v{n}.mp4): message {number} of v{n}" for n in range(3) for number in range(FLOOD)]


def test_without_a_gpu_the_other_rows_are_not_tried(
    case: Case,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = spread(case, 3)
    assert run_task(make_task(case, rows, device="cuda")) == ExitCode.GPU
    assert "not tried here: rows 1-2" in capsys.readouterr().out
    failures = sorted(case.campaign.out.rglob("*.failed.json"))
    assert [path.name for path in failures] == ["v0.mp4.failed.json"]


def test_a_manifest_that_changed_is_refused(case: Case) -> None:
    rows = spread(case, 2)
    request = make_task(case, rows)
    write_manifest(case.folder / "m.csv", [rows[0], replace(rows[1], video="sub/other.mp4")])
    with pytest.raises(ManifestError, match="changed in the manifest"):
        run_task(request)
    write_manifest(case.folder / "m.csv", rows[:1])
    with pytest.raises(ManifestError, match="row 1 is no longer in the manifest"):
        run_task(request)
    with pytest.raises(ManifestError, match="no task 1: tasks run from 0 to 0"):
        run_task(replace(request, number=1))


def test_a_signal_stops_the_task_and_leaves_nothing(
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = spread(case, 2)
    monkeypatch.setenv("FAKE_WORKER", "sleep")

    def stop() -> None:
        started = case.folder / "started"
        while not started.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(
        TryAgainError, match=r"task 0: stopped by SIGTERM; finished rows stay; row 0 \(.*\): nothing of it was kept"
    ):
        run_task(make_task(case, rows))
    assert not list(case.campaign.out.rglob("*.failed.json"))
    assert list((case.folder / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("mask", "gpus"),
    [("0,1", ["0", "1"]), ("GPU-aa, GPU-bb", ["GPU-aa", "GPU-bb"]), ("", []), ("-1", []), ("NoDevFiles", [])],
)
def test_gpus_are_those_of_the_scheduler(monkeypatch: pytest.MonkeyPatch, mask: str, gpus: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", mask)
    assert visible_gpus("auto") == gpus
    assert visible_gpus("cpu") == []


def test_lanes_share_out_the_rows(
    case: Case,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Rows that cannot be read need no DeepLabCut: each is tried once, by one lane or the other."""
    rows = [replace(row, error="no video") for row in spread(case, 6)]
    write_manifest(case.folder / "m.csv", rows)
    request = make_task(case, rows, device="auto")
    words = ["analyze", "--manifest", case.folder / "m.csv", "--plan", request.plan, "--task", 0]
    monkeypatch.setattr(sys, "argv", ["dlc", *map(str, words)])
    assert run_lanes(request, rows, ["0", "1"]) == ExitCode.VIDEO
    said = capfd.readouterr().out
    assert sorted(line for line in said.splitlines() if line.startswith("==")) == [
        f"== row {row.index} ({row.video})" for row in rows
    ]
    assert "task 0: 0 of 6 rows done; exit code 4: rows 0-5" in said
    assert len(list(case.campaign.out.rglob("*.failed.json"))) == 6


def test_plans_are_read_as_they_were_written(tmp_path: Path) -> None:
    from dlcctr.planning.plan import read_plan

    plan = Plan(
        "p", "m.csv", tuple(PlanTask((n, n + 1), 2.5, "ab") for n in range(3)), 10, "now", PlanFacts(margin=3.0)
    )
    write_plan(plan, tmp_path / "p.json")
    assert read_plan(tmp_path / "p.json") == plan
    assert plan.rows == [0, 1, 1, 2, 2, 3]
    (tmp_path / "p.json").write_text("[]")
    with pytest.raises(ManifestError, match="not a plan"):
        read_plan(tmp_path / "p.json")
    with pytest.raises(ManifestError, match="cannot be read"):
        read_plan(tmp_path / "q.json")


def spread_models(case: Case, *, videos: int = 2) -> list[Row]:
    """Give each of the campaign's videos a row for each of three snapshots."""
    pytorch_project(case.folder / "model", snapshots=("snapshot-100", "snapshot-150", "snapshot-200"))
    model = inspect_model(case.folder / "model", snapshot="snapshot-100")
    case.campaign = replace(case.campaign, model_hash=model.hash, model_id=model.id, snapshot="snapshot-100")
    case.write()
    rows = []
    for row in spread(case, videos):
        rows += [replace(row, snapshot=name) for name in ("", "snapshot-150", "snapshot-200")]
    rows = [replace(row, index=index) for index, row in enumerate(rows)]
    write_manifest(case.folder / "m.csv", rows)
    return rows


@pytest.fixture
def orders(case: Case, monkeypatch: pytest.MonkeyPatch) -> Path:
    """File of what the worker was asked for: one line for each pass, the row's job and those beside it."""
    file = case.folder / "orders"
    monkeypatch.setenv("FAKE_ORDERS", str(file))
    monkeypatch.setenv("FAKE_WORKER", "own")
    return file


def asked(orders: Path) -> list[list[dict[str, Any]]]:
    return [json.loads(line) for line in orders.read_text().splitlines()]


def test_the_rows_of_one_video_share_its_pass(case: Case, orders: Path) -> None:
    rows = spread_models(case)
    hashes = [inspect_model(case.folder / "model", snapshot=f"snapshot-{n}").hash for n in (100, 150, 200)]
    assert run_task(make_task(case, rows)) == ExitCode.OK
    passes = asked(orders)
    assert [[job["model"] for job in each] for each in passes] == [hashes, hashes[1:], hashes[2:]] * 2
    first, second, _ = passes[:3]
    places = ("checkpoint_folder", "config", "folder", "video")
    for told, own in zip(first[1:], (second[0], passes[2][0]), strict=True):
        assert told["checkpoint_folder"] == own["checkpoint_folder"], "where its own turn looks for them"
        assert {**told, **dict.fromkeys(places)} == {**own, **dict.fromkeys(places)}
    assert len({job["folder"] for job in first}) == 3
    assert all(Path(job["checkpoint_folder"]).parent.is_dir() for job in first), "they can be written"
    assert len(list(case.campaign.out.rglob("receipt.json"))) == 6


def test_finished_rows_and_other_crops_are_not_fed(case: Case, orders: Path) -> None:
    rows = spread_models(case, videos=1)
    rows[1] = replace(rows[1], crop=(0, 20, 0, 20))
    write_manifest(case.folder / "m.csv", rows)
    assert run_task(make_task(case, rows[2:])) == ExitCode.OK
    orders.unlink()
    assert run_task(make_task(case, rows)) == ExitCode.OK
    assert [len(each) for each in asked(orders)] == [1, 1]


def test_a_row_that_cannot_be_resolved_stops_no_other(case: Case, orders: Path) -> None:
    rows = spread_models(case, videos=1)
    rows[1] = replace(rows[1], snapshot="snapshot-999")
    write_manifest(case.folder / "m.csv", rows)
    assert run_task(make_task(case, rows)) == ExitCode.MODEL
    assert [len(each) for each in asked(orders)] == [2, 1]
    assert len(list(case.campaign.out.rglob("receipt.json"))) == 2
