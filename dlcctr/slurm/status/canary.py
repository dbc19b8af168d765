"""What a canary (one short row that goes first) means for the rows submitted behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from dlcctr.slurm.jobs.submissions import Submission
from dlcctr.slurm.status.row_status import Phase, RowStatus
from dlcctr.system.terminal.console import plural, ranges

CANARY = "canary"
"""Machine word of the cause of rows that were not tried because the canary failed."""
ENDED = ("cancelled", "lost")
"""States of a job that waited for a failed one: Slurm cancels it, and without accounting soon forgets it."""
WAITS = ("Dependency", "DependencyNeverSatisfied")
"""Slurm's reasons for which a job waits for another."""


def explain_canaries(
    rows: Sequence[RowStatus], submissions: Iterable[Submission], has_begun: Callable[[RowStatus], bool]
) -> list[RowStatus]:
    """Mark rows behind a canary as waiting for it, or as cancelled because it failed.

    Parameters
    ----------
    rows : sequence of RowStatus
        All rows of the campaign.
    has_begun : callable
        Whether the task of a row has written a log, so that it was no longer waiting.

    Returns
    -------
    list of RowStatus
        The same rows. Those that the canary's failure stopped have its index and the cause `CANARY`.
    """
    canaries = {each.plan: each.options.canary for each in submissions if each.options.canary is not None}
    by_index = {row.index: row for row in rows}
    return [_explain(row, by_index.get(canaries[row.plan]), has_begun) if row.plan in canaries else row for row in rows]


def _explain(row: RowStatus, canary: RowStatus | None, has_begun: Callable[[RowStatus], bool]) -> RowStatus:
    if canary is None or canary.index == row.index:
        return row
    if row.phase is Phase.PENDING and row.reason in WAITS:
        return replace(row, canary=canary.index)
    if row.cause_kind not in ENDED or has_begun(row) or not _failed(canary, row.plan):
        return row
    text = f"cancelled before it began, because the canary, row {canary.index}, failed"
    return replace(row, phase=Phase.FAILED, cause=text, cause_kind=CANARY, canary=canary.index)


def _failed(canary: RowStatus, plan: str) -> bool:
    """Whether the canary itself failed; a later submission of the same row says nothing about it."""
    return canary.plan == plan and not canary.is_live and canary.phase not in (Phase.DONE, Phase.DEGRADED)


def canary_notes(rows: Sequence[RowStatus]) -> list[str]:
    """One line for each canary that others wait for or were cancelled with."""
    by_index = {row.index: row for row in rows}
    behind: dict[int, list[RowStatus]] = {}
    for row in rows:
        if row.canary is not None:
            behind.setdefault(row.canary, []).append(row)
    return [_note(by_index[index], others) for index, others in behind.items() if index in by_index]


def _note(canary: RowStatus, others: Sequence[RowStatus]) -> str:
    waiting = [row.index for row in others if row.is_live]
    stopped = [row.index for row in others if not row.is_live]
    if not stopped and canary.phase in (Phase.DONE, Phase.DEGRADED):
        return f"the canary, row {canary.index}, is whole: {_named(waiting)} will start"
    if canary.is_live:
        wait = f"{_named(waiting)} {_verb(waiting, 'waits', 'wait')}"
        return f"{wait} for the canary, row {canary.index}, which is {canary.phase.value}"
    said = f"the canary, row {canary.index}, failed"
    parts = [f"{_named(stopped)} {_verb(stopped, 'was', 'were')} cancelled because of it"] if stopped else []
    if waiting:
        parts.append(f"{_named(waiting)} {_verb(waiting, 'waits', 'wait')} for it until Slurm cancels what waits")
    return f"{said}; {', '.join(parts)}"


def _named(indices: Sequence[int]) -> str:
    return f"{plural(len(indices), 'row')} ({ranges(indices)})"


def _verb(indices: Sequence[int], one: str, several: str) -> str:
    return one if len(indices) == 1 else several


def canary_of(row: RowStatus, rows: Mapping[int, RowStatus]) -> RowStatus | None:
    """Canary whose failure stopped a row; None for all other rows."""
    return rows.get(row.canary) if row.cause_kind == CANARY and row.canary is not None else None
