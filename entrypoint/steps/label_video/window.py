"""A square that follows the animal: it moves only as far as it must, so that the picture stays calm."""

from __future__ import annotations

from typing import Any

QUIET = 0.12
"""Share of the square's size by which the animal may be off its middle before it moves."""


class Window:
    """The square's place in the video, frame by frame.

    Parameters
    ----------
    size : tuple of int
        Width and height of the whole picture, in px.
    shown : int
        Side of the square in px; no side of it is longer than the picture's.
    points : sequence of int
        Points of the table that it follows.
    pcutoff : float
        Likelihood from which on a point counts.
    """

    def __init__(self, size: tuple[int, int], shown: int, points: Any, pcutoff: float) -> None:
        self._size = size
        self.shown = min(shown, size[0]), min(shown, size[1])
        self._points, self._pcutoff = list(points), pcutoff
        self._middle: list[float] | None = None

    def corner(self, positions: Any) -> tuple[float, float]:
        """Its top left corner, in px, for the positions of a frame, (points, 3) in px of the video."""
        import numpy

        points = positions[self._points]
        with numpy.errstate(invalid="ignore"):
            sure = numpy.isfinite(points[:, :2]).all(axis=1) & ~(points[:, 2] < self._pcutoff)
        if sure.any():
            # float: of a median of very large numbers nothing is left but infinity, which min and max below bound
            self._follow([float(at) for at in numpy.median(points[sure, :2], axis=0)])
        middle = self._middle or [side / 2 for side in self._size]
        x, y = (
            min(max(at - length / 2, 0.0), whole - length)
            for at, length, whole in zip(middle, self.shown, self._size, strict=True)
        )
        return x, y

    def _follow(self, target: list[float]) -> None:
        target = [min(max(at, 0.0), float(side)) for at, side in zip(target, self._size, strict=True)]
        if self._middle is None:
            self._middle = target
            return
        for axis, (at, length) in enumerate(zip(target, self.shown, strict=True)):
            slack = QUIET * length
            self._middle[axis] = min(max(self._middle[axis], at - slack), at + slack)
