"""Whether a step has anything to do in a campaign: asked before it is added, not once a task has failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.nwb import NwbParameters
from dlcctr.campaign.steps.spec import ANALYSIS, StepSpec
from dlcctr.campaign.tracking import UNIQUE_OWNER
from dlcctr.errors import UsageError
from dlcctr.system.terminal.console import row_ranges

START = "session_start_time"


def what_is_missing(rows: Sequence[Row], step: StepSpec) -> list[str]:
    """What a step needs and has not yet, in sentences: it may still be given, as a column of the manifest is.

    Parameters
    ----------
    rows : sequence of Row
        The manifest's.
    """
    if step.kind != "nwb":
        return []
    parameters: NwbParameters = step.parameters
    column = parameters.column_of[START]
    if parameters.session_start_time or f"(?P<{START}>" in parameters.pattern:
        return []
    without = [row.index for row in rows if not row.error and not (dict(row.own).get(column) or "").strip()]
    if not without:
        return []
    return [
        f"{row_ranges(without)}: no {START}, without which there is no NWB file: give the manifest a column {column!r} "
        "(2026-03-05T14:22:10+01:00), or the step a `pattern` that finds it in the video's path"
    ]


def require_work(campaign: Campaign, rows: Sequence[Row], step: StepSpec) -> None:
    """Refuse a step that would fail in every row.

    Raises
    ------
    UsageError
        Tracks where no model is of several animals, a step that joins rows where no video has several, or one that
        names a body part or an animal that the model does not have.
    """
    _require_known_names(campaign, rows, step)
    is_single = bool(campaign.bodyparts) and not campaign.individuals and not any(row.model for row in rows)
    if step.kind == "tracks" and is_single:
        raise UsageError(
            f"step {step.name!r}: {campaign.model_id or 'the model'} is of one animal, so there is nothing to track",
            "tracks are for models of several animals; gaps and jumps of one animal: dlcctr steps add m.csv filter",
        )
    if step.last_row and rows and max(Counter(row.video for row in rows).values()) == 1:
        what = "combine" if step.kind == "ensemble" else "show side by side"
        raise UsageError(
            f"step {step.name!r}: no video has several rows, which it would {what}",
            "make the manifest with several models of each video: `manifest --shuffle 1,2,3`, or `--snapshot A,B`",
        )


def _require_known_names(campaign: Campaign, rows: Sequence[Row], step: StepSpec) -> None:
    """Refuse names of parts and animals that no table will have, where the campaign's one model is known."""
    if not campaign.bodyparts or any(row.model for row in rows):
        return
    parts, own = (*campaign.bodyparts, *campaign.unique_bodyparts), vars(step.parameters)
    asked = [(name, each, parts) for name in ("bodyparts", "ignore_bodyparts") for each in own.get(name, ())]
    asked += [("lines", each, parts) for pair in own.get("lines", ()) for each in pair]
    if step.kind == "label-video" and step.of == ANALYSIS:  # a step of tracks may give its animals other names
        animals = (*campaign.individuals, *([UNIQUE_OWNER] if campaign.unique_bodyparts else []))
        asked += [("individuals", each, animals) for each in own["individuals"]]
        asked += [("follow", own["follow"], animals)] if own["follow"] else []
    for name, each, known in asked:
        if each not in known:
            raise UsageError(
                f"step {step.name!r}: {name} names {each[:64]!r}, which the model does not have",
                f"it has: {', '.join(known) or 'one animal without a name'}",
            )
