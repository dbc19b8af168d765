"""Asking Slurm for job states, submitting and cancelling."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterable, Sequence

from dlcctr.errors import CommandFailedError, ToolMissingError, TryAgainError, UsageError
from dlcctr.slurm.output import SACCT_WORDS, SQUEUE_WORDS, TaskState, parse_sacct, parse_squeue
from dlcctr.system import processes

TIMEOUT_S = 120.0
USER_SETTINGS = ("SQUEUE_", "SACCT_", "SCANCEL_")
"""Variables with which people choose what these commands print, and of which jobs."""
OWN_SETTINGS = {"SLURM_BITSTR_LEN": "0", "SLURM_TIME_FORMAT": "standard", "LC_ALL": "C"}
"""Job ranges of any length (the default cuts them at 64 characters), and one form of times."""
GONE = ("Invalid job id", "already completing or completed")


def environment() -> dict[str, str | None]:
    """Changes to this process's variables under which Slurm's commands print what is parsed here."""
    theirs = dict.fromkeys(name for name in os.environ if name.startswith(USER_SETTINGS))
    return {**theirs, **OWN_SETTINGS}


def query_squeue(job_ids: Iterable[str], names: Iterable[str] = ()) -> list[TaskState] | None:
    """Jobs that wait, run or ended a moment ago, from one call.

    Parameters
    ----------
    job_ids : iterable of str
        Array jobs, without task.
    names : iterable of str
        Ask by these job names instead, where there are any: for jobs whose id is not known.

    Returns
    -------
    list of TaskState or None
        None where nobody answers: no squeue here, or no controller behind it. Jobs that Slurm does not know (any
        more) are absent.
    """
    chosen = _chosen(job_ids, names)
    if not chosen:
        return []
    done = _ask([*SQUEUE_WORDS, *chosen])
    if done is None:
        return None
    if done.returncode != 0:
        return [] if _only_gone(done) else None  # squeue calls a single unknown id an error, of several it says nothing
    return parse_squeue(done.stdout)


def query_sacct(job_ids: Iterable[str], since: float, names: Iterable[str] = ()) -> list[TaskState] | None:
    """What accounting knows of jobs, from one call.

    Parameters
    ----------
    since : float
        Seconds since 1970; job ids start again at 1 some day, and then older jobs share them.

    Returns
    -------
    list of TaskState or None
        None where accounting is disabled, down or not here. Jobs that it does not know are absent.
    """
    chosen = _chosen(job_ids, names)
    if not chosen:
        return []
    start = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(since))
    done = _ask([*SACCT_WORDS, "--allusers", f"--starttime={start}", *chosen])
    return parse_sacct(done.stdout) if done and done.returncode == 0 else None


def _chosen(job_ids: Iterable[str], names: Iterable[str]) -> list[str]:
    # no word from a file is taken for an option or for somebody else's jobs
    ids, called = _valid_ids(job_ids), sorted(set(names))
    if called:
        return [f"--name={','.join(called)}"]
    return [f"--jobs={','.join(ids)}"] if ids else []


def _valid_ids(job_ids: Iterable[str]) -> list[str]:
    ids = sorted(set(job_ids))
    for each in ids:
        if not re.fullmatch(r"[0-9]+(_[0-9]+|_\[[0-9,-]+\])?", each, flags=re.ASCII):
            raise UsageError(f"{each!r} is no Slurm job id", "look into the campaign's slurm/…/submissions folder")
    return ids


def _ask(argv: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    try:
        return processes.run(argv, env=environment(), check=False, merge=False, timeout_s=TIMEOUT_S)
    except (ToolMissingError, TryAgainError):
        return None


def _only_gone(done: subprocess.CompletedProcess[str]) -> bool:
    said = [line for line in (done.stderr or "").splitlines() if line.strip()]
    return bool(said) and all(any(text in line for text in GONE) for line in said)


def submit(argv: Sequence[str]) -> str:
    """Run an ``sbatch --parsable …`` command and return the job's id; of ``123;cluster`` the number.

    Raises
    ------
    ToolMissingError
        There is no sbatch here.
    CommandFailedError
        It failed, or printed no job id.
    """
    done = processes.run(
        argv, merge=False
    )  # no time limit: it may have submitted; no variables: the job would inherit them
    found = [line for line in done.stdout.splitlines() if re.fullmatch(r"[0-9]+(;\S*)?", line.strip())]
    if not found:
        raise CommandFailedError(
            f"sbatch printed no job id: {(done.stdout + done.stderr).strip()!r}",
            "look with squeue whether the job is there before you submit again",
        )
    return found[-1].strip().partition(";")[0]


def cancel(job_ids: Iterable[str]) -> None:
    """Cancel jobs or array tasks (``123``, ``123_4``, ``123_[1-3,7]``); those that have ended are passed over.

    Raises
    ------
    ToolMissingError
        There is no scancel here.
    CommandFailedError
        A job that is there could not be cancelled.
    """
    ids = _valid_ids(job_ids)
    if not ids:
        return
    done = processes.run(["scancel", *ids], env=environment(), check=False, merge=False)
    if done.returncode != 0 and not _only_gone(done):
        raise CommandFailedError(
            f"scancel ended with code {done.returncode}: {(done.stderr or '').strip()}", "look with squeue what is left"
        )
