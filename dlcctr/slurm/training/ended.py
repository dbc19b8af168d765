"""Why a shuffle's last job is over, where the training itself could not write that down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.slurm.queue.output import REQUEUABLE, TaskState
from dlcctr.slurm.queue.scheduler import Scheduler
from dlcctr.slurm.status.causes import Cause, of_task
from dlcctr.slurm.task_log import last_error, read_end
from dlcctr.slurm.training.ledger import TrainingJob, find_number, state_of
from dlcctr.training.paths import TrainingPaths

WITHOUT_FAULT = frozenset({"node-fail", "preempted", "boot-fail", "cancelled", "stopped", "lost"})
"""Causes after which the same job may simply be submitted again."""
REMEDIES = {
    "out-of-memory": "ask for more with --mem-gb",
    "gpu-memory": "ask for a GPU with more memory (--gres), or a smaller --batch-size",
    "timeout": "ask for more time with --time, or for a longer signal_s in the site's profile",
    "tool-missing": "add the site's module line to its profile (`modules`), or check that the nodes can read the image",
    "no-gpu": "ask for one with --gres or --gpus, or allow the CPU with --allow-cpu",
    "gpu": "leave that node out with --exclude, or allow the CPU with --allow-cpu",
}
"""What to change for the next job, by the cause's machine word; for all others the log says more."""


@dataclass(frozen=True)
class EndedTask:
    """A shuffle's task of its newest job, which is over.

    Parameters
    ----------
    label : str
        ``501_0``.
    cause : Cause or None
        Why it ended without success; None where it ended well.
    end : float or None
        When, in seconds since 1970; None where only the log tells.
    error, hint : str
        What the task itself wrote last about it into its log, and what to do about that; empty where it wrote nothing.
    """

    label: str
    log: Path
    cause: Cause | None
    trial: bool
    end: float | None = None
    error: str = ""
    hint: str = ""

    @property
    def text(self) -> str:
        """Why it ended without success, for people."""
        text = f"job {self.label}: {self.cause.text if self.cause else ''}"
        return f"{text}: {self.error}" if self.error else text

    @property
    def remedy(self) -> str:
        """What to change for the next job; empty where its log says more."""
        return self.hint or (REMEDIES.get(self.cause.kind, "") if self.cause else "")


def find_ended(jobs: Sequence[TrainingJob], scheduler: Scheduler, paths: TrainingPaths) -> dict[int, EndedTask]:
    """Shuffle to the task of its newest job, where that is known to be over."""
    found: dict[int, EndedTask] = {}
    for job in jobs:
        user = job.submission.options.user
        clusters = job.submission.clusters(job.array, name_home=scheduler.names_home)
        number = find_number(job, scheduler)
        for place, task in enumerate(job.tasks) if number else ():
            found.pop(task.shuffle, None)
            state, log = state_of(job, number, place, scheduler), paths.log(number, place)
            # one that is not known to squeue may be in the queue again, whatever its log says
            if not (state and state.is_live) and (scheduler.knows(clusters, user) or _is_final(state)):
                end = read_end(log)
                well = state.state == "COMPLETED" if state else end is not None and end.code == 0
                minutes = job.submission.options.time_min
                cause = None if well else of_task(state, end, 60.0 * minutes if minutes else None)
                own = end is not None and end.code is not None and not end.said
                error, hint = last_error(log) if own else ("", "")
                found[task.shuffle] = EndedTask(
                    f"{number}_{place}", log, cause, job.trial, state.end if state else None, error, hint
                )
    return found


def _is_final(state: TaskState | None) -> bool:
    """Whether accounting alone tells that a task does not start again."""
    return state is not None and not state.is_live and state.state not in REQUEUABLE


def find_hidden(jobs: Sequence[TrainingJob], scheduler: Scheduler) -> dict[int, str]:
    """Shuffle to the user who submitted its newest job, where squeue does not show that user's jobs here."""
    found: dict[int, str] = {}
    for job in jobs:
        user, number = job.submission.options.user, find_number(job, scheduler)
        for place, task in enumerate(job.tasks) if not job.is_only_printed else ():
            found.pop(task.shuffle, None)
            if scheduler.hides_jobs_of(user) and state_of(job, number, place, scheduler) is None:
                found[task.shuffle] = user
    return found
