"""How points move: speed, deviation from the running median, points that stand still, points outside. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.quality.measures.chunks import measure_chunks
from dlcctr.quality.measures.track import import_numpy

NEAR = (-3, -2, -1, 0, 1, 2, 3)
"""Frames around one, for its running median: finds points that are off for up to three frames."""
FAR_S = 0.4
"""Half of the longer window, in seconds; seven frames of it are looked at."""
CHUNK = 16384


@dataclass(frozen=True)
class Motion:
    """Movement of each part of one animal, (n, p); NaN where unknown.

    Parameters
    ----------
    speed_px_s : array
        From the frame before.
    near_px, far_px : array
        Distance from the median of the frames around, nearer and farther.
    still : array of bool
        Position and likelihood are exactly those of the frame before.
    centre : array, (n, 2)
        Median position of the sure parts.
    """

    speed_px_s: Any
    near_px: Any
    far_px: Any
    still: Any
    centre: Any


def find_motion(positions: Any, steps_s: Any, rate: float) -> Motion:
    """Look at the movement of one animal's parts (n, p, 3)."""
    numpy = import_numpy()
    xy, likelihood = positions[..., :2], positions[..., 2]
    filled = fill_gaps(xy)
    step = numpy.full(likelihood.shape, numpy.nan)
    step[1:] = numpy.hypot(*numpy.moveaxis(numpy.diff(xy, axis=0), 2, 0))
    still = numpy.zeros(likelihood.shape, bool)
    still[1:] = (positions[1:] == positions[:-1]).all(axis=2)
    stride = max(1, round(FAR_S * rate / 3))
    far = tuple(stride * n for n in NEAR)
    missing = ~numpy.isfinite(xy).all(axis=2)
    near_px, far_px = (numpy.where(missing, numpy.nan, _from_median(filled, window)) for window in (NEAR, far))
    return Motion(
        speed_px_s=step / steps_s[:, None],
        near_px=near_px,
        far_px=far_px,
        still=still,
        centre=_centre(filled, likelihood),
    )


def fill_gaps(xy: Any) -> Any:
    """Positions with gaps filled along time: linearly between, constant at the ends; 0 where there is nothing."""
    numpy = import_numpy()
    if numpy.isfinite(xy).all():
        return xy
    frames = numpy.arange(len(xy))
    filled = xy.copy()
    for index in numpy.ndindex(*xy.shape[1:]):
        place = (slice(None), *index)
        column = xy[place]
        known = numpy.isfinite(column)
        filled[place] = numpy.interp(frames, frames[known], column[known]) if known.any() else 0.0
    return filled


def _from_median(xy: Any, window: tuple[int, ...]) -> Any:
    """Distance (n, p) of positions (n, p, 2) from their median over frames at the window's offsets."""
    numpy = import_numpy()

    def measure(frames: slice) -> Any:
        places = numpy.arange(frames.start, frames.stop)
        around = numpy.stack([xy[numpy.clip(places + offset, 0, len(xy) - 1)] for offset in window])
        middle = numpy.partition(around, len(window) // 2, axis=0)[len(window) // 2]
        return numpy.hypot(*numpy.moveaxis(xy[frames] - middle, 2, 0))

    return numpy.concatenate(measure_chunks(measure, len(xy), CHUNK))


def _centre(filled: Any, likelihood: Any) -> Any:
    """Median of each frame's parts; unsure parts count only where there are no others."""
    numpy = import_numpy()
    known = numpy.nan_to_num(likelihood)
    if not len(filled):
        return numpy.zeros((0, 2))
    sure = known >= numpy.minimum(0.6, 0.8 * known.max(axis=1, keepdims=True))
    centre = masked_median(filled, sure)
    centre[~numpy.isfinite(likelihood).any(axis=1)] = numpy.nan
    return centre


def masked_median(values: Any, which: Any) -> Any:
    """Median over parts (n, p, …) of those that count (n, p); the lower one of two. Something must count."""
    numpy = import_numpy()
    mask = which if values.ndim == which.ndim else which[..., None]
    ordered = numpy.sort(numpy.where(mask, values, numpy.inf), axis=1)
    place = numpy.maximum(which.sum(axis=1) - 1, 0) // 2
    return ordered[numpy.arange(len(values)), place]


def outside(positions: Any, bounds: tuple[float, float, float, float] | None) -> Any:
    """Which points (n, p) lie outside of what was analysed."""
    numpy = import_numpy()
    if bounds is None:
        return numpy.zeros(positions.shape[:2], bool)
    x, y = positions[..., 0], positions[..., 1]
    left, top, right, bottom = bounds
    return (x < left - 1) | (y < top - 1) | (x > right + 1) | (y > bottom + 1)
