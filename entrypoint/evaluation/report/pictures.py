"""Labelled frames with label and prediction drawn in, cut to where they are: small JPEGs for the page."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.labels.pictures import read_size
from dlcctr.model.prior.labels import LABELS_FOLDER, UNIQUE_OWNER
from dlcctr.quality.pictures.jpeg import encode_jpeg
from dlcctr.training.set_files import Frame
from entrypoint.evaluation.figures import Points
from entrypoint.evaluation.training_set import Point
from entrypoint.video.stills import Colour, colours

LONGEST_PX = 400
SMALLEST_CUT_PX = 96
MARGIN = 0.25
MAX_PIXELS = 64_000_000
QUANTISER = 5
ARM_PX, RING_PX = 6, 6
LARGEST_SCALE = 4


@dataclass(frozen=True)
class WorstFrame:
    """One of the frames with the largest errors.

    Parameters
    ----------
    bodypart : str
        With the largest error of the frame; with several animals also whose it is.
    errors : tuple of (str, float)
        All points' errors in px, the largest first.
    jpeg : bytes
        Empty where the picture cannot be read.
    """

    frame: Frame
    split: str
    bodypart: str
    error_px: float
    likelihood: float
    errors: tuple[tuple[str, float], ...]
    jpeg: bytes


def worst_frames(project: Path, points: Points, splits: Sequence[str], n_worst: int) -> Iterator[WorstFrame]:
    """The frames with the largest error of any point, the worst first.

    Parameters
    ----------
    splits : sequence of str
        Of each frame.
    """
    import numpy

    error = points.error
    largest = numpy.where(numpy.isfinite(error), error, -1.0).max(axis=1, initial=-1.0)
    folder = project / LABELS_FOLDER
    palette = dict(zip(points.places, colours(len(points.places)), strict=True))
    shown = [palette[part] for _, part in points.points]
    for number in numpy.argsort(-largest, kind="stable")[:n_worst]:
        if largest[number] < 0:
            return
        part = int(numpy.nanargmax(error[number]))
        order = [
            n for n in numpy.argsort(-numpy.nan_to_num(error[number], nan=-1.0)) if math.isfinite(error[number][n])
        ]
        yield WorstFrame(
            points.frames[number], splits[number], point_text(points.points[part]),
            float(largest[number]), float(points.likelihood[number, part]),
            tuple((point_text(points.points[n]), float(error[number, n])) for n in order),
            _jpeg(folder.joinpath(*points.frames[number]), points.label[number], points.predicted[number], shown),
        )  # fmt: skip


def point_text(point: Point) -> str:
    """``tail``, or ``tail of mouse2``."""
    who, part = point
    return f"{part} of {who}" if who not in ("", UNIQUE_OWNER) else part


def _jpeg(file: Path, label: Any, predicted: Any, shown: Sequence[Colour]) -> bytes:
    """JPEG of a picture; empty where that cannot be made, and the page only says what it would have shown."""
    import av

    try:
        size = read_size(file)
        if size and size[0] * size[1] > MAX_PIXELS:
            return b""
        with av.open(str(file)) as container:
            picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
        return draw(picture, label, predicted, shown)
    except (OSError, ValueError, StopIteration, av.FFmpegError):
        return b""


def draw(picture: Any, label: Any, predicted: Any, shown: Sequence[Colour]) -> bytes:
    """JPEG of the part of an RGB picture where the points are, label as a cross, prediction as a ring.

    Parameters
    ----------
    label : ndarray (n_points, 2)
    predicted : ndarray (n_points, 3)
    shown : sequence of (int, int, int)
        Colour of each point.
    """
    import av
    import numpy

    left, right, top, bottom = _cut(picture.shape, label, predicted)
    cut = numpy.ascontiguousarray(picture[top:bottom, left:right])
    scale = min(LARGEST_SCALE, LONGEST_PX / max(cut.shape[:2]))
    size = [max(16, round(side * scale) // 2 * 2) for side in (right - left, bottom - top)]
    frame = av.VideoFrame.from_ndarray(cut, format="rgb24").reformat(*size, format="rgb24")
    canvas = frame.to_ndarray()
    factors = (size[0] / (right - left), size[1] / (bottom - top))
    for colour, own, other in zip(shown, label, predicted, strict=True):
        if not numpy.isfinite(own).all():
            continue
        places = [((x + 0.5 - left) * factors[0], (y + 0.5 - top) * factors[1]) for x, y in (own, other[:2])]
        if numpy.isfinite(other[:2]).all():
            _dots(canvas, _line(*places), colour, 1)
            _dots(canvas, _ring(places[1]), colour, 2)
        _dots(canvas, _cross(places[0]), colour, 2)
    return encode_jpeg(av.VideoFrame.from_ndarray(canvas, format="rgb24"), size[0], size[1], QUANTISER)


def _cut(shape: Sequence[int], label: Any, predicted: Any) -> tuple[int, int, int, int]:
    """Left, right, top, bottom of the box round all points of labelled parts, with a margin."""
    import numpy

    there = numpy.isfinite(label).all(axis=1)
    both = numpy.concatenate([label[there], predicted[there][:, :2]])
    both = both[numpy.isfinite(both).all(axis=1)]
    found = []
    for axis, length in ((0, shape[1]), (1, shape[0])):
        low, high = (float(both[:, axis].min()), float(both[:, axis].max())) if len(both) else (0.0, float(length))
        low, high = max(0.0, low), min(float(length), high)
        more = max(MARGIN * (high - low), (SMALLEST_CUT_PX - (high - low)) / 2, 0.0)
        start = int(min(max(0.0, low - more), max(0, length - 2)))
        found += [start, int(min(length, max(math.ceil(high + more), start + 2)))]
    return found[0], found[1], found[2], found[3]


Place = tuple[float, float]


def _line(one: Place, other: Place) -> Iterator[Place]:
    steps = min(4 * LONGEST_PX, int(math.dist(one, other)) + 1)
    for n in range(steps + 1):
        share = n / steps
        yield one[0] + share * (other[0] - one[0]), one[1] + share * (other[1] - one[1])


def _ring(middle: Place) -> Iterator[Place]:
    for n in range(48):
        angle = n * math.tau / 48
        yield middle[0] + RING_PX * math.cos(angle), middle[1] + RING_PX * math.sin(angle)


def _cross(middle: Place) -> Iterator[Place]:
    for n in range(-ARM_PX, ARM_PX + 1):
        yield middle[0] + n, middle[1]
        yield middle[0], middle[1] + n


def _dots(canvas: Any, places: Iterable[Place], colour: Colour, width: int) -> None:
    for x, y in places:
        column, row = math.floor(x), math.floor(y)
        if 0 <= row < canvas.shape[0] and 0 <= column < canvas.shape[1]:
            canvas[row : row + width, column : column + width] = colour
