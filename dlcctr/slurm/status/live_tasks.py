"""Progress of each live array task: from its log if it runs, else what it waits for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.planning.task_lines import parse_row_start
from dlcctr.slurm.jobs.ledger import SubmittedTask
from dlcctr.slurm.jobs.submissions import Submission
from dlcctr.slurm.queue.output import Key, TaskState
from dlcctr.slurm.status.pending import waits_for
from dlcctr.slurm.task_log import HEAD, read_last_lines
from dlcctr.system.terminal.frame_lines import frames_left, parse_frame_line
from dlcctr.system.values.numbers import parse_whole

ROW_LABEL = re.compile(r"row (?P<index>[0-9]+) \(.*\): (?P<phase>[^:]+)")
STARTING = "starting"
SILENT_S = 300.0
"""Seconds without a new line after which a log is called silent; while frames are analysed there is one every 30 s."""


@dataclass(frozen=True)
class RowAtWork:
    """A row that a task is working on, according to its log.

    Parameters
    ----------
    phase : str
        Phase, in plain words.
    done, total : int
        Frames of the phase; both 0 where it is not one of frames, or has just begun.
    frames_per_s : float
        0 where not known.
    left_s : float or None
        Seconds until all of its frames are done; None where not known.
    """

    index: int
    phase: str = STARTING
    done: int = 0
    total: int = 0
    frames_per_s: float = 0.0
    left_s: float | None = None


@dataclass(frozen=True)
class LiveTask:
    """An array task that waits or runs.

    Parameters
    ----------
    key : tuple
        Key under which the scheduler knows it.
    name : str
        ``123_4``.
    rows, left : tuple of int
        Indices of all of its rows, and of those that are not done.
    at_work : tuple of RowAtWork
        Rows that it is working on: one, or one on each of its GPUs; none while it waits.
    elapsed_s, silent_s : float or None
        Seconds since it was started, and since its log was last written; None where not known.
    waits_for : str
        In words; empty while it runs.
    left_s : float or None
        Seconds until all of its rows are done, measured; None where not known.
    """

    key: Key
    name: str
    node: str
    rows: tuple[int, ...]
    left: tuple[int, ...]
    at_work: tuple[RowAtWork, ...] = ()
    elapsed_s: float | None = None
    silent_s: float | None = None
    waits_for: str = ""
    left_s: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs on a node."""
        return not self.waits_for

    @property
    def is_silent(self) -> bool:
        """Whether its log has been silent for long."""
        return self.silent_s is not None and self.silent_s > SILENT_S

    @property
    def frames_per_s(self) -> float | None:
        """Of all rows that it is at; None where not known."""
        return sum(row.frames_per_s for row in self.at_work) or None


def look_at_tasks(
    paths: CampaignPaths,
    tasks: Iterable[SubmittedTask],
    states: Mapping[Key, TaskState | None],
    submissions: Iterable[Submission],
    live: Mapping[int, int | None],
    *,
    now: float,
) -> list[LiveTask]:
    """Find the progress of all tasks that wait or run.

    Parameters
    ----------
    live : mapping
        Indices of the rows that wait or run, and the frames of their videos; None where not known.
    now : float
        Seconds since 1970.
    """
    canaries = {each.plan: each.options.canary for each in submissions}
    found = []
    for task in tasks:
        state, left = states.get(task.key), tuple(row for row in task.rows if row in live)
        if state is None or not state.is_live or not left:
            continue
        looked = LiveTask(task.key, task.name, state.node, task.rows, left, elapsed_s=state.elapsed_s)
        if state.is_pending:
            canary = canaries.get(task.plan)
            after = canary is not None and task.rows != (canary,)
            found.append(replace(looked, waits_for=waits_for(state.reason, after_canary=after)))
        else:
            found.append(_running(looked, task.log(paths), task.lanes, live, now))
    return found


def _running(looked: LiveTask, log: Path, lanes: int, frames: Mapping[int, int | None], now: float) -> LiveTask:
    rows, written = read_rows(log)
    silent = None if written is None else max(0.0, now - written)
    at_work = [_aged(row, silent or 0.0) for row in rows if row.index in looked.left][-lanes:]
    left = _left(looked.left, at_work, lanes, frames)
    return replace(looked, at_work=tuple(at_work), silent_s=silent, left_s=left)


def _aged(row: RowAtWork, silent_s: float) -> RowAtWork:
    """A row's last log line, extrapolated to now; the line of a log that has long been silent no longer holds."""
    if silent_s > SILENT_S:
        return replace(row, frames_per_s=0.0, left_s=None)
    return row if row.left_s is None else replace(row, left_s=max(row.left_s - silent_s, 0.0))


def _left(
    left: Sequence[int], at_work: Sequence[RowAtWork], lanes: int, frames: Mapping[int, int | None]
) -> float | None:
    """Of a task: what is left of the rows that it is at, and the others at the same speed."""
    own = [row.left_s for row in at_work if row.left_s is not None]
    speeds = [row.frames_per_s for row in at_work if row.frames_per_s > 0]
    others = [frames.get(index) for index in left if index not in {row.index for row in at_work}]
    if not own or not speeds or None in others:
        return None
    seconds = sum(each or 0 for each in others) * len(speeds) / sum(speeds)
    at_once = min(lanes, len(left))
    return max(*own, (sum(own) + seconds) / at_once) if at_once > 1 else sum(own) + seconds


def read_rows(log: Path) -> tuple[list[RowAtWork], float | None]:
    """Rows that the end of a task's log speaks of, the newest last, and when it was written (seconds since 1970)."""
    tail = read_last_lines(log)
    if tail is None:
        return [], None
    lines, written = tail
    rows: dict[int, RowAtWork] = {}
    for line in map(str.rstrip, lines):
        if HEAD.fullmatch(line):
            rows = {}  # a requeued task continues the same log
        elif (started := parse_row_start(line)) is not None:
            rows.pop(started, None)
            rows[started] = RowAtWork(started)
        elif row := _parse_row(line):
            rows[row.index] = row
    return list(rows.values()), written


def _parse_row(line: str) -> RowAtWork | None:
    found = parse_frame_line(line)
    label = ROW_LABEL.fullmatch(found.label) if found else None
    index = parse_whole(label["index"]) if label else None
    if found is None or label is None or index is None:
        return None
    if found.ended:
        return RowAtWork(index, "saving the results")
    phase, speed = label["phase"], found.frames_per_s or 0.0
    left = frames_left(phase, found.done, found.total) / speed if speed else None
    return RowAtWork(index, phase, found.done, found.total, speed, left)
