"""The array task that each row was last handed to, and what became of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.planning.plan import Plan
from dlcctr.results.row_state import Attempt
from dlcctr.slurm.jobs.arrivals import Arrival, find_arrival
from dlcctr.slurm.jobs.by_hand import ByHand, ask_by_hand, doubt, find_by_hand, read_by_hand, with_noted_ids
from dlcctr.slurm.jobs.submissions import Array, Submission, find_plan, read_submissions
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.output import Key, TaskState, job_key
from dlcctr.slurm.queue.scheduler import Scheduler, ask_scheduler


@dataclass(frozen=True)
class SubmittedTask:
    """An array task that rows were handed to.

    Parameters
    ----------
    job_id : str
        Job id; empty if it is not known whether its job was submitted.
    index : int
        Task number in the array.
    number : int
        Task number in the plan, from 0.
    created : float
        When it was submitted, in seconds since 1970.
    time_limit_s : float or None
        Time limit of the submission, in seconds; None where not known.
    lanes : int
        Number of rows that it works on at once: one on each of its GPUs.
    clusters : tuple of str
        Clusters that may have it, see `Submission.clusters`; one if sbatch reported which.
    logs : str
        Folder of its log, see `CampaignPaths.log`.
    unsure : str
        Why it is not known whether its job arrived; empty where it is known.
    by_hand : bool
        A person submitted it, or may have.
    steps : bool
        It does the steps of its rows, after another task has analysed them.
    user : str
        Who submitted it; empty where not known.
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
    clusters: tuple[str, ...] = ("",)
    logs: str = ""
    unsure: str = ""
    by_hand: bool = False
    steps: bool = False
    user: str = ""

    @property
    def key(self) -> Key:
        """Key under which the scheduler knows it."""
        return job_key(self.job_id, self.index, self.cluster)

    @property
    def cluster(self) -> str:
        """Its cluster, or those that may have it; empty if none is named."""
        return ",".join(self.clusters)

    def made(self, attempt: Attempt) -> bool:
        """Whether an attempt at a row was made by this task."""
        same = not attempt.cluster or self.cluster in ("", attempt.cluster) or len(self.clusters) > 1
        return same and (attempt.job_id, attempt.task) == (self.job_id, self.index)

    def log(self, paths: CampaignPaths) -> Path:
        """Its log."""
        return paths.log(self.job_id, self.index, self.logs)

    def state(self, scheduler: Scheduler) -> TaskState | None:
        """Newest state that the scheduler reported; None if it does not know the task."""
        return scheduler.state(self.job_id, self.index, self.clusters, self.user)

    @property
    def name(self) -> str:
        """``123_4``; empty where the job's id is not known."""
        return f"{self.job_id}_{self.index}" if self.job_id else ""


@dataclass(frozen=True)
class Ledger:
    """Everything that was submitted for a manifest.

    Parameters
    ----------
    newest : dict
        Row to the task that it was handed to last, of those that analyse; one that is not over goes before it (a script
        that a person submitted twice).
    steps : dict
        Row to the task that it was handed to last for its steps alone; none where the same task does both.
    attempts : dict
        Row to the number of submissions with it.
    jobs : frozenset of (str, str)
        Job ids of all arrays that have one, and their clusters.
    """

    newest: dict[int, SubmittedTask]
    attempts: Counter[int]
    jobs: frozenset[tuple[str, str]] = frozenset()
    steps: dict[int, SubmittedTask] = field(default_factory=dict)

    @property
    def tasks(self) -> list[SubmittedTask]:
        """Tasks that are some row's newest, each once, in the order of submission."""
        every = [*self.newest.values(), *self.steps.values()]
        return list({(task.created, task.plan, task.steps, task.number): task for task in every}.values())

    def task_of(self, index: int, *, analysed: bool) -> SubmittedTask | None:
        """The task that a row depends on now: where it is analysed, the one that does its steps."""
        task, steps = self.newest.get(index), self.steps.get(index)
        if steps is None or (task is not None and not analysed) or (task and task.created > steps.created):
            return task
        return steps

    def has(self, job_id: str, cluster: str) -> bool:
        """Whether a job belongs to this campaign; an unknown cluster, on either side, is taken for the right one."""
        return any(job_id == known and (not cluster or place in ("", cluster)) for known, place in self.jobs)


@dataclass(frozen=True)
class SubmissionHistory:
    """Submissions and their plans, from files.

    Parameters
    ----------
    submissions : list of Submission
        Submissions by time, including those that a person submitted by hand.
    by_hand : ByHand
        What is known about such jobs, and about printed scripts.
    doubts : tuple of str
        What is uncertain about them, for people.
    """

    paths: CampaignPaths
    submissions: list[Submission]
    by_hand: ByHand
    doubts: tuple[str, ...] = ()

    @cached_property
    def plans(self) -> dict[str, Plan]:
        """Plans of all submissions by their ids; raises as `read_submitted`."""
        names = dict.fromkeys(each.plan for each in self.submissions if each.arrays)
        return {name: find_plan(self.paths, name) for name in names}

    @property
    def candidates(self) -> list[Submission]:
        """All submissions, and what was printed and may have been submitted."""
        return [*self.submissions, *self.by_hand.printed]

    def ask(self) -> Scheduler:
        """Ask Slurm for all jobs that are known, and for those that a person may have submitted."""
        by_name = ask_by_hand(self.by_hand, copies=not self.submissions)
        return ask_scheduler(self.submissions).joined(by_name)

    def seen_by(self, scheduler: Scheduler) -> SubmissionHistory:
        """History that knows which scripts became which jobs, too."""
        own = [each for each in self.submissions if not each.by_hand]
        found = find_by_hand(self.by_hand, own, scheduler)
        known = [*own, *found.submissions, *found.copies, *found.unknown]
        doubts = tuple(f"{why}: {remedy}" for why, remedy in map(doubt, found.copies))
        return replace(self, submissions=sorted(known, key=lambda each: each.created_s), doubts=doubts)

    def ledger(self, scheduler: Scheduler, now: float, *, sbatch_runs: bool = False) -> Ledger:
        """Map rows to tasks; arrays that were never submitted are left out (see `find_arrival`)."""
        newest: dict[int, tuple[int, SubmittedTask]] = {}
        steps: dict[int, tuple[int, SubmittedTask]] = {}
        attempts: Counter[int] = Counter()
        jobs: set[tuple[str, str]] = set()
        for each in self.submissions:
            rows: set[int] = set()
            for array in each.arrays:
                arrival = find_arrival(each, array, scheduler, sbatch_runs=sbatch_runs, now=now)
                if arrival.is_gone:
                    continue
                for task in self._tasks(each, array, arrival, name_home=scheduler.names_home):
                    held, ranked = (steps if task.steps else newest), (_rank(task, scheduler), task)
                    held.update({row: ranked for row in task.rows if row not in held or ranked[0] >= held[row][0]})
                    rows.update(task.rows)
                    jobs.update((task.job_id, cluster) for cluster in task.clusters if task.job_id)
            attempts.update(rows)
        found, after = ({row: task for row, (_, task) in held.items()} for held in (newest, steps))
        return Ledger(found, attempts, frozenset(jobs), after)

    def _tasks(
        self, submission: Submission, array: Array, arrival: Arrival, *, name_home: bool
    ) -> Iterable[SubmittedTask]:
        job = arrival.job or SubmittedJob("")
        clusters = submission.clusters(replace(array, cluster=job.cluster), name_home=name_home)
        minutes = submission.options.steps_time_min if array.steps else submission.options.time_min
        plan = self.plans[submission.plan]
        for index, number in array.tasks(len(plan.tasks)):
            task = plan.tasks[number]
            yield SubmittedTask(
                job_id=job.job_id,
                index=index,
                number=number,
                plan=submission.plan,
                rows=task.rows,
                cost_s=task.steps_s if array.steps else task.cost_s,
                created=submission.created_s,
                time_limit_s=None if minutes is None else 60.0 * minutes,
                lanes=1 if array.steps else plan.facts.gpus_per_task,
                clusters=clusters,
                logs=submission.logs,
                unsure=arrival.why,
                by_hand=submission.by_hand,
                steps=array.steps,
                user=submission.options.user,
            )


def _rank(task: SubmittedTask, scheduler: Scheduler) -> int:
    """Which of several tasks counts for a row: one that runs, else one that waits, else the newest."""
    state = task.state(scheduler) if task.job_id else None
    return 0 if state is None or not state.is_live else 2 if state.is_running else 1


def read_submitted(manifest: Path) -> SubmissionHistory:
    """Read a manifest's submissions and their plans.

    Raises
    ------
    ManifestError, ContractError
        A file cannot be read, or is of another contract version.
    """
    paths = CampaignPaths.of(manifest)
    own = [with_noted_ids(paths, each) for each in read_submissions(paths)]
    by_hand = read_by_hand(paths, own)
    return SubmissionHistory(paths, sorted([*own, *by_hand.begun], key=lambda each: each.created_s), by_hand)
