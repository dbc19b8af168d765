"""Whether a step has anything to do in a campaign: asked before it is added, not once a task has failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.spec import StepSpec
from dlcctr.errors import UsageError


def require_work(campaign: Campaign, rows: Sequence[Row], step: StepSpec) -> None:
    """Refuse a step that would fail in every row.

    Raises
    ------
    UsageError
        Tracks where no model is of several animals, or an ensemble where no video has several rows.
    """
    is_single = bool(campaign.bodyparts) and not campaign.individuals and not any(row.model for row in rows)
    if step.kind == "tracks" and is_single:
        raise UsageError(
            f"step {step.name!r}: {campaign.model_id or 'the model'} is of one animal, so there is nothing to track",
            "tracks are for models of several animals; gaps and jumps of one animal: dlcctr steps add m.csv filter",
        )
    if step.kind == "ensemble" and rows and max(Counter(row.video for row in rows).values()) == 1:
        raise UsageError(
            f"step {step.name!r}: no video has several rows, which it would combine",
            "make the manifest with several models of each video: `manifest --shuffle 1,2,3`, or `--snapshot A,B`",
        )
