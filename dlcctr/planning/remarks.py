"""What a person should know of a plan: what was assumed, and what to look at before it is used."""

from __future__ import annotations

from collections.abc import Sequence

from dlcctr.errors import UsageError
from dlcctr.planning import cost
from dlcctr.planning.cost import Speed, Work
from dlcctr.planning.options import PlanOptions, StepsSummary, Summary
from dlcctr.planning.plan import PlanTask
from dlcctr.system.terminal.console import one_line, warn

NAMED = 5
"""Rows that are named before the others are only counted."""


def say_remarks(summary: Summary) -> None:
    """Print on stderr what a person should look at, each on a line, and all that was assumed on one."""
    for line in summary.warnings:
        warn(f"warning: {line}")
    if summary.notes:
        warn(f"note: {'; '.join(summary.notes)}")


def notes_of(work: Sequence[Work], speed: Speed, steps: StepsSummary) -> list[str]:
    """What was assumed."""
    notes = cost.guess_notes(work)
    if steps.assumed:
        several = len(steps.assumed) > 1
        names = f"{'the times of the steps' if several else 'the time of the step'} {', '.join(steps.assumed)}"
        notes.append(
            f"{names} {'are' if several else 'is'} what was measured on another machine (docs/planner.md), until "
            f"{cost.FEW_SAMPLES} rows of this campaign have {'them' if several else 'it'}"
        )
    if not speed.measured:
        notes.append(f"the speed ({speed.source}) may be off by a factor of two, so the time limit is generous")
    return notes


def warnings_of(work: Sequence[Work], tasks: Sequence[PlanTask], speed: Speed, options: PlanOptions) -> list[str]:
    """What a person should look at.

    Raises
    ------
    UsageError
        A row or a task takes longer than the longest job that the user gave.
    """
    warnings = []
    if not speed.on_gpu:
        warnings.append(
            "the speed was measured on a CPU; with GPUs give theirs (--fps): they are 50 times faster or more"
        )
    limits = options.limits
    if limits.max_submit and len(tasks) > limits.max_submit:
        warnings.append(f"{len(tasks)} tasks, but you may have {limits.max_submit} in the queue: submit them in turns")
    if options.time_cap_min is not None:
        warnings += _too_long(work, tasks, speed, options)
    return warnings


def _too_long(work: Sequence[Work], tasks: Sequence[PlanTask], speed: Speed, options: PlanOptions) -> list[str]:
    """Warnings for rows and tasks that take longer than the longest job; an error where the user gave its time."""
    cap_min = options.time_cap_min or 0
    rows = [each.row for each in work if each.cost_s(speed) + speed.fixed_per_task_s > cap_min * 60]
    named = "; ".join(f"row {row.index}, {one_line(row.video)}" for row in rows[:NAMED])
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    if rows:
        line, hint = (
            f"expected to take longer than the longest job of {cap_min} min: {named}{more}",
            "cut these videos, use a faster GPU or a partition with longer jobs; --rows plans the others",
        )
    elif tasks[0].cost_s > cap_min * 60:
        line = f"the longest task is expected to take {tasks[0].cost_s / 60:.0f} min, the longest job {cap_min} min"
        hint = "use more tasks or a shorter --task-time"
    else:
        return []
    if options.max_time_min is not None:
        raise UsageError(line, hint)
    return [f"{line}: {hint}"]
