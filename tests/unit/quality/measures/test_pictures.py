from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from dlcctr.model.prior.appearance import find_appearance, read_look
from dlcctr.quality.measures.features import find_repeats
from dlcctr.quality.measures.pictures import PictureStatistics
from tests.media import picture


def write_png(file: Path, pixels: np.ndarray) -> Path:
    with av.open(str(file), "w", format="image2", options={"update": "1"}) as out:
        stream = out.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = pixels.shape[1], pixels.shape[0], "rgb24"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))
    return file


@pytest.mark.parametrize("size", [(640, 480), (320, 200), (97, 61)])
def test_labelled_pictures_and_videos_are_measured_alike(tmp_path: Path, size: tuple[int, int]) -> None:
    pixels = picture(5, *size)
    look = read_look(write_png(tmp_path / "a.png", pixels))
    statistics = PictureStatistics()
    statistics.add(pixels)
    series = statistics.finish()
    assert (series.width, series.height) == size == (look.width, look.height)
    assert series.contrast[0] == pytest.approx(look.contrast)
    assert series.sharpness[0] == pytest.approx(look.sharpness)
    assert series.scenes[0] == pytest.approx(np.array(look.scene))
    assert series.brightness[0] == pytest.approx(look.brightness, abs=1.5)


def test_blur_and_darkness_are_measured(tmp_path: Path) -> None:
    pixels = picture(5, 320, 240).astype(float)
    soft = sum(np.roll(pixels, n, 1) for n in range(-3, 4)) / 7
    sharp, blurred, dark = PictureStatistics(), PictureStatistics(), PictureStatistics()
    sharp.add(pixels.astype(np.uint8))
    blurred.add(soft.astype(np.uint8))
    dark.add((pixels / 5).astype(np.uint8))
    assert blurred.finish().sharpness[0] < 0.6 * sharp.finish().sharpness[0]
    assert dark.finish().brightness[0] < 0.25 * sharp.finish().brightness[0]


def test_a_frozen_camera_repeats_its_picture() -> None:
    statistics = PictureStatistics()
    for number in [*range(100), *[99] * 80, *range(100, 150)]:
        statistics.add(picture(number))
    repeated = find_repeats(statistics.finish(), 230)
    assert repeated[100:180].all() and not repeated[:100].any() and not repeated[180:].any()


def test_frames_that_did_not_decode_have_no_measures() -> None:
    statistics = PictureStatistics()
    for number in range(40):
        if number in (0, 17):
            statistics.skip()
        else:
            statistics.add(picture(number))
    series = statistics.finish()
    assert len(series.brightness) == len(series.change) == 40
    assert np.flatnonzero(np.isnan(series.brightness)).tolist() == [0, 17]
    assert np.flatnonzero(np.isnan(series.change)).tolist() == [0, 1, 17, 18]


def test_pictures_may_change_their_size() -> None:
    statistics = PictureStatistics()
    for size in ((64, 48), (64, 48), (32, 20), (3, 2), (1, 1)):
        statistics.add(np.full((size[1], size[0]), 7, np.uint8))
    assert statistics.finish().brightness.tolist() == [7] * 5
    assert len(PictureStatistics().finish().brightness) == 0


def test_pictures_that_are_none_are_only_noted(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    found, size, notes = find_appearance([tmp_path / "a.png", tmp_path / "gone.png"])
    assert (found.pictures, size) == (0, None)
    assert notes == ["2 of 2 labelled pictures are not there, or cannot be read"]
