"""Synthetic videos, whole and damaged. Every frame carries its number, so that a shift is provable."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

BITS = 12
WIDTH, HEIGHT = 144, 96


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> Any:
    """RGB picture (height, width, 3): `number` as a bar code in the upper third, below it a square that moves."""
    rng = np.random.default_rng(number)
    out = np.empty((height, width, 3), np.uint8)
    out[..., 0] = np.linspace(40, 200, width)[None]
    out[..., 1] = np.linspace(60, 180, height)[:, None]
    out[..., 2] = 90 + rng.integers(0, 30, (height, width))
    for bit, (x1, x2) in enumerate(_bars(width)):
        out[: height // 3, x1:x2] = 235 if number >> bit & 1 else 20
    x, y = 5 + number * 3 % (width - 30), height // 3 + 5 + number * 2 % (height * 2 // 3 - 25)
    out[y : y + 16, x : x + 16] = (220, 30, 40)
    return out


def read_number(image: Any) -> int:
    """Number in a picture, of any channel order or grey."""
    grey = image.mean(axis=2) if image.ndim == 3 else image
    height, width = grey.shape
    rows = slice(height // 12, height // 4)
    return sum(int(grey[rows, x1 + 2 : x2 - 2].mean() > 128) << bit for bit, (x1, x2) in enumerate(_bars(width)))


def _bars(width: int) -> list[tuple[int, int]]:
    step = width // BITS
    return [(bit * step, (bit + 1) * step) for bit in range(BITS)]


@contextmanager
def scheduled_as_before() -> Iterator[None]:
    """Encode within this: SVT-AV1 gives the thread that calls it, if it is root's, the highest real-time priority.

    It would keep that for the rest of the test run, in which all other processes of the machine would wait for it.
    """
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)


def write_video(
    path: Path,
    frames: int = 60,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
    fps: Fraction | int = 25,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    gop: int = 12,
    bframes: int = 2,
    vfr: bool = False,
    options: dict[str, str] | None = None,
    container: str | None = None,
    mux_options: dict[str, str] | None = None,
    first: int = 0,
    plain: int = 0,
) -> Path:
    """Encode `frames` numbered pictures; with `vfr` every fifth stays twice as long; the first `plain` are all grey."""
    with scheduled_as_before(), av.open(str(path), "w", format=container, options=mux_options or {}) as out:
        stream: Any = out.add_stream(codec, rate=fps, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        context = stream.codec_context
        context.gop_size = gop
        context.thread_count = 1
        if codec in ("libx264", "libx265", "mpeg4", "mpeg2video", "mpeg1video"):
            context.max_b_frames = bframes
        tick = 0
        for number in range(first, first + frames):
            shown = (
                picture(number, width, height)
                if number - first >= plain
                else np.full((height, width, 3), 128, np.uint8)
            )
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = tick, 1 / Fraction(fps)
            tick += 2 if vfr and number % 5 == 4 else 1
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def write_streams(path: Path, streams: list[tuple[str, int, int]], *, cover: int | None = None) -> Path:
    """Write several video streams (codec, width, height) of ten pictures; `cover` is the one with a cover picture."""
    with av.open(str(path), "w") as out:
        made: list[Any] = []
        for number, (codec, width, height) in enumerate(streams):
            stream: Any = out.add_stream(codec, rate=25)
            stream.width, stream.height = width, height
            stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
            if number == cover:
                stream.disposition = av.stream.Disposition.attached_pic
            made.append(stream)
        for number in range(10):
            for stream in made if cover is None or not number else made[:cover] + made[cover + 1 :]:
                shown = picture(number, stream.width, stream.height)
                frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format=stream.pix_fmt)
                frame.pts, frame.time_base = number, Fraction(1, 25)
                out.mux(stream.encode(frame))
        for stream in made:
            out.mux(stream.encode(None))
    return path


def decode_numbers(path: Path) -> list[int]:
    """Numbers of all frames that a plain sequential decode gives."""
    with av.open(str(path)) as source:
        return [read_number(frame.to_ndarray(format="rgb24")) for frame in source.decode(video=0)]


def cut(source: Path, target: Path, fraction: float) -> Path:
    """The first part of a file."""
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * fraction)])
    return target


def punch_hole(source: Path, target: Path, start: int, length: int, *, seed: int | None = None) -> Path:
    """Overwrite bytes with zeros, or with noise where a seed is given."""
    data = bytearray(source.read_bytes())
    length = min(length, len(data) - start)
    noise = bytes(length) if seed is None else np.random.default_rng(seed).bytes(length)
    data[start : start + length] = noise
    target.write_bytes(bytes(data))
    return target


def packet_places(path: Path) -> list[tuple[int, int]]:
    """Byte position and size of each video packet, in the order of the file."""
    with av.open(str(path)) as source:
        return [(packet.pos, packet.size) for packet in source.demux(video=0) if packet.size]


def patch_avi_frames(source: Path, target: Path, claim: int) -> Path:
    """Let an AVI header (avih dwTotalFrames, strh dwLength) claim another number of frames."""
    data = bytearray(source.read_bytes())
    avih = data.index(b"avih")
    data[avih + 8 + 16 : avih + 8 + 20] = struct.pack("<I", claim)
    strh = data.index(b"strh")
    data[strh + 8 + 32 : strh + 8 + 36] = struct.pack("<I", claim)
    target.write_bytes(bytes(data))
    return target


def rotate_mp4(source: Path, target: Path) -> Path:
    """Write "turn by 90 degrees" into the track header of an mp4, as telephones do."""
    data = bytearray(source.read_bytes())
    matrix = data.index(b"tkhd") + 44
    one = 1 << 16
    data[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, HEIGHT * one, 0, 1 << 30)
    target.write_bytes(bytes(data))
    return target
