"""Which rows were handed to the scheduler already, and submissions whose end nobody wrote down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from dlcctr import slurm
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import TryAgainError
from dlcctr.planning.plan import read_plan
from dlcctr.submissions import Array, Submission, read_submissions, write_submission

CLOCKS_APART_S = 600.0
"""Accounting is asked for jobs since a while before the submission: two machines' clocks may differ."""


def allocated_rows(paths: CampaignPaths, submissions: Iterable[Submission]) -> set[int]:
    """Rows of all tasks that were ever submitted.

    Raises
    ------
    ManifestError
        A plan that was submitted cannot be read.
    """
    rows: set[int] = set()
    for submission in submissions:
        if submission.arrays:
            tasks = read_plan(paths.plan(submission.plan)).tasks
            for array in submission.arrays:
                for task in tasks[array.offset : array.offset + array.count]:
                    rows.update(task.rows)
    return rows


def settle_submissions(paths: CampaignPaths) -> list[Submission]:
    """All submissions, each array with its job id. To be called with the campaign's lock held.

    A submission that was killed between sbatch and the note of its answer is completed from the scheduler, which is
    asked for the array's name; an array that the scheduler never saw is taken out.

    Raises
    ------
    TryAgainError
        There is such an array, and the scheduler does not answer: its rows might be submitted twice.
    """
    submissions = read_submissions(paths)
    return [_settle(paths, each) if any(not a.job_id for a in each.arrays) else each for each in submissions]


def _settle(paths: CampaignPaths, submission: Submission) -> Submission:
    lost = [array.name for array in submission.arrays if not array.job_id]
    since = datetime.fromisoformat(submission.created).timestamp() - CLOCKS_APART_S
    live = slurm.query_squeue([], names=lost)
    past = slurm.query_sacct([], since, names=lost)
    if live is None and past is None:
        raise TryAgainError(
            f"{paths.submission(submission.plan)}: a submission was interrupted, and Slurm does not answer whether it "
            "arrived",
            "run the same command again where squeue works",
        )
    found = {state.name: state.job_id for state in [*(past or []), *(live or [])]}
    arrays = tuple(replace(a, job_id=a.job_id or found.get(a.name, "")) for a in submission.arrays)
    settled = replace(submission, arrays=tuple(array for array in arrays if array.job_id))
    forget_arrays(paths, settled)
    return settled


def forget_arrays(paths: CampaignPaths, submission: Submission) -> None:
    """Write a submission down without the arrays that were not submitted; not at all where none is left."""
    if submission.arrays:
        write_submission(paths, submission)
    else:
        paths.submission(submission.plan).unlink(missing_ok=True)


def arrays_of(submissions: Sequence[Submission]) -> list[Array]:
    """All arrays, oldest first."""
    return [array for submission in submissions for array in submission.arrays]
