"""A video is decoded once: what a scan would find is found while the network works."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.errors import AnalysisError, ManifestError, VideoError
from dlcctr.results.sections import FromFloat32
from entrypoint.engines.base import NotCovered
from entrypoint.loop.batch_reader import BatchReader
from entrypoint.loop.loop import Loop
from entrypoint.loop.result import LoopResult
from entrypoint.protocol import Checkpoint, Job, Message, Progress
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.scan import scan_video
from entrypoint.video.sound_pass import DamagedVideo
from tests import media
from tests.unit.entrypoint.engines.test_tensorflow import Whole
from tests.unit.entrypoint.loop.test_resume import Mortal, die
from tests.unit.support.number_network import Numbers, ignore, make_job

FRAMES = 30


def one_pass(video: Path, **options: Any) -> Job:
    """A job without a scan."""
    return replace(make_job(video, announced=0), scan=None, **options)


def attempt(job: Job, network: Numbers, report: Any = ignore) -> LoopResult:
    return Loop(lambda _: network, network.first_picture).analyze(job, report)  # type: ignore[arg-type,return-value]


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """All videos that are opened for decoding."""
    opened: list[Path] = []
    before = DecodePass.__init__

    def count(self: DecodePass, path: Path, **options: Any) -> None:
        opened.append(path)
        before(self, path, **options)

    monkeypatch.setattr(DecodePass, "__init__", count)
    return opened


VIDEOS = {
    "h264.mp4": {},
    "h264.mkv": {},
    "open.ts": {"options": {"x264-params": "open-gop=1"}},
    "mpeg4.avi": {"codec": "mpeg4", "bframes": 0},
    "mjpeg.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0},
    "hevc.mp4": {"codec": "libx265"},
    "raw.h264": {},
}


@pytest.mark.parametrize("name", VIDEOS)
@pytest.mark.parametrize("batch_size", [1, 7, 30, 64])
def test_one_decode_finds_what_a_scan_finds(tmp_path: Path, name: str, batch_size: int, passes: list[Path]) -> None:
    video = media.write_video(tmp_path / name, FRAMES, **VIDEOS[name])  # type: ignore[arg-type]
    job, network = one_pass(video, batch_size=batch_size), Numbers()
    expected = scan_video(video)
    passes.clear()
    result = attempt(job, network)
    # frames of a raw stream have no times: those of the pictures are found by counting
    assert len(passes) == 1 + (name == "raw.h264"), "one decode"
    assert result.scan == expected
    assert (result.scan.outputs, result.scan.strict) == (expected.outputs, expected.strict)
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))


def damaged(video: Path, name: str) -> Path:
    """A damaged copy of a video."""
    places, out = media.packet_places(video), video.with_name(f"damaged{video.suffix}")
    if name == "hole":
        return media.punch_hole(video, out, places[17][0], 3 * places[17][1], seed=1)
    if name == "hole in the last packet":
        return media.punch_hole(video, out, places[-1][0] + places[-1][1] // 3, places[-1][1] // 2, seed=1)
    return media.cut(video, out, 0.6)


JPEG: dict[str, Any] = {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0}


@pytest.mark.parametrize(
    ("name", "ending", "options"),
    [
        ("hole", "mp4", {}), ("hole", "avi", JPEG), ("hole in the last packet", "mp4", {}),
        ("hole in the last packet", "avi", JPEG), ("cut", "avi", JPEG), ("cut", "mkv", {}),
    ],
)  # fmt: skip
def test_damage_is_found_on_the_way_and_nothing_is_written(
    tmp_path: Path, name: str, ending: str, options: dict[str, Any]
) -> None:
    video = damaged(media.write_video(tmp_path / f"a.{ending}", 60, **options), name)
    found = scan_video(video)
    assert not found.clean
    network = Numbers()
    job = replace(one_pass(tmp_path / f"a.{ending}"), video=str(video))
    with pytest.raises(DamagedVideo):
        attempt(job, network)
    assert network.written is None
    assert not list(tmp_path.glob("*.float32"))
    attempt(replace(job, scan=found), network)
    assert len(network.written) == found.stream


def test_a_cut_file_is_not_analysed_up_to_its_end_first(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.avi", 60, **JPEG)
    media.cut(video, video, 0.6)
    network = Numbers()
    with contextlib.suppress(DamagedVideo):
        attempt(one_pass(video), network)
    assert network.batches == []


def test_an_error_of_the_file_is_an_error_of_the_video(tmp_path: Path) -> None:
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES))
    Path(job.video).write_bytes(b"no video at all\n" * 100)
    with pytest.raises(VideoError, match="a text file, not a video"):
        attempt(job, Numbers())


def test_a_crop_is_held_against_the_first_picture(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    width = media.WIDTH
    with pytest.raises(ManifestError, match=f"crop 0,{width + 1},0,9 does not fit into the picture of {width} x"):
        attempt(one_pass(video, crop=[0, width + 1, 0, 9]), Numbers())


def test_progress_ends_with_the_frames_that_there_are(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mkv", FRAMES)
    for announced in (0, 25, FRAMES, 1000):
        reported: list[Any] = []
        attempt(one_pass(video, announced=announced), Numbers(), reported.append)
        assert isinstance(reported[-1], Progress)
        assert reported[-1].done == FRAMES
        assert reported.count(reported[-1]) == 1


@pytest.mark.parametrize("size", [1, 4, 7, 30, 40])
def test_interrupted_anywhere_the_result_is_the_same(tmp_path: Path, size: int) -> None:
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES), batch_size=size, announced=FRAMES)
    whole = Mortal()
    attempt(job, whole)
    job = replace(job, checkpoint_folder=str(tmp_path / "parts"), checkpoint_s=0.0)
    for lives in (2, 9, 17, 28, 30):
        die(job, Mortal(lives))
        network, reported = Mortal(), list[Any]()
        result = attempt(job, network, reported.append)
        assert network.written.tobytes() == whole.written.tobytes(), lives
        if result.checkpoints:
            stop = result.checkpoints[-1].stop
            assert stop % size == 0, "whether the video ends there is not known before its end"
            assert reported[0] == Message(f"continuing at frame {stop} of {FRAMES}")
        for file in (tmp_path / "parts").glob("*"):
            file.unlink()


def test_a_video_that_is_shorter_than_what_was_finished(tmp_path: Path) -> None:
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES))
    job = replace(job, checkpoint_folder=str(tmp_path / "parts"), checkpoint_s=0.0)
    die(job, Mortal(29))
    media.write_video(Path(job.video), 12)
    with pytest.raises(VideoError, match="12 frames decoded at first, 28 the second time"):
        attempt(job, Mortal())


class Ahead(Numbers):
    """Positions are there only when they are asked for, as on a GPU; until then, frames must have been copied."""

    def __init__(self, ahead: int) -> None:
        super().__init__()
        self.ahead, self.waiting, self.most = ahead, 0, 0

    def start(self, frames: Any) -> Any:
        if len(frames) > self.limit:
            raise RuntimeError("out of memory")
        kept = frames.copy()
        self.waiting += 1
        self.most = max(self.most, self.waiting)

        def finish() -> Any:
            self.waiting -= 1
            self.batches.append(len(kept))
            return np.stack([self.position(frame) for frame in kept])

        return finish


@pytest.mark.parametrize("ahead", [0, 1, 2])
@pytest.mark.parametrize("batch_size", [1, 4, 64])
def test_positions_that_come_later_keep_their_places(tmp_path: Path, ahead: int, batch_size: int) -> None:
    network = Ahead(ahead)
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES), batch_size=batch_size)
    result = attempt(job, network)
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))
    assert network.waiting == 0
    assert network.most == min(ahead + 1, -(-FRAMES // batch_size))
    assert result.batch_size == batch_size


def test_memory_that_does_not_suffice_while_batches_are_under_way(tmp_path: Path) -> None:
    class Shrinking(Ahead):
        def start(self, frames: Any) -> Any:
            self.limit = 100 if len(self.batches) < 2 else 3
            return super().start(frames)

    network, reported = Shrinking(1), list[Any]()
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES), batch_size=8)
    result = attempt(job, network, reported.append)
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))
    assert result.batch_size == 2
    assert [event.text for event in reported if isinstance(event, Message)] == [
        "out of memory: continuing with batches of 4", "out of memory: continuing with batches of 2"
    ]  # fmt: skip


# The reader


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("batch_size", [1, 4, 13])
def test_pictures_are_the_same_with_any_number_of_threads(tmp_path: Path, threads: int, batch_size: int) -> None:
    video = media.write_video(tmp_path / "a.mp4", 50)
    found = []
    for number in (1, threads):
        with BatchReader(
            video, None, batch_size=batch_size, box=None, allocate=Numbers().allocate, threads=number
        ) as reader:
            found.append(np.concatenate([batch.copy() for batch in reader]))
        assert reader.scan == scan_video(video)
    assert [media.read_number(picture) for picture in found[1]] == list(range(50))
    assert (found[0] == found[1]).all()


def test_an_error_while_converting_reaches_who_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from entrypoint.video.pixels import Pictures

    convert = Pictures.convert

    def fail(self: Pictures, frame: Any) -> Any:
        if frame.pts and media.read_number(convert(self, frame)) == 17:
            raise MemoryError("no room for a picture")
        return convert(self, frame)

    monkeypatch.setattr(Pictures, "convert", fail)
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    seen = 0

    def read() -> Iterator[Any]:
        with BatchReader(video, None, batch_size=4, box=None, allocate=Numbers().allocate) as reader:
            yield from reader

    with pytest.raises(MemoryError, match="no room for a picture"):
        for batch in read():
            seen += len(batch)
    assert seen == 16


def test_checkpoints_of_one_pass_name_what_made_them(tmp_path: Path) -> None:
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES))
    job = replace(job, checkpoint_folder=str(tmp_path / "parts"), checkpoint_s=0.0)
    die(job, Mortal(1 + 16))
    assert attempt(job, Mortal()).checkpoints == [Checkpoint(0, 16, 4, "cpu", "Numbers 1")]


class Halved(Numbers):
    """Can compute in 16 bits, which is off by `off`."""

    def __init__(self, off: float = 0.0625) -> None:
        super().__init__()
        self.off, self.name = off, "float32"

    def use_engine(self) -> str:
        self.name = "float32"
        return super().use_engine()

    def use_precision(self, name: str) -> None:
        self.name = name

    def predict(self, frames: Any) -> Any:
        return super().predict(frames) + np.float32([0, 0 if self.name == "float32" else self.off, 0])


def test_another_precision_says_how_far_it_is_off(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    network, reported = Halved(), list[Any]()
    loop = Loop(lambda _: network, network.first_picture)  # type: ignore[arg-type,return-value]
    for precision, off in (("bf16", 0.0625), ("float32", 0.0), ("fp16", 0.0625), ("fp16", 0.0625)):
        result = loop.analyze(one_pass(video, precision=precision), reported.append)
        assert (network.written[:, 0, 1] == media.WIDTH + np.float32(off)).all()
        far = None if precision == "float32" else FromFloat32(4, 0.0625, 0.0)
        assert result.from_float32 == far, "of every video"
        assert result.backend == "Numbers 1" + (f", {precision}" if far else "")
    said = [event.text for event in reported if isinstance(event, Message)]
    assert [text.split(":")[0] for text in said] == ["bf16", "fp16", "fp16"]
    assert "on its first 4 frames up to 0.0625 px and 0.0 in likelihood from float32" in said[0]


def test_a_precision_whose_range_does_not_suffice(tmp_path: Path) -> None:
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES), precision="fp16")
    with pytest.raises(AnalysisError, match="in fp16 this network gives no numbers") as caught:
        attempt(job, Halved(off=float("nan")))
    assert "bf16" in caught.value.hint


def test_a_network_that_knows_no_other_precision(tmp_path: Path) -> None:
    job = one_pass(media.write_video(tmp_path / "a.mp4", FRAMES), precision="fp16")
    with pytest.raises(NotCovered, match="not read in fp16"):
        attempt(job, Numbers())


def test_a_batch_that_suits_a_gpu(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", FRAMES)
    network, reported = Numbers(), list[Any]()
    result = attempt(one_pass(video, batch_size=4, gpu_batch_size=16), network, reported.append)
    assert result.batch_size == max(network.batches) == 16
    assert Message("batches of 16 frames on the GPU, not the project's 4; choose with --batch-size") in reported
    whole = Whole()
    assert attempt(one_pass(video, batch_size=4, gpu_batch_size=16), whole).batch_size == 4, "batches matter"
