"""Which of the jobs that Slurm reports are a campaign's: its numbers start again at 1 some day, names are unique."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from dlcctr.slurm.jobs.submissions import Array, Submission
from dlcctr.slurm.queue.output import TaskState

LEAST_CHARS = 8
"""Characters of a name in plain squeue's output; shorter names of jobs tell nothing."""


def may_be_called(state: TaskState, name: str) -> bool:
    """Whether a job has a name, or as much of it as plain squeue shows."""
    if state.name_is_cut and len(state.name) >= LEAST_CHARS:
        return name.startswith(state.name)
    return state.name == name


def is_by(state: TaskState, user: str) -> bool:
    """Whether a user may have submitted a job; plain squeue shows as many characters of users as of names."""
    if not state.user or not user:
        return True
    return state.user == user or (len(state.user) >= LEAST_CHARS and user.startswith(state.user))


def without_strangers(
    states: Iterable[TaskState], arrays: Collection[tuple[Submission, Array]], known: Iterable[TaskState]
) -> list[TaskState]:
    """Leave out jobs that only have the number of one of these arrays.

    A job of another name is a stranger where Slurm also reports the array's own job, or where somebody else submitted
    it. Otherwise it may be the array's own, which a person has renamed.

    Parameters
    ----------
    known : iterable of TaskState
        All that Slurm reports: that of both commands.
    """
    by_id: dict[str, list[tuple[Submission, Array]]] = {}
    for submission, array in arrays:
        by_id.setdefault(array.job_id, []).append((submission, array))
    seen = {each.job_id for each in known if any(_has_name(each, array) for _, array in by_id.get(each.job_id, ()))}

    def is_own(state: TaskState) -> bool:
        members = by_id.get(state.job_id)
        if members is None or any(_has_name(state, array) for _, array in members):
            return True
        return state.job_id not in seen and any(is_by(state, each.options.user) for each, _ in members)

    return [state for state in states if is_own(state)]


def _has_name(state: TaskState, array: Array) -> bool:
    return not state.name or may_be_called(state, array.name)
