"""How unlike each other poses are, in body lengths: moved onto each other, not turned nor scaled. Needs numpy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from dlcctr.model.prior.shape import Pose

FARTHEST = 1.0
"""Body lengths: a point that is wrong by half a picture says no more than one that is wrong by an animal."""


def as_shapes(points: Any, length_px: Any) -> Any:
    """Poses around their middle, in body lengths.

    Parameters
    ----------
    points : array, (n, parts, 2)
        x and y in px; NaN where there is none.
    length_px : float or array, (n,)
        Body length in px; one that is no number above 0 counts as 1 px.
    """
    import numpy

    length = numpy.broadcast_to(numpy.asarray(length_px, float), (len(points),))
    length = numpy.where(numpy.isfinite(length) & (length > 0), length, 1.0)
    there = numpy.isfinite(points).all(axis=2, keepdims=True)
    count = numpy.maximum(there.sum(axis=1, keepdims=True), 1)
    middle = numpy.where(there, points, 0.0).sum(axis=1, keepdims=True) / count
    return numpy.where(there, points - middle, numpy.nan) / length[:, None, None]


def distances(shapes: Any, one: Any) -> Any:
    """Root mean square distance of each shape from `one` over the parts that both have; `FARTHEST` for fewer than 2.

    Parameters
    ----------
    shapes : array, (n, parts, 2)
    one : array, (parts, 2)

    Returns
    -------
    array, (n,)
        0 to `FARTHEST`.
    """
    import numpy

    squares = ((shapes - one) ** 2).sum(axis=2)
    there = numpy.isfinite(squares)
    squares = numpy.where(there, numpy.minimum(squares, FARTHEST**2), 0.0)
    count = there.sum(axis=1)
    found = numpy.sqrt(squares.sum(axis=1) / numpy.maximum(count, 1))
    return numpy.where(count >= 2, found, FARTHEST)


def labelled_points(frames: Sequence[Sequence[Pose]], n_animals: int, n_parts: int) -> Any:
    """Labelled poses of pictures as an array (n, animals, parts, 2), NaN where a part is not labelled."""
    import numpy

    found = numpy.full((len(frames), n_animals, n_parts, 2), numpy.nan)
    for n, poses in enumerate(frames):
        for k, pose in enumerate(poses[:n_animals]):
            found[n, k] = [(p.real, p.imag) if p is not None else (numpy.nan, numpy.nan) for p in pose]
    return found


def as_scenes(animals: Any) -> Any:
    """Pictures with several animals as one pose each: the animals from left to right, since any may be any.

    Parameters
    ----------
    animals : array, (n, animals, parts, 2)

    Returns
    -------
    array, (n, animals * parts, 2)
    """
    import numpy

    there = numpy.isfinite(animals).all(axis=3)
    x = numpy.where(there, animals[..., 0], 0.0).sum(axis=2) / numpy.maximum(there.sum(axis=2), 1)
    order = numpy.argsort(numpy.where(there.any(axis=2), x, numpy.inf), axis=1, kind="stable")
    ordered = numpy.take_along_axis(animals, order[:, :, None, None], axis=1)
    n, n_animals, n_parts, _ = animals.shape
    return ordered.reshape(n, n_animals * n_parts, 2)


def as_poses(points: Any) -> Iterator[Pose]:
    """An array (n, parts, 2) as poses of the prior's form."""
    for each in points.tolist():
        yield tuple(complex(x, y) if x == x and y == y else None for x, y in each)  # noqa: PLR0124 - NaN
