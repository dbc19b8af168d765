"""Our own loop, stopped and run again: the same positions, and no frame twice through the network."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.errors import VideoError
from entrypoint.engines.base import NotCovered
from entrypoint.loop import batch_reader as ahead
from entrypoint.loop import loop as run
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.checkpoints.termination import EXIT_CODE, save_when_terminated
from entrypoint.loop.loop import Loop
from entrypoint.loop.pose_array import DECODED_NAME
from entrypoint.loop.result import LoopResult
from entrypoint.protocol import ANALYSING, Checkpoint, Job, Message, Progress, Report
from entrypoint.video.frames import decoded_frames
from entrypoint.video.scan import scan_video
from tests import media
from tests.unit.entrypoint.engines.test_tensorflow import Whole
from tests.unit.support.number_network import Numbers, ignore, make_job

FRAMES = 30
SIZE = 4


class Killed(BaseException):
    """Stands for SIGKILL."""


class Mortal(Numbers):
    """Dies before it has seen so many frames; likelihoods are odd numbers, and differ from frame to frame."""

    def __init__(self, lives: int = 10**9) -> None:
        super().__init__()
        self.lives, self.seen = lives, list[int]()

    def predict(self, frames: Any) -> Any:
        self.lives -= len(frames)
        if self.lives < 0:
            raise Killed
        poses = super().predict(frames)
        self.seen += poses[:, 0, 0].astype(int).tolist()
        poses[..., 2] = 1 / (1.1 + poses[..., 0])
        return poses

    def predict_as_stock(self, frame: Any) -> Any:
        return Mortal().predict(frame[None])[0]


class MortalWhole(Mortal, Whole):
    """The same, and each likelihood is that of the batch."""

    batch_matters = True

    def predict(self, frames: Any) -> Any:
        poses = super().predict(frames)
        if len(frames) > 1:
            poses[..., 2] = poses[:, 0, 2].sum()
        return poses


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return with_checkpoints(make_job(media.write_video(tmp_path / "a.mp4", FRAMES)), tmp_path)


def with_checkpoints(job: Job, folder: Path) -> Job:
    return replace(job, checkpoint_folder=str(folder / "parts"), checkpoint_s=0.0)


def attempt(job: Job, network: Numbers, report: Report = ignore) -> LoopResult:
    return Loop(lambda _: network, network.first_picture).analyze(job, report)  # type: ignore[arg-type,return-value]


def die(job: Job, network: Mortal) -> None:
    with pytest.raises(Killed):
        attempt(job, network)
    assert network.written is None


def clean(job: Job, kind: Callable[[], Numbers]) -> Any:
    network = kind()
    attempt(replace(job, checkpoint_folder=""), network)
    return network.written


@pytest.mark.parametrize("kind", [Mortal, MortalWhole])
@pytest.mark.parametrize("size", [1, 4, 7, 30, 40])
def test_interrupted_anywhere_the_result_is_the_same(job: Job, kind: type[Mortal], size: int) -> None:
    job = replace(job, batch_size=size)
    if kind is MortalWhole and size > FRAMES:
        with pytest.raises(NotCovered):
            attempt(job, kind())
        return
    expected = clean(job, kind)
    for lives in (2, 9, 17, 28, 33, 40):
        for file in Path(job.checkpoint_folder).parent.glob("parts/*"):
            file.unlink()
        die(job, kind(min(lives, FRAMES)))
        network = kind()
        attempt(job, network)
        assert network.written is not None
        assert network.written.tobytes() == expected.tobytes(), lives


def test_many_interruptions(job: Job) -> None:
    expected, chance, deaths = clean(job, MortalWhole), random.Random(5), 0
    for _ in range(100):
        network = MortalWhole(chance.randint(1, 14))
        try:
            result = attempt(job, network)
        except Killed:
            deaths += 1
            continue
        assert network.written is not None
        assert network.written.tobytes() == expected.tobytes()
        assert [(part.first, part.stop) for part in result.checkpoints] == [(0, result.checkpoints[-1].stop)]
        break
    else:
        pytest.fail("it never ends")
    assert deaths > 3


def test_finished_frames_are_not_fed_again(job: Job) -> None:
    die(job, Mortal(1 + 4 * SIZE))
    network = Mortal()
    result = attempt(job, network)
    assert network.seen == [0, 0, 1, 2, 3, *range(16, FRAMES)], (
        "the first frame against stock, the first batch, the rest"
    )
    assert result.checkpoints == [Checkpoint(0, 16, SIZE, "cpu", "Numbers 1")]


def test_the_batch_before_the_rest_is_there_for_the_last_one(job: Job) -> None:
    """Stock's last batch is filled up with the one before, which was finished by another attempt."""
    expected = clean(job, MortalWhole)
    die(job, MortalWhole(1 + 28))
    network = MortalWhole()
    attempt(job, network)
    assert network.seen == [0, 0, 1, 2, 3, 28, 29, 26, 27]
    assert network.written is not None
    assert network.written.tobytes() == expected.tobytes()


def test_lost_frames_stay_in_place(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "whole.mp4", 40)
    places = media.packet_places(whole)
    video = media.punch_hole(whole, tmp_path / "hole.mp4", places[17][0], 3 * places[17][1], seed=1)
    job = with_checkpoints(make_job(video), tmp_path)
    assert job.missing
    expected = clean(job, Mortal)
    for lives in (1 + 3 * SIZE, 1 + 3 * SIZE):
        die(job, Mortal(lives))
    network = Mortal()
    (part,) = attempt(job, network).checkpoints
    assert part.stop == 5 * SIZE, "three batches, and two more behind the first, which was seen again"
    assert network.written is not None
    assert network.written.tobytes() == expected.tobytes()


def test_all_frames_are_finished_already(job: Job) -> None:
    class NoDisk(Mortal):
        def write(self, *_: Any) -> None:
            raise Killed

    expected = clean(job, Mortal)
    with pytest.raises(Killed):
        attempt(job, NoDisk())
    network = Mortal()
    attempt(job, network)
    assert network.seen == [0, 0, 1, 2, 3]
    assert network.written is not None
    assert network.written.tobytes() == expected.tobytes()


def test_checkpoints_of_other_positions_are_not_used(job: Job) -> None:
    class Other(Mortal):
        def position(self, frame: Any) -> Any:
            return super().position(frame) + np.float32([0.5, 0, 0])

        def predict_as_stock(self, frame: Any) -> Any:
            return Other().predict(frame[None])[0]

    die(job, Other(1 + 4 * SIZE))
    network, reported = Mortal(), list[Any]()
    result = attempt(job, network, reported.append)
    assert any(isinstance(event, Message) and "is not used" in event.text for event in reported)
    assert result.checkpoints == []
    assert network.written is not None
    assert network.written.tobytes() == clean(job, Mortal).tobytes()
    again = Mortal()
    assert attempt(job, again).checkpoints == [Checkpoint(0, FRAMES, SIZE, "cpu", "Numbers 1")], (
        "those of this attempt are"
    )


def test_damaged_parts_cost_time_only(job: Job) -> None:
    die(job, Mortal(1 + 5 * SIZE))
    file = Path(job.checkpoint_folder) / "8-12.npz"
    file.write_bytes(file.read_bytes()[:-9])
    network = Mortal()
    assert attempt(job, network).checkpoints == [Checkpoint(0, 8, SIZE, "cpu", "Numbers 1")]
    assert network.written is not None
    assert network.written.tobytes() == clean(job, Mortal).tobytes()


def test_a_smaller_batch_is_recorded(job: Job) -> None:
    class Small(Mortal):
        def predict(self, frames: Any) -> Any:
            if len(frames) > 2 and self.lives < 20:
                raise RuntimeError("out of memory")
            return super().predict(frames)

    die(job, Small(29))
    assert attempt(job, Mortal()).checkpoints == [
        Checkpoint(0, 12, SIZE, "cpu", "Numbers 1"),
        Checkpoint(12, 28, 2, "cpu", "Numbers 1"),
    ]


@pytest.mark.parametrize("frames", [FRAMES - 8, FRAMES + 8])
@pytest.mark.parametrize("lives", [13, 29])
def test_a_video_that_changed_meanwhile(job: Job, frames: int, lives: int) -> None:
    """Also where it ends before the place to go on at."""
    die(job, Mortal(lives))
    media.write_video(Path(job.video), frames)
    with pytest.raises(VideoError, match="30 frames decoded at first"):
        attempt(replace(job, scan=replace(job.found, outputs=[[0, 100]])), Mortal())


@pytest.mark.parametrize("kind", [Mortal, MortalWhole])
def test_progress_begins_where_it_goes_on(job: Job, monkeypatch: pytest.MonkeyPatch, kind: type[Mortal]) -> None:
    die(job, kind(1 + 4 * SIZE))
    monkeypatch.setattr(run, "PROGRESS_EVERY_S", 0.0)
    reported = list[Any]()
    attempt(job, kind(), reported.append)
    assert reported[0] == Message("continuing at frame 16 of 30")
    assert list(dict.fromkeys(reported[1:])) == [Progress(ANALYSING, done) for done in (16, 20, 24, 28, 30)]


def test_skipped_frames_are_decoded_and_not_converted(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    from entrypoint.video.pixels import Pictures

    converted = []
    convert = Pictures.convert

    def count(self: Pictures, frame: Any) -> Any:
        converted.append(frame)
        return convert(self, frame)

    monkeypatch.setattr(Pictures, "convert", count)
    with BatchReader(
        Path(job.video),
        scan_video(Path(job.video)),
        batch_size=SIZE,
        box=None,
        allocate=Numbers().allocate,
        skip=(4, 20),
    ) as reader:
        numbers = [[media.read_number(frame) for frame in batch] for batch in reader]
        assert numbers == [[0, 1, 2, 3], [20, 21, 22, 23], [24, 25, 26, 27], [28, 29]]
        assert reader.decoded == FRAMES
    assert len(converted) == 14


def test_a_reader_that_is_left_while_it_skips_stops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slowly(*arguments: Any) -> Iterator[Any]:
        for frame in decoded_frames(*arguments):
            time.sleep(0.01)
            yield frame

    monkeypatch.setattr(ahead, "decoded_frames", slowly)
    video = media.write_video(tmp_path / "a.mp4", 400)
    found = scan_video(video)
    with BatchReader(video, found, batch_size=1, box=None, allocate=Numbers().allocate, skip=(1, 399)) as reader:
        next(iter(reader))
    assert reader.decoded < 400


# SIGTERM


def in_child(work: Callable[[], object]) -> multiprocessing.Process:
    def body() -> None:
        work()
        os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=body)
    process.start()
    return process  # type: ignore[return-value]


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_sigterm_saves_what_is_finished(job: Job, tmp_path: Path) -> None:
    """In the middle of a call of the network that would take a minute."""

    class Slow(Mortal):
        def predict(self, frames: Any) -> Any:
            if len(self.seen) > 9:
                (tmp_path / "reached").touch()
                time.sleep(60)  # no signal makes it return
            return super().predict(frames)

    expected = clean(job, Mortal)
    job = replace(job, checkpoint_s=1000.0)
    process = in_child(lambda: attempt(job, Slow()))
    wait_for(tmp_path / "reached")
    assert not Path(job.checkpoint_folder).exists()
    began = time.monotonic()
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(30)
    assert process.exitcode == EXIT_CODE
    assert time.monotonic() - began < 5
    assert [file.name for file in Path(job.checkpoint_folder).iterdir()] == ["0-12.npz"]
    (tmp_path / DECODED_NAME).unlink()  # the supervisor removes the scratch folder
    network = Mortal()
    assert attempt(job, network).checkpoints == [Checkpoint(0, 12, SIZE, "cpu", "Numbers 1")]
    assert network.written is not None
    assert network.written.tobytes() == expected.tobytes()


def test_sigterm_before_anything_is_finished(job: Job, tmp_path: Path) -> None:
    class Stuck(Mortal):
        def predict(self, frames: Any) -> Any:
            (tmp_path / "reached").touch()
            time.sleep(60)

    process = in_child(lambda: attempt(job, Stuck()))
    wait_for(tmp_path / "reached")
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(30)
    assert process.exitcode == EXIT_CODE
    assert not Path(job.checkpoint_folder).exists()


def test_sigterm_is_as_before_outside_of_the_loop(job: Job, tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    attempt(job, Mortal())
    assert signal.getsignal(signal.SIGTERM) is before
    assert signal.set_wakeup_fd(-1) == -1

    def work() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        attempt(job, Mortal())
        (tmp_path / "reached").touch()
        time.sleep(60)

    process = in_child(work)
    wait_for(tmp_path / "reached")
    os.kill(process.pid or 0, signal.SIGTERM)
    process.join(30)
    assert process.exitcode == -signal.SIGTERM


def test_other_signals_end_nothing() -> None:
    caught, saved = [], []
    before = signal.signal(signal.SIGUSR1, lambda number, _: caught.append(number))
    try:
        with save_when_terminated(lambda: saved.append(1)):
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(0.05)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert (caught, saved) == ([signal.SIGUSR1], [])
