"""How unlike coarse pictures are, in pure Python."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

CELLS = 0.8
"""Share of the cells that decides; an animal is in few of the others."""
MIN_SPREAD = 2.0
"""Grey levels."""


def fitted_differences(one: Sequence[float], other: Sequence[float]) -> list[float]:
    """Difference of each cell, in grey levels of the second picture, once brightness and contrast are made equal."""
    a, b = _centred(one), _centred(other)
    factor = max(_size(b), MIN_SPREAD) / max(_size(a), 1.0)
    return [abs(v * factor - w) for v, w in zip(a, b, strict=True)]


def unlikeness(one: Sequence[float], other: Sequence[float]) -> float:
    """1 minus the correlation of two coarse pictures: 0 for the same, about 1 for another one, whatever the light."""
    mean_one, mean_other = statistics.fmean(one), statistics.fmean(other)
    a, b = [cell - mean_one for cell in one], [cell - mean_other for cell in other]
    below = math.sqrt(sum(v * v for v in a) * sum(w * w for w in b)) + 1e-9
    return 1 - sum(v * w for v, w in zip(a, b, strict=True)) / below


def flips_of(scene: Sequence[float], width: int) -> tuple[list[float], list[float], list[float]]:
    """The same picture with left and right exchanged, upside down, and both: turned by half a turn."""
    rows = [list(scene[at : at + width]) for at in range(0, len(scene), width)]
    mirrored = [cell for row in rows for cell in reversed(row)]
    upside_down = [cell for row in reversed(rows) for cell in row]
    return mirrored, upside_down, list(scene[::-1])


def flip_gain(scene: Sequence[float], other: Sequence[float], width: int) -> float:
    """By how much a picture is more like the flipped other one than like it as it is: below 0 where it is less so."""
    return unlikeness(scene, other) - min(unlikeness(scene, each) for each in flips_of(other, width))


def spread_of(scene: Sequence[float]) -> float:
    """Mean distance of the cells from their median, in grey levels."""
    return max(_size(_centred(scene)), MIN_SPREAD)


def _centred(cells: Sequence[float]) -> list[float]:
    middle = statistics.median(cells)
    return [cell - middle for cell in cells]


def _size(cells: Sequence[float]) -> float:
    return statistics.fmean(abs(cell) for cell in cells)
