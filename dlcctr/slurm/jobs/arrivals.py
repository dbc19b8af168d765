"""Whether a job exists whose submission was interrupted: one rule for everything that reads submissions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import TryAgainError
from dlcctr.slurm.jobs.by_hand import ask_by_hand, doubt, find_by_hand, read_by_hand, with_noted_ids
from dlcctr.slurm.jobs.submissions import Array, Submission, forget_arrays, read_submissions
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.output import SQUEUE_WORDS, shown_words
from dlcctr.slurm.queue.scheduler import Scheduler, ask_scheduler, shown_cluster
from dlcctr.system.kernel_locks import is_held

GRACE_S = 600.0
"""Seconds that a job may be on its way: sbatch tries for two minutes and more if the controller is busy, and one that
a killed `submit` started keeps trying."""
FULL_SQUEUE = shown_words([SQUEUE_WORDS[0], "--me", *SQUEUE_WORDS[1:]])
"""Command that prints job names in full."""


@dataclass(frozen=True)
class Arrival:
    """Outcome of handing an array to sbatch.

    Parameters
    ----------
    job : SubmittedJob or None
        Its job, where it is known.
    why : str
        Why it is not known whether it arrived, for people; empty where it is known.
    remedy : str
        What to do about that.
    """

    job: SubmittedJob | None = None
    why: str = ""
    remedy: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether it never arrived, and never will."""
        return self.job is None and not self.why


def find_arrival(
    submission: Submission, array: Array, scheduler: Scheduler, *, sbatch_runs: bool, now: float
) -> Arrival:
    """Find out what became of an array. It is gone only if Slurm was asked, does not know its name, and had time.

    Parameters
    ----------
    sbatch_runs : bool
        An sbatch that was started for this campaign has not ended.
    now : float
        Seconds since 1970.
    """
    if array.job_id:
        return Arrival(SubmittedJob(array.job_id, array.cluster))
    clusters = submission.clusters(array, name_home=scheduler.names_home)
    if state := scheduler.job_of(array.name):
        named = state.cluster if state.cluster in clusters and state.cluster != submission.home else ""
        return Arrival(SubmittedJob(state.job_id, named))
    if not scheduler.knows(clusters):
        silent = ", ".join(filter(None, sorted(set(clusters) - scheduler.squeue.clusters)))
        return Arrival(why=f"squeue does not answer{shown_cluster(silent)}", remedy="try again where squeue works")
    if scheduler.hides_jobs_of(user := submission.options.user):
        return Arrival(why=f"squeue does not show jobs of {user} here", remedy=f"let {user} type the same command")
    if scheduler.hides(array.name):
        return Arrival(why="squeue's output cuts off the names of jobs", remedy=f"give the output of: {FULL_SQUEUE}")
    return _of_unknown(submission, sbatch_runs=sbatch_runs, now=now)


def _of_unknown(submission: Submission, *, sbatch_runs: bool, now: float) -> Arrival:
    """Outcome for an array whose name squeue does not know."""
    if sbatch_runs:
        return Arrival(why="sbatch has not ended yet", remedy="try again once it has")
    if now - submission.sent_s < GRACE_S:
        until = time.strftime("%H:%M:%S", time.localtime(submission.sent_s + GRACE_S))
        return Arrival(why="squeue does not know it, but it may still be on its way", remedy=f"try again after {until}")
    return Arrival()


def sbatch_runs(paths: CampaignPaths) -> bool:
    """Whether an sbatch that was started for a campaign is still running, as far as its file system can tell."""
    return is_held(paths.sbatch_lock)


@dataclass(frozen=True)
class Settled:
    """Submissions, each array with its job where that is known.

    Parameters
    ----------
    unsure : dict
        Sentence on what became of an array, where that is not known, to what to do about it; both for people.
    """

    submissions: list[Submission]
    unsure: dict[str, str]


def settle_submissions(paths: CampaignPaths, *, copies: bool = False) -> Settled:
    """Read all submissions, and record what became of interrupted ones. Needs the campaign's lock.

    Jobs that a person submitted are among them.

    Parameters
    ----------
    copies : bool
        Also name jobs that may come from a copy of `slurm/array.sbatch` for this manifest.

    Raises
    ------
    ManifestError, ContractError
        As `read_submissions`.
    """
    own = _settle_own(paths)
    by_hand = read_by_hand(paths, own.submissions)
    found = find_by_hand(by_hand, own.submissions, ask_by_hand(by_hand, copies=copies))
    unsure = dict(own.unsure)
    for printed in found.unknown:
        name = printed.arrays[0].name
        unsure[f"{name}: printed to be submitted by hand, and squeue does not answer"] = "try again where squeue works"
    unsure |= dict(map(doubt, found.copies))
    return Settled(sorted([*own.submissions, *found.submissions], key=lambda each: each.created_s), unsure)


def _settle_own(paths: CampaignPaths) -> Settled:
    submissions = read_submissions(paths)
    interrupted = [each for each in submissions if each.lost]
    if not interrupted:
        return Settled(submissions, {})
    submissions = [with_noted_ids(paths, each) for each in submissions]
    interrupted = [each for each in submissions if each.lost]
    runs = sbatch_runs(paths)  # before Slurm is asked: what ends in between has its job there
    scheduler, now = ask_scheduler(interrupted), time.time()
    unsure: dict[str, str] = {}
    settled: list[Submission] = []
    for each in submissions:
        found = {a.name: find_arrival(each, a, scheduler, sbatch_runs=runs, now=now) for a in each.lost}
        for array in each.lost[1:]:  # they are handed over one by one: only the first of them was
            found[array.name] = found[array.name] if found[array.name].job else Arrival()
        unsure |= {unsure_text(name, arrival): arrival.remedy for name, arrival in found.items() if arrival.why}
        now_known = _with_arrivals(each, found)
        if now_known != each:
            forget_arrays(paths, now_known)
        settled += [now_known] if now_known.arrays else []
    return Settled(settled, unsure)


def _with_arrivals(submission: Submission, found: Mapping[str, Arrival]) -> Submission:
    for name, arrival in found.items():
        submission = submission.with_job(name, arrival.job) if arrival.job else submission
    gone = {name for name, arrival in found.items() if arrival.is_gone}
    return replace(submission, arrays=tuple(array for array in submission.arrays if array.name not in gone))


def resolve_submissions(paths: CampaignPaths) -> list[Submission]:
    """All submissions, each array with its job. Call it with the campaign's lock held.

    A submission that was interrupted between sbatch and the note of its answer is completed from Slurm, which is asked
    for the array's own name; an array that never arrived is taken out.

    Raises
    ------
    TryAgainError
        It is not known whether an array was submitted, so its rows might be submitted twice.
    """
    settled = settle_submissions(paths, copies=True)
    if settled.unsure:
        text, remedy = next(iter(settled.unsure.items()))
        raise TryAgainError(text, f"nothing was submitted; {remedy}")
    return settled.submissions


def unsure_text(name: str, arrival: Arrival) -> str:
    """Sentence for people."""
    return f"{name}: handed to sbatch, whose reply was never recorded, and {arrival.why}"
