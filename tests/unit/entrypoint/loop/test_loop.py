"""Our own loop without an engine: pictures, batches, memory that does not suffice, and the files' parts."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import ModelError, VideoError
from entrypoint.engines.base import NotCovered
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.loop import Loop
from entrypoint.protocol import ANALYSING, Job, Message, Progress, Report
from entrypoint.video.pixels import Pictures, stock_box
from entrypoint.video.scan import scan_video
from tests import media
from tests.unit.support.number_network import Numbers, ignore, make_job

FRAMES = 23


def run(job: Job, network: Numbers, report: Report = ignore) -> Any:
    Loop(lambda _: network, network.first_picture).analyze(job, report)  # type: ignore[arg-type,return-value]
    assert sorted(path.name for path in Path(job.folder).parent.iterdir() if path.is_file()) == sorted(
        {Path(job.video).name} | {path.name for path in Path(job.folder).parent.glob("*.mp4")}
    ), "something was left in the scratch folder"
    return network.written


@pytest.mark.parametrize("batch_size", [1, 4, 23, 100])
def test_every_frame_has_its_row(tmp_path: Path, batch_size: int) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    poses = run(make_job(video, batch_size=batch_size), Numbers())
    assert poses[:, 0, 0].tolist() == list(range(FRAMES))
    assert poses.dtype == np.float32


def test_progress_goes_from_the_first_frame_to_the_last(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reported = list[Any]()
    run(make_job(media.write_video(tmp_path / "a.mp4", FRAMES)), Numbers(), reported.append)
    assert {event.stage for event in reported} == {ANALYSING}
    assert (reported[0], reported[-1]) == (Progress(ANALYSING, 0), Progress(ANALYSING, FRAMES))
    assert capfd.readouterr() == ("", ""), "nothing is printed"


def test_lost_frames_are_nan_in_place(tmp_path: Path) -> None:
    whole = media.write_video(tmp_path / "whole.mp4", 40)
    places = media.packet_places(whole)
    video = media.punch_hole(whole, tmp_path / "hole.mp4", places[17][0], 3 * places[17][1], seed=1)
    job = make_job(video)
    lost = {n for first, stop in job.missing for n in range(first, stop)}
    assert lost
    poses = run(job, Numbers())
    for number, row in enumerate(poses):
        if number in lost:
            assert np.isnan(row[:, :2]).all()
            assert (row[:, 2] == 0).all()
        else:
            assert row[0, 0] == number


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_too_little_memory_makes_batches_smaller_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    network, reported = Numbers(limit), list[Any]()
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    poses = run(make_job(video, batch_size=8), network, reported.append)
    assert poses[:, 0, 0].tolist() == list(range(FRAMES))
    assert max(network.batches) <= limit
    assert Message("out of memory: continuing with batches of 4") in reported


def test_memory_that_never_suffices_is_an_error(tmp_path: Path) -> None:
    network = Numbers()
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    loop = Loop(lambda _: network, network.first_picture)  # type: ignore[arg-type,return-value]
    loop.analyze(make_job(video), ignore)
    network.limit = 0
    with pytest.raises(RuntimeError, match="out of memory"):
        loop.analyze(make_job(video), ignore)


class Faster(Numbers):
    """OpenVINO is there, and gives positions that are off by `off`; or it fails, at once or with the first frames."""

    def __init__(self, off: float = 0.0, failure: str = "", late_failure: str = "") -> None:
        super().__init__()
        self.off, self.failure, self.late_failure, self.fast, self.exports = off, failure, late_failure, False, 0

    def use_openvino(self, job: Job, size: tuple[int, int]) -> str:
        self.exports += 1
        if self.failure:
            raise NotCovered(self.failure)
        self.fast = True
        return f"Fast for {size[0]} x {size[1]}"

    def use_engine(self) -> str:
        self.fast = False
        return super().use_engine()

    def predict(self, frames: Any) -> Any:
        if self.fast and self.late_failure:
            raise RuntimeError(self.late_failure)
        return super().predict(frames) + np.float32(self.off if self.fast else 0)


def test_openvino_is_taken_where_it_gives_the_same(tmp_path: Path) -> None:
    video, network = media.write_video(tmp_path / "a.mp4", FRAMES), Faster(off=2e-6)
    loop = Loop(lambda _: network, network.first_picture)  # type: ignore[arg-type,return-value]
    for _ in range(2):
        result = loop.analyze(make_job(video, backend="auto"), ignore)
        assert (result.backend, result.why_engine) == ("Fast for 96 x 144", "")
        assert network.fast
    assert network.exports == 1, "it is settled once for a size of pictures"
    loop.analyze(make_job(video, backend="auto", batch_size=3), ignore)
    assert network.exports == 2, "other batches are shared out in another way"
    assert loop.analyze(make_job(video, backend="engine"), ignore).backend == "Numbers 1"
    assert not network.fast


def test_openvino_is_not_tried_where_frames_change_each_other(tmp_path: Path) -> None:
    network = Faster()
    network.batch_matters = True
    job = make_job(media.write_video(tmp_path / "a.mp4", FRAMES), backend="auto")
    result = Loop(lambda _: network, network.first_picture).analyze(job, ignore)  # type: ignore[arg-type,return-value]
    assert result.backend == "Numbers 1"
    assert "normalises by the batch" in result.why_engine
    assert network.exports == 0


@pytest.mark.parametrize(
    ("network", "why"),
    [
        (Faster(off=0.002), r"other positions \(by 0\.002 px"),
        (Faster(off=0.02), r"other positions \(by 0\.02 px"),
        (Faster(off=float("nan")), r"other positions \(by nan px"),
        (Faster(failure="it is not there"), "it is not there"),
        (Faster(late_failure="shapes differ"), r"OpenVINO cannot take this network \(shapes differ\)"),
        (Faster(late_failure="out of memory"), r"OpenVINO cannot take this network \(out of memory\)"),
    ],
)
def test_the_engine_computes_where_openvino_cannot(tmp_path: Path, network: Faster, why: str) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    job = make_job(video, backend="auto")
    result = Loop(lambda _: network, network.first_picture).analyze(job, ignore)  # type: ignore[arg-type,return-value]
    assert result.backend == "Numbers 1"
    assert result.batch_size == job.batch_size, "the engine has what OpenVINO had no memory for"
    assert re.search(why, result.why_engine)
    assert network.written is not None
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))
    with pytest.raises(ModelError, match=why):
        Loop(lambda _: network, network.first_picture).analyze(replace(job, backend="openvino"), ignore)  # type: ignore[arg-type,return-value]


def test_a_video_that_changed_since_its_scan(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    job = make_job(video)
    for frames in (FRAMES - 3, FRAMES + 3):
        media.write_video(video, frames)
        longer = replace(job, scan=replace(job.found, outputs=[[0, 100]]))
        with pytest.raises(VideoError, match="23 frames decoded at first"):
            run(longer, Numbers())


@pytest.mark.parametrize("shift", [0.02, float("nan")])
def test_a_network_that_differs_from_stock_is_not_used(tmp_path: Path, shift: float) -> None:
    network = Numbers()
    network.shift = shift
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    with pytest.raises(NotCovered, match="other positions"):
        run(make_job(video), network)
    assert network.written is None


def test_a_network_stays_while_the_model_does(tmp_path: Path) -> None:
    opened: list[str] = []

    def open_network(job: Job) -> Any:
        opened.append(job.model)
        return Numbers()

    loop = Loop(open_network, lambda _: None)
    job = make_job(media.write_video(tmp_path / "a.mp4", FRAMES))
    for model in ("m", "m", "other", "other"):
        loop.analyze(replace(job, model=model), ignore)
    loop.forget()
    loop.analyze(replace(job, model="other"), ignore)
    assert opened == ["m", "other", "other"]


def test_cropped_and_turned_pictures(tmp_path: Path) -> None:
    video = media.rotate_mp4(media.write_video(tmp_path / "a.mp4", 3), tmp_path / "turned.mp4")
    found = scan_video(video)
    allocate = Numbers().allocate
    with BatchReader(video, found, batch_size=4, box=None, allocate=allocate) as reader:
        (whole,) = [batch.copy() for batch in reader]
    assert whole.shape == (3, media.WIDTH, media.HEIGHT, 3)
    with BatchReader(video, found, batch_size=4, box=lambda *_: (5, 50, 20, 90), allocate=allocate) as reader:
        (part,) = [batch.copy() for batch in reader]
    assert (part == whole[:, 20:90, 5:50]).all()


def test_pictures_that_change_their_size(tmp_path: Path) -> None:
    """MJPEG holds pictures of any size; so does MPEG-TS, put together from two files. OpenCV fits all to the first."""
    parts = [media.write_video(tmp_path / f"{w}.ts", 6, width=w, height=w, bframes=0) for w in (96, 144)]
    video = tmp_path / "both.ts"
    video.write_bytes(b"".join(part.read_bytes() for part in parts))
    with av.open(str(video)) as source:
        sizes = {frame.width for frame in source.decode(video=0)}
    assert sizes == {96, 144}
    found = scan_video(video)
    assert (found.stream, found.width, found.height) == (12, 96, 96)
    with BatchReader(video, found, batch_size=2, box=None, allocate=Numbers().allocate) as reader:
        numbers = [media.read_number(picture) for batch in reader for picture in batch]
    assert numbers == [*range(6), *range(6)]


def test_decoding_runs_ahead_but_not_far(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", 60)
    made = []

    def allocate(shape: tuple[int, ...]) -> Any:
        made.append(shape)
        return np.zeros(shape, np.uint8)

    with BatchReader(video, scan_video(video), batch_size=4, box=None, allocate=allocate, threads=2) as reader:
        batches = iter(reader)
        next(batches)
        deadline = time.monotonic() + 30
        while len(made) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert len(made) == 4, "one with the network, one waiting, one for each of two threads"
    assert "decoding" not in {thread.name for thread in threading.enumerate()}, "left before the end, it stops"


def test_interlaced_frames_are_converted_as_a_whole(tmp_path: Path) -> None:
    pictures = []
    for name, options in (("a.mp4", {}), ("b.mp4", {"x264-params": "interlaced=1"})):
        video = media.write_video(tmp_path / name, 1, bframes=0, options={"crf": "1", **options})
        with av.open(str(video)) as source:
            frame = next(source.decode(video=0))
        assert frame.interlaced_frame == (name == "b.mp4")
        pictures.append(Pictures().convert(frame).astype(int))
    assert np.abs(pictures[0] - pictures[1]).mean() < 1


@given(st.integers(1, 4000), st.data())
def test_a_crop_is_truncated_as_deeplabcut_truncates_it(width: int, data: st.DataObject) -> None:
    x1 = data.draw(st.integers(0, width - 1))
    x2 = data.draw(st.integers(x1 + 1, width))
    box = stock_box([x1, x2, 0, 1], width, 1)
    assert box is not None
    left, right = (int(width * (x / width)) for x in (x1, x2))
    assert box == (left, right, 0, 1)
    assert x1 - 1 <= box[0] <= x1
    assert x2 - 1 <= box[1] <= x2


def test_no_crop_is_the_whole_picture() -> None:
    assert stock_box(None, 640, 480) is None
