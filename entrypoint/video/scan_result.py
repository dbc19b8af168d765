"""What a pass over a video found, as a `FrameScan`; and what the header claims."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dlcctr.campaign.videos.probe import frame_rate
from entrypoint.video.decoding.decode_pass import DecodePass, open_container
from entrypoint.video.frame_scan import FrameScan, ranges
from entrypoint.video.frame_times import stream_times


def announced_frames(path: Path) -> int:
    """Frames that a video's header claims, as in `header_frames`; raises `VideoError` where it cannot be read."""
    with open_container(path.absolute()) as container:
        return header_frames(container)


def header_frames(container: Any) -> int:
    """Frames as OpenCV counts them: the container's number, else duration x rate (cap_ffmpeg_impl.hpp)."""
    stream = container.streams.video[0]
    if stream.frames > 0:
        return int(stream.frames)
    if container.duration and container.duration > 0:
        seconds = container.duration / 1_000_000
    elif stream.duration and stream.duration > 0:
        seconds = float(stream.duration * stream.time_base)
    else:
        return 0
    return int(seconds * rate(stream) + 0.5)


def rate(stream: Any) -> float:
    """Frames/s of a stream; 0 where not known."""
    return float(frame_rate(stream) or 0)


def nominal_rate(reading: DecodePass) -> float:
    """Frames/s that the file itself names; 0 where it names none. Of a bare stream FFmpeg takes 25 for granted."""
    if not reading.times.is_bare:
        return rate(reading.stream)
    return float(reading.stream.codec_context.framerate or 0)


def make_scan(
    reading: DecodePass, *, ticks: Sequence[int], outputs: Iterable[int], missing: Iterable[int], strict: bool | None
) -> FrameScan:
    """Put together what a pass found.

    Parameters
    ----------
    ticks : sequence of int
        Times of the frames that should be there, in the stream's units.
    outputs, missing : iterable of int
        Ascending: the decoder's outputs that are the decoded frames; stream frames that did not decode.
    strict : bool or None
        See `FrameScan`.
    """
    width, height = reading.turned_size
    good = ranges(outputs)
    return FrameScan(
        header=header_frames(reading.container),
        stream=len(ticks),
        decoded=sum(stop - first for first, stop in good),
        missing=ranges(missing),
        width=width,
        height=height,
        fps=rate(reading.stream),
        codec=reading.codec,
        interlaced=reading.interlaced,
        outputs=good,
        strict=strict,
        times=stream_times(reading.times, ticks, reading.stream.time_base, nominal_rate(reading)),
    )
