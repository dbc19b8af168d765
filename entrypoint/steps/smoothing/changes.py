"""What a step has changed, counted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CHANGED_PX = 1e-9
"""Less than this is rounding."""


@dataclass
class Changes:
    """Counts over points and frames.

    Parameters
    ----------
    positions, changed, filled, emptied : int
        Positions before; those that moved; those that were not there before; those that are no longer there.
    moved_px, largest_px : float
        Sum and largest of the distances by which positions moved.
    """

    positions: int = 0
    changed: int = 0
    filled: int = 0
    emptied: int = 0
    moved_px: float = 0.0
    largest_px: float = 0.0

    def add(self, before: Any, after: Any) -> None:
        """Count one point: (2, frames) each, NaN where there is no position."""
        import numpy

        was, now = numpy.isfinite(before).all(axis=0), numpy.isfinite(after).all(axis=0)
        both = was & now
        moved = numpy.hypot(*(after[:, both] - before[:, both]))
        self.positions += int(was.sum())
        self.changed += int((moved > CHANGED_PX).sum())
        self.filled += int((now & ~was).sum())
        self.emptied += int((was & ~now).sum())
        self.moved_px += float(moved.sum())
        self.largest_px = max(self.largest_px, float(moved.max(initial=0.0)))

    def facts(self) -> dict[str, float]:
        """For the receipt; the mean is over the positions that moved."""
        return {
            "positions": float(self.positions),
            "changed": float(self.changed),
            "filled": float(self.filled),
            "emptied": float(self.emptied),
            "mean_change_px": round(self.moved_px / self.changed, 4) if self.changed else 0.0,
            "largest_change_px": round(self.largest_px, 4),
        }
