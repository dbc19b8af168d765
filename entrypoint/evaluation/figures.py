"""Errors by body part and set of frames, from labels and predictions: the same figures as DeepLabCut's, and more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dlcctr.errors import UsageError
from dlcctr.model.prior.labels import UNIQUE_OWNER
from dlcctr.training.set_files import Frame
from entrypoint.evaluation.record import ALL, BEFORE, NOW, Difference, Figure
from entrypoint.evaluation.training_set import Point

DRAWS = 2000
FEWEST_FRAMES = 8
"""Below this, an interval would say more than there is."""


@dataclass(frozen=True)
class Points:
    """Labels and one model's predictions.

    Parameters
    ----------
    points : tuple of (str, str)
        Individual, empty in a project of one animal, and body part.
    label : ndarray (n_frames, n_points, 2)
        px; NaN where a part is not labelled, or its label does not count.
    predicted : ndarray (n_frames, n_points, 3)
        px, px, likelihood; NaN where the model has no such part, or did not find it.
    lacking : frozenset of str
        Body parts that the model does not have.
    """

    frames: tuple[Frame, ...]
    points: tuple[Point, ...]
    label: Any
    predicted: Any
    lacking: frozenset[str] = frozenset()

    @property
    def error(self) -> Any:
        """Distance (n_frames, n_points) in px; NaN where either is missing."""
        import numpy

        return numpy.hypot(*numpy.moveaxis(self.predicted[..., :2] - self.label, 2, 0))

    @property
    def likelihood(self) -> Any:
        """Likelihood (n_frames, n_points), 0-1."""
        return self.predicted[..., 2]

    @property
    def places(self) -> dict[str, list[int]]:
        """Columns of each body part, one for each individual that has it."""
        found: dict[str, list[int]] = {}
        for n, (_, part) in enumerate(self.points):
            found.setdefault(part, []).append(n)
        return found


def counted_labels(xy: Any, sizes: Any, engine: str) -> Any:
    """Labels that DeepLabCut counts: its PyTorch engine leaves out those on the border of the picture, or outside it.

    Parameters
    ----------
    xy : ndarray (n_frames, n_points, 2)
    sizes : ndarray (n_frames, 2)
        Width and height in px; NaN where unknown.
    """
    import numpy

    if engine != "pytorch":
        return xy
    limit = numpy.where(numpy.isnan(sizes), numpy.inf, sizes)[:, None, :]
    inside = ((xy > 0) & (xy < limit)).all(axis=2, keepdims=True)
    return numpy.where(inside, xy, numpy.nan)


def matched_labels(label: Any, points: Sequence[Point]) -> Any:
    """Labels of animals that DeepLabCut can compare: one with a single labelled point has no size to match it by.

    Parameters
    ----------
    label : ndarray (n_frames, n_points, 2)
    """
    import numpy

    kept = numpy.array(label, copy=True)
    for who, columns in animal_columns(points).items():
        if who:
            few = numpy.isfinite(label[:, columns]).all(axis=2).sum(axis=1) < 2
            kept[numpy.ix_(few, columns)] = numpy.nan
    return kept


def animal_columns(points: Sequence[Point]) -> dict[str, list[int]]:
    """Columns of each animal; parts that exist once, such as corners, are no animal."""
    found: dict[str, list[int]] = {}
    for n, (who, _) in enumerate(points):
        if who != UNIQUE_OWNER:
            found.setdefault(who, []).append(n)
    return found


@dataclass(frozen=True)
class Threshold:
    """Distance within which a point counts as right: px, or a share of the animal's size in its video."""

    value: float
    is_share: bool

    def __str__(self) -> str:
        return f"{self.value:g} of the animal's size" if self.is_share else f"{self.value:g} px"

    def of_frames(self, held: Points) -> Any:
        """Threshold of each frame (n_frames,) in px; NaN where nothing tells the size of the animal."""
        import numpy

        if not self.is_share:
            return numpy.full(len(held.frames), self.value)
        return self.value * animal_sizes(held)


def parse_threshold(text: str) -> Threshold:
    """A threshold: a number of px, or below 1 a share of the animal's size; raises `UsageError`."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < 10_000:
        raise UsageError(
            f"--pck-px {text[:40]!r}: not a distance",
            "a number of px (5), or below 1 a share of the animal's size (0.1)",
        )
    return Threshold(value, value < 1)


def animal_sizes(held: Points) -> Any:
    """Size of an animal in each frame (n_frames,) in px: the median over its video, and over all animals there.

    An animal's size is the diagonal of the box round its labelled points; one with fewer than two has none.
    """
    import numpy

    own = numpy.column_stack([_box(held.label[:, columns]) for columns in animal_columns(held.points).values()])
    sizes = numpy.full(len(held.frames), numpy.nan)
    videos = numpy.array([folder for folder, _ in held.frames])
    for video in set(videos):
        mine = own[videos == video]
        if (mine > 0).any():
            sizes[videos == video] = numpy.median(mine[mine > 0])
    return sizes


def _box(label: Any) -> Any:
    """Diagonal (n_frames,) of the box round the points (n_frames, n_points, 2); NaN for fewer than two."""
    import numpy

    there = numpy.isfinite(label).all(axis=2)
    usable = there.sum(axis=1) >= 2
    low = numpy.where(there[..., None], label, numpy.inf).min(axis=1)
    high = numpy.where(there[..., None], label, -numpy.inf).max(axis=1)
    found = numpy.full(len(label), numpy.nan)
    found[usable] = numpy.hypot(*(high[usable] - low[usable]).T)
    return found


def make_figures(
    points: Mapping[str, Points], sets: Mapping[str, Sequence[int]], pcutoff: float, threshold: Threshold
) -> Iterator[Figure]:
    """Figures of all models, sets of frames and body parts.

    Parameters
    ----------
    points : mapping of str
        By name of the model.
    sets : mapping of str
        Numbers of the frames of each set.
    """
    import numpy

    for model, held in points.items():
        limit = threshold.of_frames(held)[:, None]
        error = held.error
        is_sure, within = held.likelihood >= pcutoff, error <= limit
        is_limited = numpy.isfinite(held.label).all(axis=2) & numpy.isfinite(limit) & _has_part(held)
        for name, numbers in sets.items():
            rows = numpy.array(sorted(numbers), dtype=int)
            for part, place in {ALL: list(range(len(held.points))), **held.places}.items():
                errors = error[rows][:, place]
                there = numpy.isfinite(errors)
                sure = there & is_sure[rows][:, place]
                limited = is_limited[rows][:, place]
                yield Figure(
                    model, name, part, len(rows),
                    n=int(there.sum()), error_px=_mean(errors[there]), median_px=_median(errors[there]),
                    n_sure=int(sure.sum()), error_sure_px=_mean(errors[sure]),
                    n_pck=int(limited.sum()), pck=_mean(within[rows][:, place][limited]),
                )  # fmt: skip


def _has_part(held: Points) -> Any:
    """Whether the model has the body part of each point (n_points,): a point that it only did not find is wrong."""
    import numpy

    return numpy.array([part not in held.lacking for _, part in held.points], dtype=bool)


def _mean(values: Any) -> float | None:
    return float(values.mean()) if values.size else None


def _median(values: Any) -> float | None:
    import numpy

    return float(numpy.median(values)) if values.size else None


def difference(points: Mapping[str, Points], name: str, numbers: Sequence[int]) -> Difference | None:
    """Difference of the two models on points that both have; None where there are none.

    Points of one frame are not independent, so frames are drawn, not points.
    """
    import numpy

    rows = numpy.array(sorted(numbers), dtype=int)
    change = points[NOW].error[rows] - points[BEFORE].error[rows]
    there = numpy.isfinite(change)
    used = there.any(axis=1)
    sums, counts = numpy.where(there, change, 0.0).sum(axis=1)[used], there.sum(axis=1)[used]
    if not counts.size:
        return None
    low = high = None
    if counts.size >= FEWEST_FRAMES:
        generator = numpy.random.default_rng(0)
        means = []
        for _ in range(DRAWS):
            drawn = generator.integers(0, counts.size, counts.size)
            means.append(sums[drawn].sum() / counts[drawn].sum())
        low, high = (float(each) for each in numpy.percentile(means, [2.5, 97.5]))
    return Difference(name, int(counts.size), int(counts.sum()), float(sums.sum() / counts.sum()), low, high)
