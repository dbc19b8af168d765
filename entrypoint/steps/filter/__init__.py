"""The step `filter`: positions smoothed, point by point."""

from __future__ import annotations

from entrypoint.steps.base import StepInput, StepResult


def run(given: StepInput) -> StepResult:
    """Smooth the positions of a row; see `entrypoint.steps.base.Step`.

    The table has DeepLabCut's name for it, ``…_filtered.h5``, so that its own functions find it with `filtered=True`.
    """
    from entrypoint.steps.filter.smooth_table import smooth_table

    return smooth_table(given)
