"""Which animal of one model is which of another's: in each frame those that lie on each other, by the Hungarian method.

Models name animals by their own tracks, so that names say nothing. The last row's tracks are followed; where its model
does not see an animal, the others' have nothing to be matched with and are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dlcctr.errors import AnalysisError
from dlcctr.results.h5.positions import PositionColumns

BLOCK_FRAMES = 2_000
POINT_PX = 40.0
"""Length of an animal with one body part, as DeepLabCut makes boxes of such animals larger."""
LEAST_SHARE = 0.5
"""Of the animals that two models see at the same time; where fewer are matched the models do not see the same thing."""
NO_ANIMAL = -1
FAR = 1e9


@dataclass(frozen=True)
class Match:
    """Animals of another model, as the last row's.

    Parameters
    ----------
    numbers : numpy.ndarray
        Int16, (animals of the last row, frames): number of the other model's animal; -1 for none.
    matched, seen : int
        Animals in all frames: that were matched, and that could have been.
    left_out : int
        The other model's animals that were matched with none.
    """

    numbers: Any
    matched: int
    seen: int
    left_out: int


def match_animals(own: Any, other: Any, pcutoff: float) -> Match:
    """Match the animals of two models, frame by frame.

    Parameters
    ----------
    own, other : numpy.ndarray
        (animals, parts, 3, frames): x, y in px, likelihood; the same parts in both. The number of animals may differ.
    pcutoff : float
        Positions of a lower likelihood do not count.
    """
    import numpy
    from scipy.optimize import linear_sum_assignment

    frames, longest = own.shape[3], animal_px(own, pcutoff)
    numbers = numpy.full((len(own), frames), NO_ANIMAL, dtype=numpy.int16)
    matched = seen = left_out = 0
    for first in range(0, frames, BLOCK_FRAMES):
        one, two = (_sure(each[..., first : first + BLOCK_FRAMES], pcutoff) for each in (own, other))
        distances = _distances(one, two)
        there, others = (numpy.isfinite(each[:, :, 0]).any(axis=1) for each in (one, two))
        for n in range(one.shape[3]):
            left_out += int(others[:, n].sum())
            seen += int(min(there[:, n].sum(), others[:, n].sum()))
            rows, columns = linear_sum_assignment(distances[n])
            good = distances[n, rows, columns] <= longest
            numbers[rows[good], first + n] = columns[good]
            matched += int(good.sum())
    return Match(numbers, matched, seen, left_out - matched)


def animal_px(tracks: Any, pcutoff: float) -> float:
    """Usual length of the animals: the median diagonal of what is seen of them, in px."""
    import numpy

    lengths = []
    for first in range(0, tracks.shape[3], BLOCK_FRAMES):
        sure = _sure(tracks[..., first : first + BLOCK_FRAMES], pcutoff)
        several = numpy.isfinite(sure[:, :, 0]).sum(axis=1) > 1
        if several.any():
            poses = sure.transpose(0, 3, 1, 2)[several]  # (poses, parts, 2)
            lengths.append(numpy.hypot(*(numpy.nanmax(poses, axis=1) - numpy.nanmin(poses, axis=1)).T))
    return float(numpy.median(numpy.concatenate(lengths))) if lengths else POINT_PX


def _sure(tracks: Any, pcutoff: float) -> Any:
    """Positions (animals, parts, 2, frames), those that are not sure as NaN."""
    import numpy

    likelihood = numpy.nan_to_num(tracks[:, :, 2], nan=0.0)
    sure = numpy.isfinite(tracks[:, :, :2]).all(axis=2) & (likelihood >= pcutoff)
    return numpy.where(sure[:, :, None], tracks[:, :, :2], numpy.nan)


def _distances(own: Any, other: Any) -> Any:
    """Mean distance of the parts that both have, (frames, animals, other's animals); `FAR` where there are none."""
    import numpy

    off = own[:, None] - other[None]  # (animals, others, parts, 2, frames)
    each = numpy.hypot(off[:, :, :, 0], off[:, :, :, 1])
    common = numpy.isfinite(each)
    total = numpy.where(common, each, 0.0).sum(axis=2) / numpy.maximum(common.sum(axis=2), 1)
    return numpy.where(common.any(axis=2), total, FAR).transpose(2, 0, 1)


def require_match(match: Match, other: str, own: str) -> None:
    """Raise `AnalysisError` where two models do not see the same animals."""
    if match.seen and match.matched < LEAST_SHARE * match.seen:
        share = 100 * match.matched / match.seen
        raise AnalysisError(
            f"ensemble: {share:.0f}% of the animals of {other} lie where {own} has one; which is which is not known",
            "look at both with label-video and beside=rows, and leave the model out that is wrong",
        )


def animal_points(columns: PositionColumns, animals: Sequence[str]) -> tuple[list[str], list[list[int]]]:
    """Body parts of the animals in the order of the first one's, and the places of their points in a table.

    Returns
    -------
    parts : list of str
        Body parts.
    places : list of list of int
        (animals, parts).
    """
    parts = [part for who, part in columns.points if who == animals[0]]
    return parts, [[columns.points.index((who, part)) for part in parts] for who in animals]
