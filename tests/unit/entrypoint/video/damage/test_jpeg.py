"""Zeros in a JPEG: what an encoder wrote for one colour, or a hole; told apart by the Huffman codes."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import av
import pytest

from entrypoint.video.damage.jpeg import END_OF_IMAGE, START_OF_SCAN, ZERO_RUN, is_complete
from tests import media


def encode(path: Path, pictures: list[Any], pix_fmt: str = "yuvj420p") -> list[bytes]:
    """JPEGs of RGB pictures (height, width, 3)."""
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("mjpeg", rate=25)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt, stream.codec_context.thread_count = pix_fmt, 1
        for each in pictures:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(each, format="rgb24").reformat(format=pix_fmt)))
        out.mux(stream.encode(None))
    with av.open(str(path)) as source:
        return [bytes(packet) for packet in source.demux(video=0) if packet.size]


def mostly_flat(level: int, height: int, width: int) -> Any:
    """A moving picture under a bar of one colour, as an overexposed or covered part of it makes."""
    out = media.picture(level, width, height)
    out[: height * 2 // 3] = level
    return out


@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuvj422p", "yuvj444p"])
@pytest.mark.parametrize("size", [(288, 352), (291, 353)])
def test_flat_pictures_hold_zeros_and_are_complete(pix_fmt: str, size: tuple[int, int], tmp_path: Path) -> None:
    made = encode(tmp_path / "a.avi", [mostly_flat(level, *size) for level in (0, 60, 128, 255)], pix_fmt)
    assert any(ZERO_RUN in data for data in made), "the encoder writes no zeros any more: choose other pictures"
    assert all(map(is_complete, made))


def test_a_camera_fills_up_behind_the_end_mark(tmp_path: Path) -> None:
    for data in encode(tmp_path / "a.avi", [media.picture(5), mostly_flat(0, 288, 352)]):
        assert data.endswith(END_OF_IMAGE)
        assert is_complete(data + bytes(500))
        assert not is_complete(data[: len(data) // 2] + bytes(500))


@pytest.mark.parametrize("pix_fmt", ["yuvj420p", "yuvj422p", "yuvj444p"])
def test_a_hole_in_a_picture_is_seen(pix_fmt: str, tmp_path: Path) -> None:
    """Zeros are valid codes too, of so many blocks that the picture's end does not come where the bytes end."""
    dice, seen, trials = random.Random(pix_fmt), 0, 0
    for data in encode(tmp_path / "a.avi", [media.picture(number, 352, 288) for number in range(20)], pix_fmt):
        scan, length = data.index(START_OF_SCAN) + 14, 128
        start = dice.randrange(scan, len(data) - length - 2)
        holed = data[:start] + bytes(length) + data[start + length :]
        trials += 1
        seen += not is_complete(holed)
    assert (seen, trials) == (20, 20)


def test_what_cannot_be_judged_is_left_to_the_decoder() -> None:
    assert is_complete(b"")
    assert is_complete(bytes(1000))
    assert is_complete(b"\xff\xd8" + START_OF_SCAN + bytes(200) + END_OF_IMAGE), "a scan without a header"
