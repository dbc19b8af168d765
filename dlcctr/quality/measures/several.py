"""Several animals in one video: missing ones, exchanged identities, overlaps, broken tracks. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any

from dlcctr.quality.measures.track import import_numpy

EXCHANGE_LENGTHS = 0.5
"""Body lengths: two animals that are farther apart and come to be where the other one was have exchanged identities."""
SAME_LENGTHS = 0.15
"""Body lengths: two tracks that are nearer to each other, part by part, are on one animal."""
BREAK_LENGTHS = 1.0
"""Body lengths: a track that goes on farther away was broken."""


@dataclass(frozen=True)
class Animals:
    """What can be told of several animals.

    Parameters
    ----------
    missing : array of bool, (n, individuals)
        Frames without any position of an animal.
    exchanged : array of int, (k, 3)
        Frame and the two animals, for each exchange of identities.
    overlapping : array of bool, (n,)
        Frames in which two tracks are on one animal.
    breaks : array of int
        Frames at which a track goes on elsewhere, or after it was lost.
    """

    missing: Any
    exchanged: Any
    overlapping: Any
    breaks: Any


def compare_animals(positions: Any, centres: Any, length_px: float) -> Animals:
    """Compare the tracks (n, individuals, parts, 3) of one video."""
    numpy = import_numpy()
    xy = positions[..., :2]
    n_frames, n_animals = xy.shape[:2]
    missing = ~numpy.isfinite(xy).all(axis=3).any(axis=2)
    centre = numpy.where(missing[..., None], numpy.nan, centres)
    overlapping = numpy.zeros(n_frames, bool)
    exchanged = []
    for one, two in combinations(range(n_animals), 2):
        frames = _exchanges(centre[:, one], centre[:, two], length_px)
        exchanged += [(int(frame), one, two) for frame in frames]
        apart = numpy.hypot(*numpy.moveaxis(xy[:, one] - xy[:, two], 2, 0))
        near = numpy.where(numpy.isfinite(apart), apart < SAME_LENGTHS * length_px, False).sum(axis=1)
        overlapping |= near > 0.5 * numpy.maximum(numpy.isfinite(apart).sum(axis=1), 1)
    return Animals(
        missing=missing,
        exchanged=numpy.array(sorted(exchanged), int).reshape(-1, 3),
        overlapping=overlapping,
        breaks=_breaks(centre, missing, length_px),
    )


def _exchanges(one: Any, two: Any, length_px: float) -> Any:
    numpy = import_numpy()

    def away(after: Any, before: Any) -> Any:
        return numpy.hypot(*(after[1:] - before[:-1]).T)

    kept, crossed = away(one, one) + away(two, two), away(one, two) + away(two, one)
    with numpy.errstate(invalid="ignore"):
        return numpy.flatnonzero((kept > 2 * EXCHANGE_LENGTHS * length_px) & (crossed < 0.5 * kept)) + 1


def _breaks(centre: Any, missing: Any, length_px: float) -> Any:
    numpy = import_numpy()
    found: list[int] = []
    for animal in range(centre.shape[1]):
        there = numpy.flatnonzero(~missing[:, animal])
        if len(there) < 2:
            continue
        moved = numpy.hypot(*numpy.diff(centre[there, animal], axis=0).T)
        lost = numpy.diff(there) > 1
        found += [int(frame) for frame in there[1:][lost | (moved > BREAK_LENGTHS * length_px)]]
    return numpy.array(sorted(found), int)
