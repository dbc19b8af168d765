"""Asking Slurm for job states, submitting and cancelling."""

from __future__ import annotations

import os
import pwd
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dlcctr.errors import CommandFailedError, ToolMissingError, TryAgainError, UsageError
from dlcctr.slurm.queue.output import SACCT_WORDS, SQUEUE_WORDS, TaskState, parse_sacct, parse_squeue
from dlcctr.slurm.site.cluster import parse_config
from dlcctr.system import processes

TIMEOUT_S = 120.0
USER_SETTINGS = ("SQUEUE_", "SACCT_", "SCANCEL_")
"""Variables that change what these commands print, and for which jobs."""
OWN_SETTINGS = {"SLURM_BITSTR_LEN": "0", "SLURM_TIME_FORMAT": "%s", "LC_ALL": "C"}
"""Variables for job ranges of any length (the default cuts them at 64 characters), and for times in seconds since 1970:
in Slurm's standard form the hour that comes twice in autumn is not told apart."""
CLUSTERS_VARIABLES = ("SBATCH_CLUSTERS", "SLURM_CLUSTERS")
"""Ways to write --clusters for sbatch; all other commands take the last of them."""
GONE = ("Invalid job id", "already completing or completed")


@dataclass(frozen=True)
class Place:
    """A cluster that Slurm is asked about.

    Parameters
    ----------
    cluster : str
        Its name; empty for the one that this machine's commands use by default.
    is_own : bool
        It is this machine's own and is not named: to look up a name, Slurm needs slurmdbd, which not every site has.
    """

    cluster: str = ""
    is_own: bool = False

    @property
    def named(self) -> str:
        """Name to give to Slurm's commands; empty for none."""
        return "" if self.is_own else self.cluster

    @property
    def words(self) -> list[str]:
        """Options that every command of Slurm takes."""
        return [f"--clusters={self.named}"] if self.named else []

    def environment(self) -> dict[str, str | None]:
        """Environment changes with which Slurm's commands print the form that is parsed here."""
        theirs = [name for name in os.environ if name.startswith(USER_SETTINGS)]
        theirs += CLUSTERS_VARIABLES if self.cluster else ()
        return {**dict.fromkeys(theirs), **OWN_SETTINGS}


HERE = Place()


@dataclass(frozen=True)
class Surroundings:
    """What Slurm's configuration says about who sees what from here.

    Parameters
    ----------
    cluster : str
        Name of this machine's own cluster; empty if Slurm does not report it.
    only_own_jobs : bool
        Ordinary users see no jobs of others (``PrivateData=jobs``).
    """

    cluster: str = ""
    only_own_jobs: bool = False


def look_around() -> Surroundings:
    """Read Slurm's configuration; nothing is known where it does not answer."""
    done = _ask(["scontrol", "show", "config"], {**OWN_SETTINGS, "SLURM_CLUSTERS": None})
    config = parse_config(done.stdout) if done and done.returncode == 0 else {}
    name = config.get("ClusterName", "")
    private = {word.strip() for word in config.get("PrivateData", "").lower().split(",")}
    return Surroundings(name if is_cluster(name) else "", "jobs" in private)


def own_cluster() -> str:
    """Name of this machine's own cluster; empty if Slurm does not report it."""
    return look_around().cluster


def own_user() -> str:
    """Name under which this process submits jobs."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # no entry, as in a container
        return os.environ.get("USER", "")


def is_cluster(name: str) -> bool:
    """Whether a text can be a cluster's name, or is empty."""
    return bool(re.fullmatch(r"(\w[\w.-]*)?", name, re.ASCII))


def query_squeue(job_ids: Iterable[str], names: Iterable[str] = (), place: Place = HERE) -> list[TaskState] | None:
    """Jobs of a cluster that wait, run or have just ended, from one call.

    Parameters
    ----------
    job_ids : iterable of str
        Array jobs, without task.
    names : iterable of str
        Job names to ask for instead, for jobs whose id is not known.

    Returns
    -------
    list of TaskState or None
        None without an answer: no squeue here, or no controller behind it. Jobs that Slurm does not know (any
        more) are absent.
    """
    chosen = _chosen(job_ids, names)
    if not chosen:
        return []
    done = _ask([*SQUEUE_WORDS, *place.words, *chosen], place.environment())
    if done is None:
        return None
    if done.returncode != 0:
        return [] if _only_gone(done) else None  # squeue calls a single unknown id an error, of several it says nothing
    return _of_place(parse_squeue(done.stdout), place)


def query_sacct(
    job_ids: Iterable[str], since: float, names: Iterable[str] = (), place: Place = HERE
) -> list[TaskState] | None:
    """Accounting's records of a cluster's jobs, from one call.

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
    words = [*SACCT_WORDS, *place.words, "--allusers", f"--starttime={start}", *chosen]
    done = _ask(words, place.environment())
    return _of_place(parse_sacct(done.stdout), place) if done and done.returncode == 0 else None


def _of_place(states: list[TaskState] | None, place: Place) -> list[TaskState] | None:
    return None if states is None else [replace(each, cluster=place.cluster) for each in states]


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
            raise UsageError(f"{each!r} is not a Slurm job id", "see the campaign's slurm/…/submissions folder")
    return ids


def _ask(argv: Sequence[str], env: Mapping[str, str | None]) -> subprocess.CompletedProcess[str] | None:
    try:
        return processes.run(argv, env=env, check=False, merge=False, timeout_s=TIMEOUT_S)
    except (ToolMissingError, TryAgainError):
        return None


def _only_gone(done: subprocess.CompletedProcess[str]) -> bool:
    said = [line for line in (done.stderr or "").splitlines() if line.strip()]
    return bool(said) and all(any(text in line for text in GONE) for line in said)


@dataclass(frozen=True)
class SubmittedJob:
    """sbatch's reply: the job's id, and its cluster if sbatch was told to choose one."""

    job_id: str
    cluster: str = ""


def submit(
    argv: Sequence[str], *, keep_open: Sequence[int] = (), env: Mapping[str, str | None] | None = None
) -> SubmittedJob:
    """Run an ``sbatch --parsable …`` command and return its reply: ``123``, or ``123;cluster``.

    Parameters
    ----------
    keep_open : sequence of int
        File descriptors that sbatch inherits.
    env : mapping, optional
        Variables that sbatch, and so the job, gets beside those that are there.

    Raises
    ------
    ToolMissingError
        sbatch is not installed.
    CommandFailedError
        It failed, or printed no job id.
    """
    # no time limit: it may have submitted; no variables of our own: the job would inherit them
    done = processes.run(argv, merge=False, keep_open=keep_open, env=env)
    found = [line for line in done.stdout.splitlines() if re.fullmatch(r"[0-9]+(;[\w.-]*)?", line.strip(), re.ASCII)]
    if not found:
        raise CommandFailedError(
            f"sbatch printed no job id: {(done.stdout + done.stderr).strip()!r}",
            "run squeue to see whether the job exists before you submit again",
        )
    job_id, _, cluster = found[-1].strip().partition(";")
    return SubmittedJob(job_id, cluster)


def cancel(job_ids: Iterable[str], place: Place = HERE) -> None:
    """Cancel jobs or array tasks (``123``, ``123_4``, ``123_[1-3,7]``); those that have ended are passed over.

    Raises
    ------
    ToolMissingError
        scancel is not installed.
    CommandFailedError
        An existing job could not be cancelled.
    """
    ids = _valid_ids(job_ids)
    if not ids:
        return
    done = processes.run(["scancel", *place.words, *ids], env=place.environment(), check=False, merge=False)
    if done.returncode != 0 and not _only_gone(done):
        raise CommandFailedError(
            f"scancel ended with code {done.returncode}: {(done.stderr or '').strip()}",
            f"see what is left: {' '.join(['squeue', *place.words])}",
        )
