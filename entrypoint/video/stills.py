"""Single pictures of a video, found by their time, as small JPEGs with points drawn: for people, not for networks."""

from __future__ import annotations

import colorsys
import contextlib
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dlcctr.errors import VideoError
from dlcctr.quality.pictures.jpeg import encode_jpeg
from entrypoint.video.decoding.decode_pass import DecodePass, open_container
from entrypoint.video.pixels import Box, Pictures

Colour = tuple[int, int, int]
LONGEST_PX = 480
"""Longer side of a drawn picture."""
RADIUS_PX = 4
RIM_PX = RADIUS_PX + 1.2
"""Radius of a point with its black rim."""
FAINT = 0.35
"""How much of its colour a point has that the network is not sure of at all."""
QUANTISER = 4
"""The encoder's, 2 (best) to 31."""
FAR_FRAMES = 600
"""Frames behind the place that the container jumped to among which a picture must be."""
EARLIER_S = (0.0, 3.0, 15.0, None)
"""How far before a picture's time the container is asked to jump to, for MPEG-TS jumps too far; None: not at all."""
NEAR_S = 0.0005
"""Times of a frame in two places differ by rounding."""
MOST_COUNTED = 20_000
"""Frames that are decoded once more, from the first on, for pictures that no time finds."""


def read_stills(
    video: Path,
    times_s: Mapping[int, float],
    box: Box | None,
    *,
    is_sound: bool = False,
    most_counted: int | None = MOST_COUNTED,
) -> Iterator[tuple[int, Any]]:
    """Yield some frames' BGR pictures with their numbers, as far as the container finds them by their time.

    A frame counts as found only if its own time is the one that the result says, wherever the container jumped to.
    AVI with frames predicted from later ones, and raw streams, have no such times: there frames are counted.

    Parameters
    ----------
    times_s : mapping of int to float
        Frame numbers to times in seconds.
    box : tuple of int or None
        Part of each turned picture: ``(x1, x2, y1, y2)`` in px.
    is_sound : bool
        Every frame of the stream decodes, so that they may be counted.
    most_counted : int or None
        Frames that are counted at most; None for all.

    Raises
    ------
    VideoError
        The video cannot be opened.
    """
    lost: set[int] = set()
    in_doubt = _has_made_up_times(video)
    for number, time_s in sorted(times_s.items()):
        frame = None if in_doubt or math.isnan(time_s) else _find(video, time_s)
        if frame is None:
            lost.add(number)
        else:
            yield number, Pictures(int(getattr(frame, "rotation", 0)), box).convert(frame)
    if most_counted is not None:
        lost = {number for number in lost if number < most_counted}
    if is_sound and lost:
        yield from _count(video, lost, box)


def _has_made_up_times(video: Path) -> bool:
    """Whether it is an AVI whose decoder holds frames back: FFmpeg's times are those of later frames then."""
    with open_container(video) as container:
        if container.format.name != "avi":
            return False
        stream = container.streams.video[0]
        first = next(_decoded(container, stream), None)
        return first is None or bool(stream.codec_context.has_b_frames) or (first.time or 0.0) > NEAR_S


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    import av

    with contextlib.suppress(av.FFmpegError):
        yield from container.decode(stream)


def _count(video: Path, numbers: set[int], box: Box | None) -> Iterator[tuple[int, Any]]:
    """Pictures of frames by their numbers, decoded from the first frame on."""
    last = max(numbers)
    with DecodePass(video, keep_facts=False) as decoding:
        for number, (_, frame) in enumerate(decoding.frames()):
            if number in numbers:
                yield number, Pictures(decoding.rotation, box, decoding.size).convert(frame)
            if number >= last:
                return


def _find(video: Path, time_s: float) -> Any:
    """The frame that is shown at a time; None where none is found."""
    import av

    for earlier_s in EARLIER_S:
        with open_container(video) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            try:
                if earlier_s is not None:
                    place = math.floor((time_s - earlier_s) / stream.time_base)
                    container.seek(place, stream=stream, backward=True)
                frame = _first_at(container.decode(stream), time_s)
            except av.FFmpegError:
                continue
        if frame is not None:
            return frame
    return None


def _first_at(frames: Iterator[Any], time_s: float) -> Any:
    for passed, frame in enumerate(frames):
        if frame.time is None or frame.time > time_s + NEAR_S or passed > FAR_FRAMES:
            return None
        if frame.time >= time_s - NEAR_S:
            return frame
    return None


def colours(n: int) -> list[Colour]:
    """A colour for each of `n` body parts, RGB."""
    return [
        tuple(round(255 * each) for each in colorsys.hsv_to_rgb(number / max(1, n), 0.85, 1.0))  # type: ignore[misc]
        for number in range(n)
    ]


def draw(picture: Any, points: Any) -> bytes:
    """Small JPEG of a BGR picture with points.

    Parameters
    ----------
    points : array, (n_individuals, n_bodyparts, 3)
        x, y in px of the picture, likelihood 0-1; NaN where there is none. Each body part has a colour of its own.
    """
    import av
    import numpy

    height, width = picture.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    size = [max(16, round(side * scale) // 2 * 2) for side in (width, height)]
    frame = av.VideoFrame.from_ndarray(numpy.ascontiguousarray(picture), format="bgr24")
    small = frame.reformat(*size, format="rgb24").to_ndarray()
    for number, rgb in enumerate(colours(points.shape[1])):
        colour = numpy.array(rgb)
        for x, y, likelihood in points[:, number]:
            if not (math.isfinite(x) and math.isfinite(y)):
                continue
            at_x, at_y = (x + 0.5) * size[0] / width, (y + 0.5) * size[1] / height
            top, left = (max(0, math.floor(at - RIM_PX)) for at in (at_y, at_x))
            window = small[top : max(0, math.ceil(at_y + RIM_PX) + 1), left : max(0, math.ceil(at_x + RIM_PX) + 1)]
            if not window.size:
                continue
            ys, xs = numpy.ogrid[top : top + window.shape[0], left : left + window.shape[1]]
            distance = numpy.hypot(xs - at_x, ys - at_y)
            share = FAINT + (1 - FAINT) * min(1.0, max(0.0, likelihood if math.isfinite(likelihood) else 0.0))
            window[(distance > RADIUS_PX) & (distance <= RIM_PX)] = 0
            inside = distance <= RADIUS_PX
            window[inside] = (share * colour + (1 - share) * window[inside]).astype(numpy.uint8)
    try:
        return encode_jpeg(av.VideoFrame.from_ndarray(small, format="rgb24"), size[0], size[1], QUANTISER)
    except av.FFmpegError as error:
        raise VideoError(f"no JPEG can be made of it ({error})", "its pictures are left out") from error
