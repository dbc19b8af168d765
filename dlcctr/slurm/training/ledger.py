"""Training jobs that were handed to Slurm: one file in the project, written before sbatch is asked and again after."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from dlcctr.errors import ModelError, TryAgainError
from dlcctr.slurm.jobs.arrivals import find_arrival
from dlcctr.slurm.jobs.submissions import Array, Submission
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.queue.scheduler import Scheduler, ask_scheduler
from dlcctr.system.files import write_text_atomic
from dlcctr.system.kernel_locks import is_held
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import OMIT, Open
from dlcctr.training.paths import TrainingPaths
from dlcctr.training.tasks import TrainTask

PLAN = "training"
"""Stands where a campaign's submission names its plan."""


@dataclass(frozen=True)
class TrainingJob(Open):
    """One array job; its array task N has the task N.

    Parameters
    ----------
    submission : Submission
        How it was submitted; it has one array.
    iteration : int
        DeepLabCut's iteration of the project that it trains.
    words : tuple of str
        Options of `dlc train` beside shuffle and seed.
    trial : bool
        It is only a short trial.
    """

    submission: Submission
    tasks: tuple[TrainTask, ...]
    iteration: int
    words: tuple[str, ...] = ()
    trial: bool = field(default=False, metadata=OMIT)

    def __post_init__(self) -> None:
        if len(self.submission.arrays) != 1 or self.submission.arrays[0].count != len(self.tasks):
            raise ValueError("its array does not have as many tasks as there are shuffles")

    @property
    def array(self) -> Array:
        return self.submission.arrays[0]

    @property
    def is_only_printed(self) -> bool:
        """Whether a person may have submitted it, or may yet do so, and its number is not known."""
        return self.submission.by_hand and not self.array.job_id


@dataclass(frozen=True)
class TrainingJobs(Open):
    """The file; oldest first."""

    jobs: tuple[TrainingJob, ...] = ()


LEDGER = StateFile(
    TrainingJobs,
    "a list of training jobs",
    ModelError,
    hint="put the file back, or see with squeue that no training of this project is left, and remove it",
    version_hint="use the dlcctr that submitted it",
)


@dataclass(frozen=True)
class LiveTask:
    """A shuffle's task that waits or runs."""

    task: TrainTask
    job: TrainingJob
    number: int
    state: TaskState

    @property
    def label(self) -> str:
        """``501_0``, as Slurm's commands take it."""
        return f"{self.state.job_id}_{self.number}"


def read_jobs(paths: TrainingPaths) -> tuple[TrainingJob, ...]:
    """Jobs of a project; none where the file does not exist. Raises `ModelError` for a damaged one."""
    found = LEDGER.find(paths.jobs)
    return found.jobs if found else ()


def write_jobs(paths: TrainingPaths, jobs: Iterable[TrainingJob]) -> None:
    """Write the file; raises `OutputError`."""
    write_text_atomic(paths.jobs, LEDGER.text(TrainingJobs(tuple(jobs))))


def ask(jobs: Sequence[TrainingJob]) -> Scheduler:
    """What squeue and sacct say of these jobs."""
    return ask_scheduler([each.submission for each in jobs])


def find_live(jobs: Sequence[TrainingJob], scheduler: Scheduler) -> list[LiveTask]:
    """Tasks that wait or run, of all these jobs; a job whose number was never noted is found by its name."""
    found = []
    for job in jobs:
        number = find_number(job, scheduler)
        for place, task in enumerate(job.tasks) if number else ():
            state = state_of(job, number, place, scheduler)
            if state is not None and state.is_live:
                found.append(LiveTask(task, job, place, state))
    return found


def find_number(job: TrainingJob, scheduler: Scheduler) -> str:
    """Job's id, by its name where it was never noted; empty where Slurm knows no such job."""
    known = None if job.array.job_id else scheduler.job_of(job.array.name)
    return job.array.job_id or (known.job_id if known else "")


def state_of(job: TrainingJob, number: str, place: int, scheduler: Scheduler) -> TaskState | None:
    """State of a job's task, by the job's id; None where Slurm does not know it."""
    clusters = job.submission.clusters(job.array, name_home=scheduler.names_home)
    return scheduler.state(number, place, clusters, job.submission.options.user) if number else None


def settle(paths: TrainingPaths, jobs: Sequence[TrainingJob], scheduler: Scheduler) -> tuple[TrainingJob, ...]:
    """Note what became of submissions whose answer was lost. Needs the project's lock.

    Raises
    ------
    TryAgainError
        It is not known whether one arrived: what it trains might be submitted twice.
    """
    runs, kept = is_held(paths.sbatch_lock), []
    for job in jobs:
        if job.array.job_id or job.is_only_printed:
            kept.append(job)
            continue
        arrival = find_arrival(job.submission, job.array, scheduler, sbatch_runs=runs, now=time.time())
        if arrival.why:
            raise TryAgainError(
                f"{job.array.name}: handed to sbatch, whose reply was never recorded, and {arrival.why}",
                f"nothing was submitted; {arrival.remedy}",
            )
        if arrival.job is not None:
            kept.append(replace(job, submission=job.submission.with_job(job.array.name, arrival.job)))
    if tuple(kept) != tuple(jobs):
        write_jobs(paths, kept)
    return tuple(kept)
