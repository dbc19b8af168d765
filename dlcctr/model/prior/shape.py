"""Mean shape, covariance and distances of poses, in pure Python: a host has no numpy.

Poses are laid onto their mean by moving, turning and scaling, again and again until the mean no longer changes
(generalised Procrustes analysis). A pose is a list of complex numbers, x + iy.
"""

from __future__ import annotations

import itertools
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.model.prior.labels import Point
from dlcctr.model.prior.record import QUANTILES, PairDistance, SidePair

MAX_PAIRS = 300
MIN_POSES = 8
"""Fewest poses that say anything about a shape."""
ROUNDS = 6
LEAST_EXTENT = 0.01
"""Body lengths below which all parts of a pose are in one place."""
_SIDES = re.compile(r"(?<![a-z])(left|right|l|r)(?![a-z])|(left|right)", re.IGNORECASE)
_OTHER = {"left": "right", "l": "r"}
Pose = tuple[Point, ...]


@dataclass(frozen=True)
class Shape:
    """Mean shape, covariance (lower triangle) and sizes of poses; empty where there are too few."""

    mean: tuple[float, ...] = ()
    covariance: tuple[float, ...] = ()
    scale: tuple[float, ...] = ()
    sides_agree: float = 0.0


def quantiles(values: Sequence[float], at: Sequence[float] = QUANTILES) -> tuple[float, ...]:
    """Quantiles of at least one number, by linear interpolation."""
    ordered = sorted(values)
    found = []
    for share in at:
        place = share * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        found.append(ordered[low] + (ordered[high] - ordered[low]) * (place - low))
    return tuple(found)


def body_length(poses: Sequence[Pose]) -> float | None:
    """Median distance, in px, of the two parts that are farthest apart, among pairs that half of the poses have."""
    by_pair = _pair_lengths(poses)
    enough = max(1, max((len(lengths) for lengths in by_pair.values()), default=0) // 2)
    lengths = [statistics.median(each) for each in by_pair.values() if len(each) >= enough]
    longest = max(lengths, default=0.0)
    return longest if longest > 0 else None


def pair_distances(poses: Sequence[Pose], length_px: float) -> tuple[PairDistance, ...]:
    """Distances of all pairs that occur often enough; the stiffest ones where there are many."""
    found = [
        PairDistance(first, second, tuple(round(q / length_px, 4) for q in quantiles(lengths)), len(lengths))
        for (first, second), lengths in _pair_lengths(poses).items()
        if len(lengths) >= MIN_POSES
    ]
    stiffest = sorted(found, key=lambda pair: (pair.quantiles[3] - pair.quantiles[1]) / (pair.quantiles[2] or 1))
    return tuple(sorted(stiffest[:MAX_PAIRS], key=lambda pair: (pair.first, pair.second)))


def _pair_lengths(poses: Sequence[Pose]) -> dict[tuple[int, int], list[float]]:
    found: dict[tuple[int, int], list[float]] = {}
    for pose in poses:
        there = [(n, point) for n, point in enumerate(pose) if point is not None]
        for (one, a), (two, b) in itertools.combinations(there, 2):
            found.setdefault((one, two), []).append(abs(a - b))
    return found


def side_pairs(names: Sequence[str]) -> tuple[SidePair, ...]:
    """Left and right parts that have each other's name but for the side, as in leftear, ear_L, L-ear."""
    places = {name.lower(): n for n, name in enumerate(names)}
    found = []
    for n, name in enumerate(names):
        for match in _SIDES.finditer(name):
            word = match[0].lower()
            if word in _OTHER:
                other = name[: match.start()] + _OTHER[word] + name[match.end() :]
                twin = places.get(other.lower())
                if twin is not None and twin != n:
                    found.append(SidePair(n, twin))
                    break
    return tuple(found)


def find_shape(poses: Sequence[Pose], length_px: float, sides: Sequence[SidePair]) -> Shape:
    """Lay poses onto each other; needs poses with at least three parts that are not all in one place.

    People put the parts of an animal that nobody can see into a corner, one upon the other.
    """
    scaled = [tuple(None if p is None else p / length_px for p in pose) for pose in poses]
    usable = [pose for pose in scaled if sum(point is not None for point in pose) >= 3 and _extent(pose) > LEAST_EXTENT]
    if len(usable) < MIN_POSES:
        return Shape()
    mean = list(max(usable, key=lambda pose: sum(point is not None for point in pose)))
    laid: list[Pose] = []
    for _ in range(ROUNDS):
        laid = [found for pose in usable if (found := lay_onto(pose, mean)) is not None]
        if len(laid) < MIN_POSES:
            return Shape()
        mean = _mean(laid, mean)
    if any(point is None for point in mean):
        return Shape()
    shape = [point for point in mean if point is not None]
    spread = math.sqrt(statistics.fmean(abs(point) ** 2 for point in shape))
    sizes = [size for pose in usable if (size := _size(pose, mean))]
    typical = statistics.median(sizes)
    if not typical > 0 or not spread > 0:
        return Shape()
    shape = [point * typical for point in shape]  # of the size that poses have, in body lengths
    laid = [tuple(None if p is None else p * typical for p in pose) for pose in laid]
    return Shape(
        mean=tuple(round(v, 5) for point in shape for v in (point.real, point.imag)),
        covariance=_covariance(laid, shape),
        scale=tuple(round(q / typical, 4) for q in quantiles(sizes)),
        sides_agree=_sides_agree(usable, shape, sides),
    )


def _extent(pose: Pose) -> float:
    """Largest distance of two parts along either axis, in body lengths."""
    there = [point for point in pose if point is not None]
    across, down = [point.real for point in there], [point.imag for point in there]
    return max(max(across) - min(across), max(down) - min(down))


def _transform(pose: Pose, mean: Sequence[Point]) -> tuple[complex, complex, complex] | None:
    """Centre of a pose, centre of the mean, and the complex factor from the mean to the pose."""
    pairs = [(p, m) for p, m in zip(pose, mean, strict=True) if p is not None and m is not None]
    if len(pairs) < 2:
        return None
    centre = sum(p for p, _ in pairs) / len(pairs)
    middle = sum(m for _, m in pairs) / len(pairs)
    below = sum(abs(m - middle) ** 2 for _, m in pairs)
    factor = sum((p - centre) * (m - middle).conjugate() for p, m in pairs) / below if below else 0j
    return (centre, middle, factor) if abs(factor) > 1e-9 else None


def _size(pose: Pose, mean: Sequence[Point]) -> float:
    found = _transform(pose, mean)
    return abs(found[2]) if found else 0.0


def lay_onto(pose: Pose, mean: Sequence[Point]) -> Pose | None:
    """A pose moved, turned and scaled to fit the mean; None where it has no extent."""
    found = _transform(pose, mean)
    if found is None:
        return None
    centre, middle, factor = found
    return tuple(None if p is None else (p - centre) / factor + middle for p in pose)


def _mean(laid: Sequence[Pose], before: Sequence[Point]) -> list[Point]:
    columns = [[pose[n] for pose in laid] for n in range(len(before))]
    mean: list[Point] = []
    for column in columns:
        there = [point for point in column if point is not None]
        centre = complex(
            statistics.median([p.real for p in there]), statistics.median([p.imag for p in there])
        ) if there else None  # fmt: skip
        mean.append(centre)
    known = [point for point in mean if point is not None]
    middle = sum(known) / len(known)
    size = math.sqrt(statistics.fmean(abs(point - middle) ** 2 for point in known)) or 1.0
    return [None if point is None else (point - middle) / size for point in mean]


def _covariance(laid: Sequence[Pose], mean: Sequence[complex]) -> tuple[float, ...]:
    rows = [_deviations(pose, mean) for pose in laid]
    found = []
    for i in range(2 * len(mean)):
        for j in range(i + 1):
            products = [row[i] * row[j] for row in rows if row[i] is not None and row[j] is not None]  # type: ignore[operator]
            found.append(round(statistics.fmean(products), 8) if products else 0.0)
    return tuple(found)


def _deviations(pose: Pose, mean: Sequence[complex]) -> list[float | None]:
    found: list[float | None] = []
    for p, m in zip(pose, mean, strict=True):
        found += [None, None] if p is None else [(p - m).real, (p - m).imag]
    return found


def _sides_agree(poses: Sequence[Pose], mean: Sequence[complex], sides: Sequence[SidePair]) -> float:
    """Share of poses that fit better as they are than with left and right exchanged; 0 without such parts."""
    if not sides:
        return 0.0
    order = exchanged(len(mean), sides)
    votes = []
    for pose in poses:
        other = tuple(pose[n] for n in order)
        if all(pose[side.left] is not None and pose[side.right] is not None for side in sides):
            votes.append(misfit(pose, mean) < misfit(other, mean))
    return round(statistics.fmean(votes), 4) if len(votes) >= MIN_POSES else 0.0


def exchanged(n_parts: int, sides: Sequence[SidePair]) -> list[int]:
    """Order of body parts in which left and right have changed places."""
    order = list(range(n_parts))
    for side in sides:
        order[side.left], order[side.right] = side.right, side.left
    return order


def misfit(pose: Pose, mean: Sequence[complex]) -> float:
    """Mean square distance of a pose, laid onto the mean, from it; infinite where it cannot be."""
    laid = lay_onto(pose, mean)
    if laid is None:
        return math.inf
    return statistics.fmean(abs(p - m) ** 2 for p, m in zip(laid, mean, strict=True) if p is not None)
