"""What is judged: the positions of one row, with times and the size of the picture. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.errors import ToolMissingError


def import_numpy() -> Any:
    """Import numpy, or raise `ToolMissingError` with the remedy: a host has none."""
    try:
        import numpy
    except ImportError as error:
        raise ToolMissingError(
            f"the quality of results is computed with numpy, which cannot be imported ({error})",
            "run it from the image: singularity run dlc.sif quality m.csv",
        ) from error
    return numpy


@dataclass(frozen=True)
class Track:
    """Positions of one row.

    Parameters
    ----------
    positions : array, (n_frames, n_individuals, n_bodyparts, 3)
        x, y in px of what was analysed, the picture or its crop; likelihood 0-1; NaN where nothing is known.
    bodyparts : tuple of str
        Without unique ones.
    individuals : tuple of str
        One empty name in results of one animal.
    times_s : array, (n_frames,), or None
        Presentation time of each frame; NaN where unknown.
    rate : float or None
        Nominal frames per second.
    bounds : tuple of float or None
        ``(x1, y1, x2, y2)`` that positions can lie in, in px.
    """

    positions: Any
    bodyparts: tuple[str, ...]
    individuals: tuple[str, ...] = ("",)
    times_s: Any = None
    rate: float | None = None
    bounds: tuple[float, float, float, float] | None = None

    @property
    def n_frames(self) -> int:
        """Frames of the video."""
        return int(self.positions.shape[0])

    @property
    def names(self) -> list[tuple[str, str]]:
        """Individual and body part of each column of `flat`."""
        return [(who, part) for who in self.individuals for part in self.bodyparts]

    def frame_rate(self) -> float:
        """Frames per second: the median of the times' steps, else the nominal rate, else 1."""
        numpy = import_numpy()
        if self.times_s is not None and len(self.times_s) > 1:
            steps = numpy.diff(self.times_s)
            steps = steps[numpy.isfinite(steps) & (steps > 0)]
            if len(steps):
                return float(1 / numpy.median(steps))
        return self.rate or 1.0

    def steps_s(self) -> Any:
        """Time from the frame before, (n_frames,), positive and finite: the usual step where none is known."""
        numpy = import_numpy()
        usual = 1 / self.frame_rate()
        steps = numpy.full(self.n_frames, usual)
        if self.times_s is not None and self.n_frames > 1:
            found = numpy.diff(self.times_s)
            steps[1:] = numpy.where(numpy.isfinite(found) & (found > usual / 2), found, usual)
        return steps
