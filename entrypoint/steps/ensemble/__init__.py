"""The step `ensemble`: the positions of several models on one video become one, with a variance."""

from __future__ import annotations

from entrypoint.steps.base import StepInput, StepResult


def run(given: StepInput) -> StepResult:
    """Combine the rows of a video; see `entrypoint.steps.base.Step`."""
    from entrypoint.steps.ensemble.combine_rows import combine_rows

    return combine_rows(given)
