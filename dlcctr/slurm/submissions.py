"""What was handed to the scheduler: one file for each submission, written before sbatch is asked and again after."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import CONTRACT_VERSION
from dlcctr.errors import ContractError, ManifestError, TryAgainError
from dlcctr.planning.plan import read_plan
from dlcctr.slurm import client
from dlcctr.system.files import write_text_atomic

LOST_HINT = "bring the file back, or look with squeue and sacct which jobs of this campaign there are"


@dataclass(frozen=True)
class Array:
    """One job array of a submission: its array indices 0 to ``count - 1`` are the plan's tasks from `offset` on.

    Parameters
    ----------
    name : str
        Job name; unique, so that a job whose id was never written down can be found by it.
    job_id : str
        Empty until sbatch has answered.
    """

    name: str
    offset: int
    count: int
    job_id: str = ""


@dataclass(frozen=True)
class Submission:
    """A plan that was submitted.

    Parameters
    ----------
    plan : str
        Id of the plan.
    arrays : tuple of Array
        The canary, where there is one, is an array of one task of its own.
    options : dict
        What was asked for: ``time_min``, ``mem_gb``, ``batch_size``, ``exclude``, ``site``, ``image`` …
    kind : str
        ``submit`` or ``resubmit``.
    """

    plan: str
    arrays: tuple[Array, ...]
    created: str
    kind: str = "submit"
    options: dict[str, Any] = field(default_factory=dict)

    def with_job(self, name: str, job_id: str) -> Submission:
        """Copy that knows the id of one of its arrays."""
        arrays = tuple(replace(each, job_id=job_id) if each.name == name else each for each in self.arrays)
        return replace(self, arrays=arrays)


def write_submission(paths: CampaignPaths, submission: Submission) -> None:
    """Write a submission under its plan's id."""
    paths.submissions.mkdir(parents=True, exist_ok=True)
    table = {"contract": CONTRACT_VERSION, **asdict(submission)}
    write_text_atomic(paths.submission(submission.plan), json.dumps(table, indent=1, ensure_ascii=False) + "\n")


def read_submissions(paths: CampaignPaths) -> list[Submission]:
    """All submissions, oldest first; none where nothing was submitted.

    Raises
    ------
    ManifestError
        A file cannot be read: rows could else be submitted twice.
    ContractError
        One was written by another contract version.
    """
    files = sorted(paths.submissions.glob("*.json")) if paths.submissions.is_dir() else []
    return [_read(file) for file in files]


def _read(file: Path) -> Submission:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        version = table.pop("contract")
        if version != CONTRACT_VERSION:
            raise ContractError(
                f"{file}: written for contract {version}; this program speaks {CONTRACT_VERSION}",
                "use the dlcctr that submitted it",
            )
        arrays = tuple(Array(**each) for each in table.pop("arrays"))
        return Submission(**table, arrays=arrays)
    except OSError as error:
        raise ManifestError(f"{file}: cannot be read: {error.strerror}", LOST_HINT) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ManifestError(f"{file}: not a submission ({error})", LOST_HINT) from error


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


def resolve_submissions(paths: CampaignPaths) -> list[Submission]:
    """All submissions, each array with its job id. To be called with the campaign's lock held.

    A submission that was killed between sbatch and the note of its answer is completed from the scheduler, which is
    asked for the array's name; an array that the scheduler never saw is taken out.

    Raises
    ------
    TryAgainError
        There is such an array, and the scheduler does not answer: its rows might be submitted twice.
    """
    submissions = read_submissions(paths)
    return [_resolve(paths, each) if any(not a.job_id for a in each.arrays) else each for each in submissions]


def _resolve(paths: CampaignPaths, submission: Submission) -> Submission:
    lost = [array.name for array in submission.arrays if not array.job_id]
    since = datetime.fromisoformat(submission.created).timestamp() - CLOCKS_APART_S
    live = client.query_squeue([], names=lost)
    past = client.query_sacct([], since, names=lost)
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
