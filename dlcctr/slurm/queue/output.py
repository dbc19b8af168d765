"""What squeue and sacct of Slurm 20 to 26 print: text in, job states out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dlcctr.errors import UsageError
from dlcctr.slurm.queue.squeue_columns import CUT, read_columns
from dlcctr.system.values.numbers import short_numbers

LARGEST_ARRAY = 4_000_001
"""Upper bound of MaxArraySize in slurm.conf's manual."""

SQUEUE_FORMAT = "%F|%K|%T|%r|%N|%M|%l|%S|%u|%j"
SACCT_FORMAT = "JobID,State,ExitCode,NodeList,ElapsedRaw,TimelimitRaw,Start,End,AllocTRES,User,JobName"
SQUEUE_WORDS = ("squeue", "--array", "--states=all", f"--format={SQUEUE_FORMAT}")
SACCT_WORDS = ("sacct", "--allocations", "--duplicates", "--parsable2", f"--format={SACCT_FORMAT}")
"""Headers of both commands: output without one is not an answer, unlike an answer without jobs."""

PENDING = frozenset({
    "PENDING", "EXPEDITING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD", "SPECIAL_EXIT",
})  # fmt: skip
RUNNING = frozenset({
    "RUNNING", "COMPLETING", "CONFIGURING", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED", "SUSPENDED",
})  # fmt: skip
REQUEUABLE = ("NODE_FAIL", "PREEMPTED", "BOOT_FAIL")
"""Accounting shows these of a task's last run also while it waits for its next."""

CLUSTER_LINE = re.compile(r"^CLUSTER: (\S+)\s*$", re.MULTILINE)
"""Line that squeue prints above the header of each cluster that it was asked for by name."""

Key = tuple[str, "int | None"]


def job_key(job_id: str, task: int | None, cluster: str = "") -> Key:
    """Identity of a task: that of its job as sbatch prints it, ``123`` or ``123;cluster``, and its array index."""
    return f"{job_id};{cluster}" if cluster else job_id, task


@dataclass(frozen=True)
class TaskState:
    """One array task (or job), as the scheduler reports it.

    Parameters
    ----------
    job_id : str
        Job id of the array: ``123`` of ``123_4``.
    task : int or None
        Array index; None for a job without an array, and for waiting tasks whose range was shortened.
    state : str
        Slurm's state in capitals, without a suffix such as ``by 1000``.
    reason : str
        Why it waits; empty where Slurm gives none.
    exit_code, signal : int
        0 where not known, and while it waits or runs.
    elapsed_s, time_limit_s : int or None
        Seconds; None where not known or without limit.
    start, end : float or None
        Seconds since 1970; of a waiting task the expected start.
    restarts : int
        Number of times that the task was requeued, if accounting knows.
    gpu_s : int or None
        Elapsed seconds times GPUs, earlier runs of a requeued task included; None where accounting counts no GPUs.
    cluster : str
        Cluster of the job, since two clusters may use the same number. Empty for the one that was asked without a name.
    name_is_cut : bool
        The name may be cut off, as by plain squeue.
    user : str
        Who submitted it, of plain squeue the first eight letters; empty where it is not told.
    """

    job_id: str
    task: int | None
    state: str
    reason: str = ""
    exit_code: int = 0
    signal: int = 0
    node: str = ""
    elapsed_s: int | None = None
    time_limit_s: int | None = None
    start: float | None = None
    end: float | None = None
    restarts: int = 0
    name: str = ""
    gpu_s: int | None = None
    cluster: str = ""
    name_is_cut: bool = False
    user: str = ""

    @property
    def key(self) -> Key:
        """Job and array index."""
        return job_key(self.job_id, self.task, self.cluster)

    @property
    def is_pending(self) -> bool:
        """Whether it waits to be started, for the first time or again."""
        return self.state in PENDING

    @property
    def is_running(self) -> bool:
        """Whether it runs on a node."""
        return self.state in RUNNING

    @property
    def is_live(self) -> bool:
        """Whether it waits or runs."""
        return self.is_pending or self.is_running


def parse_squeue(text: str) -> list[TaskState] | None:
    """Read what ``squeue`` printed with a header, plainly or with ``|`` between columns that name job and state.

    Ranges of waiting tasks (``[4-10,12%2]``) become one entry each. What Slurm cut out of a long range (``...``)
    becomes one entry whose task is None.

    Returns
    -------
    list of TaskState or None
        None where the text has no header: squeue failed.

    Raises
    ------
    UsageError
        A line cannot be read, or a column is missing.
    """
    lines = list(_lines(text, "squeue", ("STATE",)))
    if (jobs := lines[1:] if lines else read_columns(text)) is None:
        return None
    found = []
    for number, cells in jobs:
        job, tasks = _identity(_squeue_id(cells), "squeue", number)
        state = TaskState(
            job_id=job,
            task=None,
            state=cells["STATE"].split(" ")[0].upper(),
            reason="" if cells.get("REASON", "None") == "None" else cells["REASON"],
            node=cells.get("NODELIST", ""),
            elapsed_s=_clock(cells.get("TIME", "")),
            time_limit_s=_clock(cells.get("TIME_LIMIT", "")),
            start=_time(cells.get("START_TIME", "")),
            name=cells.get("NAME", ""),
            cluster=cells.get("CLUSTER", ""),
            name_is_cut=bool(cells.get(CUT)),
            user=cells.get("USER", ""),
        )
        found += [replace(state, task=task) for task in tasks]
    return found


def _squeue_id(cells: dict[str, str]) -> str:
    job, task = cells.get("ARRAY_JOB_ID", ""), cells.get("ARRAY_TASK_ID", "")
    if not job:
        return cells.get("JOBID", "")
    return job if task in ("", "N/A") else f"{job}_{task}" if task.isdecimal() else f"{job}_[{task.strip('[]')}]"


def parse_sacct(text: str) -> list[TaskState] | None:
    """Read what ``sacct --parsable2`` printed with a header, of any columns that name JobID and State.

    Of several lines of one task (requeued; ``--duplicates``) the last counts, and the others are its restarts. Lines
    with different job names are of different jobs, which got the same number one after the other. Steps are left out.

    Returns
    -------
    list of TaskState or None
        None where the text has no header: sacct failed, or accounting is disabled.

    Raises
    ------
    UsageError
        A line cannot be read, or a column is missing.
    """
    lines = list(_lines(text, "sacct", ("JOBID", "STATE")))
    if not lines:
        return None
    found: dict[tuple[Key, str], TaskState] = {}
    waiting: dict[tuple[Key, str], TaskState] = {}
    for number, cells in lines[1:]:
        if "." in cells["JOBID"]:
            continue
        job, tasks = _identity(cells["JOBID"], "sacct", number)
        state = _accounted(job, cells)
        if "[" in cells["JOBID"]:
            several = [replace(state, task=task) for task in tasks]
            waiting |= {(each.key, each.name): each for each in several}
            continue
        state = replace(state, task=tasks[0])
        before = found.get((state.key, state.name))
        if before:
            spent = [each.gpu_s for each in (before, state) if each.gpu_s is not None]
            state = replace(state, restarts=before.restarts + 1, gpu_s=sum(spent) if spent else None)
        found[state.key, state.name] = state
    return list({**waiting, **found}.values())


def _accounted(job: str, cells: dict[str, str]) -> TaskState:
    code, _, signal = cells.get("EXITCODE", "").partition(":")
    elapsed, limit = cells.get("ELAPSEDRAW", ""), cells.get("TIMELIMITRAW", "")
    gpus = _gpus(cells.get("ALLOCTRES", ""))
    node = cells.get("NODELIST", "")
    elapsed_s = int(elapsed) if elapsed.isdecimal() else None
    return TaskState(
        job_id=job,
        task=None,
        state=cells["STATE"].split(" ")[0].rstrip("+").upper(),
        exit_code=int(code) if code.isdecimal() else 0,
        signal=int(signal) if signal.isdecimal() else 0,
        node="" if node == "None assigned" else node,
        elapsed_s=elapsed_s,
        time_limit_s=60 * int(limit) if limit.isdecimal() else None,
        start=_time(cells.get("START", "")),
        end=_time(cells.get("END", "")),
        name=cells.get("JOBNAME", ""),
        gpu_s=None if gpus is None or elapsed_s is None else gpus * elapsed_s,
        cluster=cells.get("CLUSTER", ""),
        user=cells.get("USER", ""),
    )


def _gpus(tres: str) -> int | None:
    """GPUs of a TRES text; with types (``gres/gpu:a100=2``) Slurm as a rule gives the sum as well."""
    counts = dict(re.findall(r"gres/gpu(:[^=,]*)?=([0-9]+)", tres))
    if not counts:
        return None
    return int(counts[""]) if "" in counts else sum(map(int, counts.values()))


def _lines(text: str, command: str, wanted: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Header, then lines with their numbers, as columns by their names in capitals."""
    header: list[str] = []
    cluster = ""
    for number, line in enumerate(short_numbers(text).split("\n"), start=1):
        cluster = match[1] if (match := CLUSTER_LINE.fullmatch(line)) else cluster
        if "|" not in line:
            continue
        words = line.rstrip("\r").split("|")
        names = [word.strip().upper() for word in words]
        if not header:
            header = names  # that of --parsable, where each line ends with |, has a last column without name
            if any(name not in header for name in wanted):
                hint = shown_words(SQUEUE_WORDS if command == "squeue" else SACCT_WORDS)
                raise UsageError(f"{command}'s output, line {number}: no header with {', '.join(wanted)}", hint)
        elif names == header:  # with several clusters each has its header
            continue
        yield number, {"CLUSTER": cluster, **_cells(header, words, command, number)}


def _cells(header: Sequence[str], words: list[str], command: str, number: int) -> dict[str, str]:
    """Columns by name; a | in a job's name belongs to the name."""
    if len(words) < len(header):
        raise UsageError(
            f"{command}'s output, line {number}: {len(words)} columns instead of {len(header)}",
            "give the whole output as the command printed it",
        )
    name = next((header.index(each) for each in ("NAME", "JOBNAME") if each in header), len(header) - 1)
    after = len(header) - name - 1
    joined = "|".join(words[name : len(words) - after])
    words = [*words[:name], joined, *words[len(words) - after :]]
    return {key: word.strip() for key, word in zip(header, words, strict=True)}


def _identity(text: str, command: str, number: int) -> tuple[str, list[int | None]]:
    """``123_[4-6%2]`` to ``123`` and ``[4, 5, 6]``."""
    match = re.fullmatch(r"([0-9]+)(?:\+[0-9]+)?(?:_(?:([0-9]+)|\[([^\]]*)\]?))?", text, flags=re.ASCII)
    if not match:
        raise UsageError(
            f"{command}'s output, line {number}: {text!r} is not a job id",
            "give the whole output as the command printed it",
        )
    job, task, several = match.groups()
    return job, expand(several) if several is not None else [int(task) if task else None]


def expand(text: str) -> list[int | None]:
    """``1-3,7:2`` style lists of array indices, without the throttle; None stands for what Slurm left out."""
    found: dict[int | None, None] = {}
    for part in text.partition("%")[0].split(","):
        match = re.fullmatch(r"([0-9]+)(?:-([0-9]+)(?::([0-9]+))?)?", part.strip(), flags=re.ASCII)
        if not match:
            found[None] = None
            continue
        first, last, step = int(match[1]), int(match[2] or match[1]), int(match[3] or 1)
        found |= dict.fromkeys(range(first, min(last, LARGEST_ARRAY) + 1, max(step, 1)))
    return list(found)


def _clock(text: str) -> int | None:
    """``1-02:03:04``, ``2:03:04`` or ``3:04`` in seconds; None for words such as UNLIMITED."""
    match = re.fullmatch(r"(?:([0-9]+)-)?(?:([0-9]+):)?([0-9]+):([0-9]+)", text, flags=re.ASCII)
    if not match:
        return None
    days, hours, minutes, seconds = (int(word or 0) for word in match.groups())
    return ((24 * days + hours) * 60 + minutes) * 60 + seconds


def _time(text: str) -> float | None:
    """Seconds since 1970, or Slurm's standard form in this machine's time zone; None for Unknown and N/A."""
    if re.fullmatch(r"[0-9]{1,11}", text, flags=re.ASCII):
        return float(text)
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return None


def shown_words(words: Sequence[str]) -> str:
    """Command line to type."""
    return " ".join(f"'{word}'" if "|" in word else word for word in words)
