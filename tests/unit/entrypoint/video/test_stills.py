"""Single pictures of a video by their time, and what is drawn on them."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from entrypoint.video.decoding.decode_pass import DecodePass
from entrypoint.video.pixels import Pictures
from entrypoint.video.scan import scan_video
from entrypoint.video.stills import LONGEST_PX, draw, read_stills
from tests import media

KINDS: dict[str, dict[str, Any]] = {
    "a.mp4": {}, "a.mkv": {}, "a.ts": {}, "b.mp4": {"codec": "libx265"}, "a.webm": {"codec": "libvpx"},
    "a.avi": {"codec": "mjpeg", "pix_fmt": "yuvj420p", "bframes": 0}, "m.avi": {"codec": "mpeg4", "bframes": 0},
}  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
def test_a_still_is_the_very_frame(tmp_path: Path, name: str) -> None:
    video = media.write_video(tmp_path / name, 60, **KINDS[name])
    times = scan_video(video).times
    assert times is not None
    wanted = {number: times.seconds[number] for number in (57, 0, 31, 12)}
    found = dict(read_stills(video, wanted, None))
    assert sorted(found) == [0, 12, 31, 57]
    with DecodePass(video) as reading:
        for number, frame in reading.frames():
            if number in found:
                assert np.array_equal(found[number], Pictures(size=reading.size).convert(frame))
                assert media.read_number(found[number]) == number


@pytest.mark.parametrize(
    "options",
    [{"codec": "mpeg4"}, {}, {"bframes": 0}, {"container": "h264"}],
    ids=["mpeg4", "h264", "h264 without B-frames", "raw"],
)
def test_where_no_time_finds_a_frame_it_is_counted(tmp_path: Path, options: dict[str, Any]) -> None:
    name = "a.h264" if "container" in options else "a.avi"
    video = media.write_video(tmp_path / name, 60, **{"bframes": 2, **options})
    times = scan_video(video).times
    assert times is not None
    wanted = {number: times.seconds[number] for number in (0, 12, 31, 57)}
    assert not dict(read_stills(video, wanted, None)), "better none than another frame"
    found = dict(read_stills(video, wanted, None, is_sound=True))
    assert {number: media.read_number(picture) for number, picture in found.items()} == {n: n for n in wanted}


def test_what_is_not_there_at_its_time_is_left_out(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", 20)
    assert list(read_stills(video, {3: 0.1300, 4: math.nan, 30: 99.0}, None)) == []


def test_of_a_crop_only_that_part(tmp_path: Path) -> None:
    video = media.write_video(tmp_path / "a.mp4", 5)
    ((_, picture),) = read_stills(video, {2: 0.08}, (4, 20, 2, 12))
    assert picture.shape == (10, 16, 3)


def decoded(data: bytes) -> Any:
    with av.open(io.BytesIO(data), format="jpeg_pipe") as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)


def test_points_are_drawn_where_they_are_and_smaller_pictures_keep_them(tmp_path: Path) -> None:
    picture = np.full((720, 1280, 3), 90, np.uint8)
    points = np.array([[[640.0, 360.0, 1.0], [100.0, 600.0, 1.0], [np.nan, np.nan, 0.0]]])
    found = decoded(draw(picture, points))
    assert found.shape == (270, LONGEST_PX, 3)
    red, green = found[135, 240], found[225, 38]
    assert red[0] > 180
    assert max(red[1:]) < 110
    assert green[1] > 180
    assert np.abs(found[20, 400] - 90).max() < 8, "nothing else is drawn"


def test_an_unsure_point_is_faint_and_points_outside_break_nothing() -> None:
    picture = np.zeros((100, 100, 3), np.uint8)
    sure, unsure = (decoded(draw(picture, np.array([[[50.0, 50.0, p]]])))[50, 50, 0] for p in (1.0, 0.0))
    assert sure - unsure > 80
    assert decoded(draw(picture, np.array([[[-500.0, 1e9, 1.0]]]))).max() < 30
