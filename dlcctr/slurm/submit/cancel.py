"""Taking a campaign's tasks out of the queue."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import choose_rows
from dlcctr.errors import ManifestError, ToolMissingError, TryAgainError
from dlcctr.slurm.jobs.arrivals import settle_submissions
from dlcctr.slurm.jobs.submissions import Array, Submission, find_plan
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import HERE, Place
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.queue.scheduler import Scheduler, ask_scheduler, shown_cluster
from dlcctr.system.files import is_there
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.console import ranges


@dataclass(frozen=True)
class CancelTarget:
    """Tasks of one array that are still in the queue and would be cancelled.

    Parameters
    ----------
    whole : bool
        These are all tasks of the array that are left, so that the job's id alone names them.
    rows : tuple of int
        Rows of these tasks, finished ones included; sorted.
    place : Place
        Cluster that has the job.
    """

    array: Array
    running: tuple[int, ...]
    pending: tuple[int, ...]
    whole: bool
    rows: tuple[int, ...] = ()
    place: Place = HERE

    @property
    def job(self) -> str:
        """What scancel takes: ``123``, or ``123_[0-3,7]`` for some tasks of an array."""
        if self.whole:
            return self.array.job_id
        return f"{self.array.job_id}_[{ranges([*self.running, *self.pending])}]"


@dataclass(frozen=True)
class Queued:
    """A campaign's tasks in the queue.

    Parameters
    ----------
    bystanders : tuple of int
        Rows that were not named, but share a task with one that was.
    unsure : dict
        What may be in the queue but cannot be cancelled yet, mapped to what to do about it; both for people.
    """

    targets: tuple[CancelTarget, ...]
    bystanders: tuple[int, ...] = ()
    n_submissions: int = 0
    unsure: dict[str, str] = field(default_factory=dict)

    @property
    def n_tasks(self) -> int:
        """Array tasks that wait or run."""
        return sum(len(each.running) + len(each.pending) for each in self.targets)


def find_queued(manifest: Path, rows: str = "") -> Queued:
    """Find the tasks of a campaign that wait or run.

    Parameters
    ----------
    rows : str
        Only tasks with one of these rows, as ``0-9,12``; all tasks where empty.

    Raises
    ------
    ManifestError
        There is no such manifest or row; a submission or its plan cannot be read.
    ToolMissingError, TryAgainError
        squeue is not installed, or does not answer; or somebody is submitting this campaign right now.
    """
    if not manifest.is_file():
        raise ManifestError(f"{manifest}: no such file", "give the manifest that was submitted")
    wanted = {row.index for row in choose_rows(read_manifest(manifest), rows, manifest)} if rows else None
    paths = CampaignPaths.of(manifest)
    if not any(map(is_there, (paths.submissions, paths.printed, paths.jobs))):
        return Queued(())
    if shutil.which("squeue") is None:
        raise ToolMissingError("squeue was not found on this machine", "cancel on the cluster's login node")
    with campaign_lock(paths.lock):  # whoever submits at this moment would continue after the cancelling
        settled = settle_submissions(paths)
    known = [replace(each, arrays=tuple(a for a in each.arrays if a.job_id)) for each in settled.submissions]
    scheduler = ask_scheduler(known, past=False)
    if scheduler.silent and not scheduler.squeue.clusters:
        raise TryAgainError("squeue does not answer, so nothing was cancelled", "try again in a few minutes")
    targets = [each for one in known for each in _doomed(paths, one, scheduler, wanted)]
    bystanders = {row for each in targets for row in each.rows} - wanted if wanted is not None else ()
    unsure = dict(settled.unsure)
    unsure |= {f"squeue does not answer{shown_cluster(name)}": "try again in a few minutes"
               for name in sorted(scheduler.silent)}  # fmt: skip
    others = {each.options.user for each in known if each.arrays and scheduler.hides_jobs_of(each.options.user)}
    unsure |= {f"squeue shows no jobs of {user} here, who submitted some of the rows":
               f"let {user} cancel them" for user in sorted(others)}  # fmt: skip
    return Queued(tuple(targets), tuple(sorted(bystanders)), len(settled.submissions), unsure)


def _doomed(
    paths: CampaignPaths, submission: Submission, scheduler: Scheduler, wanted: set[int] | None
) -> list[CancelTarget]:
    tasks = find_plan(paths, submission.plan).tasks if submission.arrays else ()
    found = []
    for array, cluster in scheduler.arrays([submission]):
        own = tasks[array.offset : array.offset + array.count]
        live = _live(array, [each for each in scheduler.squeue.states.values() if each.cluster == cluster])
        chosen = {n for n in live if n < len(own) and (wanted is None or not wanted.isdisjoint(own[n].rows))}
        whole = wanted is None or chosen == set(live)
        chosen = set(live) if whole else chosen
        if not chosen:
            continue
        found.append(
            CancelTarget(
                array,
                running=tuple(sorted(n for n in chosen if live[n].is_running)),
                pending=tuple(sorted(n for n in chosen if not live[n].is_running)),
                whole=whole,
                rows=tuple(sorted(row for n in chosen if n < len(own) for row in own[n].rows)),
                place=scheduler.place(cluster),
            )
        )
    return found


def _live(array: Array, states: Iterable[TaskState]) -> dict[int, TaskState]:
    """Array index to state of live tasks. A job of the same number but another name is not ours."""
    own = [each for each in states if each.job_id == array.job_id and array.name.startswith(each.name) and each.is_live]
    live = {each.task: each for each in own if each.task is not None}
    for each in own:
        if each.task is None:  # a range that squeue cut short: all tasks that it does not name
            rest = {n: replace(each, task=n) for n in range(array.count) if n not in live}
            live |= rest
    return live


def cancel(queued: Queued) -> None:
    """Cancel them, each on its own cluster; raises as `client.cancel` does."""
    for place in dict.fromkeys(each.place for each in queued.targets):
        client.cancel((each.job for each in queued.targets if each.place == place), place)
