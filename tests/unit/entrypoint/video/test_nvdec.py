"""The GPU's video engine, with FFmpeg's CPU decoder in its place: what is compared, and what happens if it differs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from entrypoint.engines.base import NotCovered
from entrypoint.loop.loop import Loop
from entrypoint.protocol import Job, Message
from entrypoint.video.decoding import nvdec
from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.decoding.decoders import NVDEC
from entrypoint.video.decoding.nvdec import OtherDecoder, Samples, digest_of, planar
from entrypoint.video.pixels import Pictures
from entrypoint.video.scan import scan_video
from entrypoint.video.sound_pass import DamagedVideo, SoundPass
from tests import media
from tests.unit.entrypoint.loop.test_beside import Rows
from tests.unit.entrypoint.loop.test_resume import Mortal
from tests.unit.support.number_network import make_job

FRAMES = 200
X264 = {"options": {"x264-params": "scenecut=0"}}
X265 = {"codec": "libx265", "options": {"x265-params": "scenecut=0:open-gop=0:log-level=none"}}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    """Stands for the engine: the CPU decodes, in NV12; a number's entry is what becomes of that picture."""
    changes: dict[int, Any] = {}
    monkeypatch.setattr(nvdec, "open_engine", lambda: None)
    monkeypatch.setattr(nvdec, "EVERY", 40)
    see = Samples.see_frame

    def as_nv12(frame: Any) -> Any:
        made = frame.reformat(format="nv12")
        made.colorspace, made.color_range, made.pts = frame.colorspace, frame.color_range, frame.pts
        return made

    numbers: Iterator[int] = iter(range(10**9))

    def see_changed(self: Samples, frame: Any) -> None:
        number = next(numbers)
        if changes.get(number) != "missing":
            see(self, changes[number](as_nv12(frame)) if number in changes else as_nv12(frame))

    monkeypatch.setattr(Samples, "see_frame", see_changed)
    return changes


def write(folder: Path, **options: Any) -> Path:
    return media.write_video(folder / "a.mp4", FRAMES, gop=20, **{**X264, **options})


def one_pass(video: Path) -> tuple[SoundPass, int]:
    with SoundPass(video, on_gpu=True) as reading:
        count = sum(1 for _ in reading.frames())
        assert reading.judge() == scan_video(video)
    return reading, count


@pytest.mark.parametrize("options", [X264, X265, {"options": {"x264-params": "open-gop=1"}}])
def test_samples_are_compared_all_along(tmp_path: Path, engine: dict[int, Any], options: dict[str, Any]) -> None:
    reading, count = one_pass(write(tmp_path, **options))
    assert count == FRAMES
    samples = reading.reading._samples
    assert samples is not None
    if options in (X264, X265):
        assert samples.compared == FRAMES // 40 * nvdec.SAMPLED


def darker(frame: Any) -> Any:
    plane = np.frombuffer(frame.planes[0], np.uint8)
    changed = plane.copy()
    changed[0] ^= 1
    frame.planes[0].update(changed.tobytes())
    return frame


@pytest.mark.parametrize("number", [0, 3, 40, 123])
def test_one_bit_of_a_sample_is_enough(tmp_path: Path, engine: dict[int, Any], number: int) -> None:
    engine[number] = darker
    with pytest.raises(OtherDecoder, match="other pictures than the CPU"):
        one_pass(write(tmp_path))


def test_a_picture_that_never_comes_is_missed(tmp_path: Path, engine: dict[int, Any]) -> None:
    engine[41] = "missing"
    with pytest.raises(OtherDecoder, match="left out 1 pictures"):
        one_pass(write(tmp_path))


def test_fewer_pictures_than_packets(tmp_path: Path, engine: dict[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with SoundPass(write(tmp_path), on_gpu=True) as reading:
        for _ in reading.frames():
            pass
        reading.reading.outputs -= 1
        with pytest.raises(OtherDecoder, match="199 pictures of 200 packets"):
            reading.judge()


def test_kinds_of_pictures_that_differ_are_left_to_the_cpu(tmp_path: Path, engine: dict[int, Any]) -> None:
    video = media.write_video(tmp_path / "a.mp4", 10, pix_fmt="yuv444p")
    with pytest.raises(OtherDecoder, match="pictures of the kind yuv444p"):
        one_pass(video)


def test_where_there_is_no_engine(tmp_path: Path) -> None:
    """As here: this test needs a machine without CUDA, or takes the engine itself."""
    try:
        one_pass(write(tmp_path))
    except OtherDecoder as why:
        assert "its video engine cannot be used" in str(why)


def test_damage_that_the_packets_show_is_found(tmp_path: Path, engine: dict[int, Any]) -> None:
    whole = write(tmp_path)
    place, size = media.packet_places(whole)[30]
    path = media.punch_hole(whole, tmp_path / "hole.mp4", place, size)
    with pytest.raises(DamagedVideo):
        one_pass(path)


@pytest.mark.parametrize("kind", ["a.mp4", "b.avi"])
def test_its_pictures_are_those_of_the_cpu(tmp_path: Path, kind: str) -> None:
    """A swscale of its own makes other colours of NV12."""
    options: dict[str, Any] = {} if kind == "a.mp4" else {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0}
    video = media.write_video(tmp_path / kind, 5, width=318, height=242, **options)
    with DecodePass(video) as reading:
        for _, frame in reading.frames():
            of_gpu = frame.reformat(format="nv12")
            of_gpu.colorspace, of_gpu.color_range = frame.colorspace, frame.color_range
            assert np.array_equal(Pictures().convert(of_gpu), Pictures().convert(frame))
            assert digest_of(of_gpu) == digest_of(frame)
            assert planar(frame) is frame


def attempt(job: Job, network: Mortal) -> tuple[Any, list[str]]:
    said: list[str] = []

    def hear(event: object) -> None:
        if isinstance(event, Message):
            said.append(event.text)

    loop = Loop(lambda _: network, network.first_picture)  # type: ignore[arg-type,return-value]
    return loop.analyze(job, hear), said


def gpu_job(video: Path) -> Job:
    job = replace(make_job(video), scan=None, decoder=NVDEC, checkpoint_s=0.0)
    return replace(job, checkpoint_folder=str(video.parent / "parts"))


def test_the_receipt_says_who_decoded(tmp_path: Path, engine: dict[int, Any]) -> None:
    network = Mortal()
    result, said = attempt(gpu_job(write(tmp_path)), network)
    assert (result.decoder, said) == (NVDEC, [])
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))


def test_a_row_that_takes_the_positions_over_says_it_too(tmp_path: Path, engine: dict[int, Any]) -> None:
    rows = Rows(write(tmp_path), {"m0": Mortal(), "m1": Mortal()}, decoder=NVDEC)
    assert [rows.run(number).decoder for number in (0, 1)] == [NVDEC, NVDEC]
    assert rows.said == ["analysed in the pass of a row before it"]


def test_other_models_get_nothing_of_a_wrong_attempt(tmp_path: Path, engine: dict[int, Any]) -> None:
    engine[123] = darker
    rows = Rows(write(tmp_path), {"m0": Mortal(), "m1": Mortal()}, decoder=NVDEC, checkpoint_s=0.0)
    assert rows.run(0).decoder == ""
    assert not list(Path(rows.jobs[1].checkpoint_folder).glob("*"))
    engine.clear()
    assert rows.run(1).decoder == NVDEC
    assert rows.networks["m1"].written[:, 0, 0].tolist() == list(range(FRAMES))


def test_nothing_of_a_wrong_attempt_is_kept(tmp_path: Path, engine: dict[int, Any]) -> None:
    engine[123] = darker
    network = Mortal()
    result, said = attempt(gpu_job(write(tmp_path)), network)
    assert result.decoder == ""
    assert said == [
        "the CPU decodes this video, not the GPU, because its video engine gives other pictures than the CPU"
    ]
    assert not result.checkpoints
    assert network.seen.count(8) == 2, "computed anew, from the CPU's pictures"
    assert network.written[:, 0, 0].tolist() == list(range(FRAMES))


def test_a_machine_without_one_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> Any:
        raise NotCovered("no such device")

    monkeypatch.setattr(nvdec, "open_engine", refuse)
    result, said = attempt(gpu_job(write(tmp_path)), Mortal())
    assert result.decoder == ""
    assert [text.startswith("the CPU decodes this video, not the GPU, because its video") for text in said] == [True]
