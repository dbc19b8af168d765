"""Which array task each row was handed to last, and what became of that task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.planning.plan import Plan, read_plan
from dlcctr.slurm.output import Key, TaskState
from dlcctr.slurm.submissions import Array, Submission, read_submissions

SUBMITTING_S = 120.0
"""So long sbatch may take to answer; a job without id that Slurm does not know afterwards was never submitted."""


@dataclass(frozen=True)
class SubmittedTask:
    """An array task that rows were handed to.

    Parameters
    ----------
    job_id : str
        Empty where sbatch has not answered (yet) and no job of that name is known.
    index : int
        Task number in the array.
    number : int
        Task number in the plan, from 0.
    created : float
        When it was submitted, in seconds since 1970.
    time_limit_s : float or None
        Time limit of the submission, in seconds; None where not known.
    lanes : int
        Rows that it works on at a time: one on each of its GPUs.
    """

    job_id: str
    index: int
    number: int
    plan: str
    rows: tuple[int, ...]
    cost_s: float
    created: float
    time_limit_s: float | None = None
    lanes: int = 1

    @property
    def key(self) -> Key:
        """As the scheduler names it."""
        return self.job_id, self.index

    @property
    def name(self) -> str:
        """``123_4``; empty where the job's id is not known."""
        return f"{self.job_id}_{self.index}" if self.job_id else ""


@dataclass(frozen=True)
class Scheduler:
    """What the scheduler said; None where it was not asked or did not answer."""

    squeue: Mapping[Key, TaskState] | None = None
    sacct: Mapping[Key, TaskState] | None = None

    @classmethod
    def of(cls, squeue: Iterable[TaskState] | None, sacct: Iterable[TaskState] | None) -> Scheduler:
        """Take parsed text."""
        return cls(
            None if squeue is None else {state.key: state for state in squeue},
            None if sacct is None else {state.key: state for state in sacct},
        )

    def state(self, submitted: SubmittedTask) -> TaskState | None:
        """Newest state of a task; None where neither knows it.

        What waits or runs is squeue's to say: accounting calls a task running for ever whose end it missed.
        """
        now, past = _of(self.squeue, submitted.key), _of(self.sacct, submitted.key)
        if now and now.is_live:
            return replace(now, restarts=past.restarts, gpu_s=past.gpu_s) if past else now
        if self.squeue is not None and past and past.is_live:
            past = None
        return past or now

    def job_of(self, name: str) -> str:
        """Id of the newest job of a name; empty where none is known."""
        tables = [table for table in (self.squeue, self.sacct) if table]
        found = {state.job_id for table in tables for state in table.values() if state.name == name}
        return max(found, key=int, default="")


def _of(table: Mapping[Key, TaskState] | None, key: Key) -> TaskState | None:
    return (table or {}).get(key) or (table or {}).get((key[0], None))


@dataclass(frozen=True)
class Ledger:
    """All that was submitted of a manifest.

    Parameters
    ----------
    newest : dict
        Row to the task that it was handed to last.
    attempts : dict
        Row to the number of submissions with it.
    job_ids : frozenset of str
        Job ids of all arrays that have one.
    """

    newest: dict[int, SubmittedTask]
    attempts: Counter[int]
    job_ids: frozenset[str] = frozenset()

    @property
    def tasks(self) -> list[SubmittedTask]:
        """Tasks that are some row's newest, each once, in the order of submission."""
        return list({(task.created, task.plan, task.number): task for task in self.newest.values()}.values())


@dataclass(frozen=True)
class SubmissionHistory:
    """Submissions and their plans, as files say."""

    submissions: list[Submission]
    plans: dict[str, Plan]

    @property
    def job_ids(self) -> list[str]:
        """Of all arrays that have one."""
        return [array.job_id for each in self.submissions for array in each.arrays if array.job_id]

    @property
    def names(self) -> list[str]:
        """Job names of all arrays where an id is missing; empty where none is."""
        arrays = [array for each in self.submissions for array in each.arrays]
        return [array.name for array in arrays] if any(not array.job_id for array in arrays) else []

    @property
    def since(self) -> float:
        """Seconds since 1970; nothing was submitted before."""
        return min((each.created_s for each in self.submissions), default=0.0)

    def ledger(self, scheduler: Scheduler, now: float) -> Ledger:
        """Rows to tasks; arrays that sbatch never took are left out."""
        newest: dict[int, SubmittedTask] = {}
        attempts: Counter[int] = Counter()
        jobs: set[str] = set()
        for each in self.submissions:
            rows: set[int] = set()
            for array in each.arrays:
                job = array.job_id or scheduler.job_of(array.name)
                if not job and scheduler.squeue is not None and now - each.created_s > SUBMITTING_S:
                    continue
                jobs.add(job)
                for task in self._tasks(each, array, job):
                    newest |= dict.fromkeys(task.rows, task)
                    rows.update(task.rows)
            attempts.update(rows)
        return Ledger(newest, attempts, frozenset(jobs - {""}))

    def _tasks(self, submission: Submission, array: Array, job: str) -> Iterable[SubmittedTask]:
        minutes = submission.options.time_min
        plan = self.plans[submission.plan]
        tasks = plan.tasks
        for index in range(max(0, min(array.count, len(tasks) - array.offset))):
            task = tasks[array.offset + index]
            yield SubmittedTask(
                job_id=job,
                index=index,
                number=array.offset + index,
                plan=submission.plan,
                rows=task.rows,
                cost_s=task.cost_s,
                created=submission.created_s,
                time_limit_s=None if minutes is None else 60.0 * minutes,
                lanes=plan.facts.gpus_per_task,
            )


def read_submitted(manifest: Path) -> SubmissionHistory:
    """Read a manifest's submissions and the plans that they are of.

    Raises
    ------
    ManifestError, ContractError
        A file cannot be read, or is of another contract version.
    """
    paths = CampaignPaths.of(manifest)
    submissions = read_submissions(paths)
    return SubmissionHistory(
        submissions, {each.plan: read_plan(paths.plan(each.plan)) for each in submissions if each.arrays}
    )
