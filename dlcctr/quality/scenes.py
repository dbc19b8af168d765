"""How unlike two coarse pictures are, in pure Python."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from dlcctr.model.prior.shape import quantiles

CELLS = 0.8
"""Share of the cells that decides; an animal is in few of the others."""
MIN_SPREAD = 2.0
"""Grey levels."""


def scene_distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Difference in all but the most different fifth of the cells, in units of the second one's own spread.

    Brightness and contrast are made equal first, so that a lamp changes little; an animal, which is in few cells, does
    not count. 0 for the same scene, about 1 for another one.
    """
    a, b = _centred(one), _centred(other)
    usual, size = max(_size(b), MIN_SPREAD), max(_size(a), 1.0)
    off = [abs(v * usual / size - w) for v, w in zip(a, b, strict=True)]
    return quantiles(off, (CELLS,))[0] / usual


def _centred(cells: Sequence[float]) -> list[float]:
    middle = statistics.median(cells)
    return [cell - middle for cell in cells]


def _size(cells: Sequence[float]) -> float:
    return statistics.fmean(abs(cell) for cell in cells)
