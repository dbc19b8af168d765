"""How a task ended according to its log, and which of its lines belong to a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from dlcctr.planning.task_lines import is_several_gpus, is_task_end, parse_row_start
from dlcctr.system.files import read_tail
from dlcctr.system.values.numbers import parse_whole

END_LINE = re.compile(
    r"dlcctr-task-end code=(?P<code>[0-9]{1,9}) node=(?P<node>\S*) signal=(?P<signal>\S*) restart=(?P<restart>[0-9]*)"
    r"( cause=(?P<cause>[a-z-]+))?"
)
"""Line that the batch script ends its log with."""
HEAD = re.compile(
    r"dlcctr: (task \S* \(\+[0-9]+\)|shuffle \S*) of job .*, "
    r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8})(?P<zone> [+-][0-9]{4})?"
)
"""Line that the batch script begins each run with; a requeued task continues the same log. The node's time zone may be
another than this machine's; early scripts do not tell it."""
TAIL_BYTES = 1 << 16
ERROR, WHAT_TO_DO = "error: ", "  what to do: "
"""How errors begin in a log, of the batch script as well as of the image."""

SLURMSTEPD = re.compile(r"slurmstepd(-\S+)?: |\[[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+\] error: ")
"""Begins what slurmstepd writes into a job's log: its name, or since Slurm 25 the time."""
SAID = (
    ("due to time limit", "timeout"),
    ("due to preemption", "preempted"),
    ("due to node failure", "node-fail"),
    ("due to job requeue", "stopped"),
    ("oom_kill|oom-kill|memory limit", "out-of-memory"),
    ("due to signal killed", "stopped"),
    ("due to signal", ""),  # the warning before the time limit as well as scancel: code and time say which
    ("cancelled at", "cancelled"),
)
"""Messages of slurmstepd, the specific before the general, and the causes that they stand for."""


@dataclass(frozen=True)
class LogEnd:
    """How a log ends.

    Parameters
    ----------
    code : int or None
        Exit code of the task; None where the batch script was killed before it could write one.
    node : str
        Node that the task ran on; empty where not known.
    signal : str
        Name of the signal that the batch script got, without SIG; empty where it got none.
    said : str
        Cause that slurmstepd wrote into the log: ``timeout``, ``out-of-memory`` …; empty where it wrote none.
    elapsed_s : float or None
        Seconds from the run's first line to the last write; None where the first line is too far up.
    cause : str
        Why the batch script itself ended the task, in its word for it; empty where it did not.
    restarts : int or None
        How often Slurm had started the task again by then; None where the batch script could not tell.
    """

    code: int | None = None
    node: str = ""
    signal: str = ""
    said: str = ""
    elapsed_s: float | None = None
    cause: str = ""
    restarts: int | None = None


def read_end(log: Path) -> LogEnd | None:
    """How the last run in a log ended; None without a log, or if its last lines do not say."""
    lines = read_last_lines(log)
    return None if lines is None else _end(*lines)


def read_last_lines(log: Path) -> tuple[list[str], float] | None:
    """Lines in the last 64 KiB of a log, and when it was written (seconds since 1970); None if it cannot be read."""
    try:
        written = log.stat().st_mtime
        return re.split(r"[\r\n]+", read_tail(log, TAIL_BYTES).decode("utf-8", "replace")), written
    except OSError:
        return None


def last_error(log: Path) -> tuple[str, str]:
    """Last error of the last run in a log, and what to do about it; empty where it has none, or began with a row."""
    lines, _ = read_last_lines(log) or ([], 0.0)
    found = "", ""
    for number, line in reversed(list(enumerate(lines))):
        if HEAD.fullmatch(line.rstrip()):
            break
        if parse_row_start(line.rstrip()) is not None:
            return "", ""  # errors of rows are in their failure files
        if line.startswith(ERROR) and not found[0]:
            after = lines[number + 1] if number + 1 < len(lines) else ""
            hint = after.removeprefix(WHAT_TO_DO) if after.startswith(WHAT_TO_DO) else ""
            found = line.removeprefix(ERROR).rstrip(), hint.rstrip()
    return found


def _end(lines: list[str], written: float) -> LogEnd | None:
    """Look upwards from the end to the first line of the last run."""
    end, said, node, elapsed = None, "", "", None
    for line in map(str.rstrip, reversed(lines)):
        if match := END_LINE.fullmatch(line):
            if end:
                break  # of the run before
            signal = match["signal"].removeprefix("SIG")
            end = LogEnd(
                int(match["code"]),
                match["node"],
                "" if signal == "0" else signal,
                cause=match["cause"] or "",
                restarts=parse_whole(match["restart"]),
            )
        elif match := HEAD.fullmatch(line):
            elapsed = _since(match["date"], match["zone"] or "", written)
            break
        elif cause := _said(line):
            said = cause if said in ("", "cancelled") else said  # whatever ends a job cancels it
            node = node or (found[1] if (found := re.search(r" ON (\S+) CANCELLED AT ", line)) else "")
    if end:
        return replace(end, node=end.node or node, said=said, elapsed_s=elapsed)
    return LogEnd(node=node, said=said, elapsed_s=elapsed) if said else None


def _since(date: str, zone: str, written: float) -> float | None:
    form = "%Y-%m-%d %H:%M:%S %z" if zone else "%Y-%m-%d %H:%M:%S"
    try:
        return max(0.0, written - datetime.strptime(date + zone, form).timestamp())
    except ValueError:
        return None


def _said(line: str) -> str:
    """Cause that a line of slurmstepd gives; empty for all other lines."""
    if not SLURMSTEPD.match(line):
        return ""
    return next((cause for words, cause in SAID if re.search(words, line.lower())), "")


def row_lines(log: Path, index: int) -> Iterator[str]:
    """Lines of a row in a task's log, its mark included; of several runs all, in the order of the log."""
    inside = False
    with log.open(encoding="utf-8", errors="replace", newline="\n") as stream:
        for line in stream:
            text = line.rstrip("\r\n")
            if (started := parse_row_start(text)) is not None:
                inside = started == index
            elif END_LINE.fullmatch(text) or is_task_end(text):
                inside = False
            if inside:
                yield text


def had_lanes(log: Path) -> bool:
    """Whether a task ran rows on several GPUs at once: then their lines are mixed."""
    with log.open(encoding="utf-8", errors="replace") as stream:
        return any(map(is_several_gpus, stream))
