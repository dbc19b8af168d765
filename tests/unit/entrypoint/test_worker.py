"""The real worker process between its pipes, with an engine that needs no DeepLabCut."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import FIXES_KEY
from dlcctr.errors import AnalysisError
from dlcctr.results.sections import DeviceUsed
from entrypoint.analyze.worker import process as worker_process
from entrypoint.analyze.worker.process import Worker, start_worker
from entrypoint.protocol import ANALYSING, Done, Job, Message, NotCovered, Order, Progress, ShortRead
from tests import media
from tests.unit.support.number_engine import BOOT, COLUMNS, SCORER
from tests.unit.support.number_network import make_job

FRAMES = 23
Start = Callable[[], AbstractContextManager[Worker]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setattr(worker_process, "BOOT", BOOT)
    monkeypatch.setenv("NUMBER_REACHED", str(tmp_path / "reached"))
    yield lambda: start_worker("numbers", 1, os.environ, tmp_path)


@pytest.fixture
def job(tmp_path: Path) -> Job:
    video = media.write_video(tmp_path / "v.mp4", FRAMES)
    return replace(make_job(video, columns=COLUMNS, stem="my video"), checkpoint_folder=str(tmp_path / "checkpoints"))


def stock(job: Job, folder: Path) -> Job:
    folder.mkdir()
    return replace(job, path="stock", folder=str(folder))


def test_our_loop_reports_progress_and_what_it_has_done(start: Start, job: Job) -> None:
    shown: list[Any] = []
    with start() as worker:
        ready = worker.wait_ready()
        done = worker.run(job, shown.append)
        assert not worker.busy
    assert (ready.versions["cuda"], ready.versions[FIXES_KEY]) == ("12.6", "#1 #2")
    assert "python" in ready.versions
    assert (shown[0], shown[-1]) == (Progress(ANALYSING, 0), Progress(ANALYSING, FRAMES))
    assert isinstance(done, Done)
    assert (done.scorer, done.device, done.columns.rows) == (SCORER, DeviceUsed("cpu", threads=1), FRAMES)
    assert done.files[:3] == [f"my video{SCORER}.h5", "quality.json", "quality.csv.gz"]
    assert (done.backend, done.batch_size, done.checkpoints) == ("Numbers 1", 4, [])
    assert {"load", "decoding", "network", "writing"} <= done.timings_s.keys()


def test_stock_s_bar_is_its_progress(start: Start, job: Job, tmp_path: Path) -> None:
    shown: list[Any] = []
    with start() as worker:
        worker.wait_ready()
        done = worker.run(stock(job, tmp_path / "stock"), shown.append)
    assert shown == [Progress(ANALYSING, number) for number in range(FRAMES + 1)]
    assert isinstance(done, Done)
    assert (done.backend, done.batch_size, list(done.timings_s)) == ("", None, ["quality"])


def test_what_stock_wrote_is_judged_too(start: Start, job: Job, tmp_path: Path) -> None:
    shown: list[Any] = []
    with start() as worker:
        worker.wait_ready()
        done = worker.run(replace(stock(job, tmp_path / "stock"), original=job.video), shown.append)
    assert not [event for event in shown if isinstance(event, Message)]
    assert isinstance(done, Done)
    assert {"quality.json", "quality.csv.gz"} < set(done.files)
    assert done.files[0].endswith(".h5")
    assert sorted(done.files) == sorted(file.name for file in (tmp_path / "stock").iterdir())
    assert done.flags


@pytest.mark.parametrize(
    ("mode", "path", "answer"),
    [("not covered", "own", NotCovered("it is not asked to")), ("short", "stock", ShortRead(FRAMES - 1))],
)
def test_what_is_no_result_has_its_own_answer(
    start: Start, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str, path: str, answer: object
) -> None:
    monkeypatch.setenv("NUMBER_ENGINE", mode)
    with start() as worker:
        worker.wait_ready()
        assert worker.run(job if path == "own" else stock(job, tmp_path / "stock"), lambda _: None) == answer
        assert not worker.busy


def test_an_error_of_the_engine_is_explained(
    start: Start, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBER_ENGINE", "no memory")
    with start() as worker:
        worker.wait_ready()
        with pytest.raises(AnalysisError, match="out of memory") as caught:
            worker.run(stock(job, tmp_path / "stock"), lambda _: None)
        assert worker.busy, "it is not used for another job"
        assert any("Tried to allocate" in line for line in worker.tail)
    assert "--batch-size" in caught.value.hint


def test_a_worker_that_is_stopped_writes_a_checkpoint_and_the_next_goes_on(
    start: Start, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = replace(job, checkpoint_s=1000.0)
    monkeypatch.setenv("NUMBER_ENGINE", "slow")

    with start() as worker:
        worker.wait_ready()
        worker._send(Order(job))
        deadline = time.monotonic() + 60
        while not (tmp_path / "reached").exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert [file.name for file in Path(job.checkpoint_folder).iterdir()] == ["0-8.npz"]
    monkeypatch.setenv("NUMBER_ENGINE", "")
    (tmp_path / "poses.float32").unlink()  # the supervisor removes the scratch folder
    shown: list[Any] = []
    with start() as worker:
        worker.wait_ready()
        done = worker.run(job, shown.append)
    assert shown[:2] == [Message(f"continuing at frame 8 of {FRAMES}"), Progress(ANALYSING, 8)]
    assert isinstance(done, Done)
    assert [(each.first, each.stop) for each in done.checkpoints] == [(0, 8)]
