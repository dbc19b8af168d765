"""Sound videos of every codec and container that the installed FFmpeg can write, with what trips careless readers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests import media

FRAMES = 42
FORMATS = {
    "ts": "mpegts", "mkv": "matroska", "mpg": "mpeg", "m2v": "mpeg2video", "m1v": "mpeg1video", "wmv": "asf",
}  # fmt: skip
"""FFmpeg's names of the formats that have another ending."""
CLOCKS: dict[str, Callable[[int], int]] = {
    "even": lambda n: n,
    "uneven": lambda n: n + n // 5,
    "pause": lambda n: n + (250 if n >= FRAMES // 2 else 0),
}
"""When each frame is shown, in ticks of 1/25 s."""
FAST = {"deadline": "realtime", "cpu-used": "8"}


@dataclass(frozen=True)
class Kind:
    """One codec in some containers, named by their endings."""

    codec: str
    pix_fmt: str
    endings: str
    size: tuple[int, int] = (144, 96)
    bit_rate: int = 0
    options: dict[str, str] = field(default_factory=dict)


KINDS = (
    Kind("libx264", "yuv420p", "mp4 mov mkv avi ts flv 3gp h264 asf nut f4v"),
    Kind("libx264", "yuvj420p", "mp4"),
    Kind("libx264", "yuv444p", "mkv"),
    Kind("libx264rgb", "rgb24", "mkv"),
    Kind("libx265", "yuv420p", "mp4 mkv ts hevc mov", options={"x265-params": "log-level=none"}),
    Kind("libx265", "yuv420p10le", "mp4", options={"x265-params": "log-level=none"}),
    Kind("mpeg4", "yuv420p", "mp4 avi mkv mov m4v 3gp asf nut"),
    Kind("mpeg2video", "yuv420p", "mpg ts mkv vob m2v mxf mov avi"),
    Kind("mpeg1video", "yuv420p", "mpg m1v avi mkv"),
    Kind("mjpeg", "yuvj420p", "avi mov mkv mjpeg nut asf"),
    Kind("mjpeg", "yuvj422p", "avi"),
    Kind("mjpeg", "yuvj444p", "mkv"),
    Kind("wmv1", "yuv420p", "asf wmv avi"),
    Kind("wmv2", "yuv420p", "asf wmv avi"),
    Kind("msmpeg4", "yuv420p", "avi asf"),
    Kind("msmpeg4v2", "yuv420p", "avi asf"),
    Kind("flv", "yuv420p", "flv avi"),
    Kind("h263", "yuv420p", "3gp avi mov", (176, 144)),
    Kind("h263p", "yuv420p", "avi"),
    Kind("libvpx", "yuv420p", "webm mkv ivf", options=FAST),
    Kind("libvpx-vp9", "yuv420p", "webm mp4 mkv ivf", options=FAST),
    Kind("libsvtav1", "yuv420p", "mp4 mkv webm ivf obu", options={"preset": "12"}),
    Kind("ffv1", "yuv420p", "mkv avi nut"),
    Kind("ffv1", "gray", "mkv"),
    Kind("huffyuv", "yuv422p", "avi"),
    Kind("ffvhuff", "yuv420p", "avi"),
    Kind("utvideo", "yuv420p", "avi"),
    Kind("rawvideo", "yuv420p", "avi nut mkv"),
    Kind("rawvideo", "bgr24", "avi"),
    Kind("png", "rgb24", "mov avi"),
    Kind("apng", "rgb24", "apng"),
    Kind("prores_ks", "yuv422p10le", "mov mkv"),
    Kind("dnxhd", "yuv422p", "mov mxf", (1280, 720), 110_000_000),
    Kind("jpeg2000", "rgb24", "mov mxf"),
    Kind("dvvideo", "yuv420p", "avi mov dv", (720, 576)),
    Kind("v210", "yuv422p10le", "mov avi"),
    *(Kind(codec, pix_fmt, ending) for codec, pix_fmt, ending in (
        ("qtrle", "rgb24", "mov"), ("cinepak", "rgb24", "avi"), ("svq1", "yuv410p", "mov"), ("gif", "rgb8", "gif"),
        ("magicyuv", "yuv420p", "avi"), ("zlib", "bgr24", "avi"), ("ljpeg", "yuvj420p", "avi"), ("zmbv", "bgr0", "avi"),
        ("flashsv", "bgr24", "flv"), ("snow", "yuv420p", "avi"), ("asv2", "yuv420p", "avi"),
        ("msvideo1", "rgb555le", "avi"),
    )),
    Kind("rv20", "yuv420p", "rm", (176, 144)),
    Kind("cfhd", "yuv422p10le", "mov", (176, 144)),
)  # fmt: skip


def cases() -> Iterator[tuple[Kind, str]]:
    """Every kind with each of its endings."""
    for kind in KINDS:
        for ending in kind.endings.split():
            yield kind, ending


def picture(number: int, width: int, height: int) -> Any:
    """RGB picture (height, width, 3): moving ones, then flat, black, white and noisy stretches."""
    part = number * 6 // FRAMES
    if part == 4:
        return np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    level = {1: 128, 2: 0, 3: 255}.get(part)
    return media.picture(number, width, height) if level is None else np.full((height, width, 3), level, np.uint8)


def write(path: Path, kind: Kind, ending: str, clock: str) -> Path:
    """Encode `FRAMES` pictures."""
    width, height = kind.size
    with media.scheduled_as_before(), av.open(str(path), "w", format=FORMATS.get(ending, ending)) as out:
        stream: Any = out.add_stream(kind.codec, rate=25, options=kind.options)
        stream.width, stream.height, stream.pix_fmt = width, height, kind.pix_fmt
        stream.codec_context.gop_size, stream.codec_context.thread_count = 12, 1
        if kind.bit_rate:
            stream.codec_context.bit_rate = kind.bit_rate
        if kind.codec in ("libx264", "libx265", "mpeg4", "mpeg2video", "mpeg1video"):
            stream.codec_context.max_b_frames = 2
        for number in range(FRAMES):
            shown = picture(number, width, height)
            frame = av.VideoFrame.from_ndarray(shown, format="rgb24").reformat(format=kind.pix_fmt)
            frame.pts, frame.time_base = CLOCKS[clock](number), Fraction(1, 25)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def count(path: Path) -> int:
    """Frames that FFmpeg gives without an error."""
    with av.open(str(path)) as source:
        return sum(len(packet.decode()) for packet in source.demux(video=0))
