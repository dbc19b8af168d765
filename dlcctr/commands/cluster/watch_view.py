"""What `status --watch` draws on a terminal: the tasks that run, what the others wait for, and what needs a person."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import FrameType
from typing import TYPE_CHECKING

from dlcctr.slurm.status.live_tasks import LiveTask, RowAtWork
from dlcctr.slurm.status.row_status import StatusResult
from dlcctr.slurm.status.throughput import Throughput
from dlcctr.system.pause import pause
from dlcctr.system.terminal.console import duration, one_line, plural
from dlcctr.system.terminal.live import (
    SPARE_COLUMNS,
    bar_text,
    live_console,
    one_display,
    percent_text,
    rough_duration,
    shorten,
    speed_text,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

ANALYSING = "analysing"
PROGRESS_WIDTH, WIDE_PROGRESS_WIDTH, WIDE = 21, 40, 110
PERCENT_WIDTH = 5
LEAST_LINES = 2


@dataclass(frozen=True)
class WatchText:
    """Lines of `status` around the table of tasks, which wrap at words: those above it and those below."""

    above: Sequence[str]
    below: Sequence[str]


def watch_on_terminal(
    once: Callable[[], StatusResult], text: Callable[[StatusResult], WatchText], interval: float
) -> StatusResult:
    """Refresh until Ctrl-C, on the terminal's alternate screen; afterwards the terminal is as it was before."""
    from rich.live import Live

    result = once()
    console = live_console(sys.stdout)
    with one_display(), _stopped_in_order(), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(drawn(result, text(result), console, looked=datetime.now(), interval=interval), refresh=True)
            pause(interval)
            result = once()
    return result


@contextlib.contextmanager
def _stopped_in_order() -> Iterator[None]:
    """Let Ctrl-C, SIGTERM and SIGHUP end the display; the caller continues with the last result."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def drawn(
    result: StatusResult, text: WatchText, console: Console, *, looked: datetime, interval: float
) -> RenderableType:
    """Everything, fitted to the terminal: where it is too low, fewer tasks are listed."""
    from rich.console import Group
    from rich.text import Text

    last = f"{looked:%Y-%m-%d %H:%M:%S}, refreshed every {interval:g} s; Ctrl-C to stop"
    above = [Text(one_line(line)) for line in (*text.above, *pace_lines(result.pace), "")]
    below = [Text(one_line(line)) for line in ("", *text.below, last)]
    waiting = [Text(one_line(line)) for line in waiting_lines(result.tasks)]
    running = [task for task in result.tasks if task.is_running]
    used = sum(len(each.wrap(console, console.width)) for each in (*above, *waiting, *below))
    return Group(*above, *_task_lines(running, console, console.height - used - 1), *waiting, *below)


def pace_lines(pace: Throughput) -> list[str]:
    """Tasks, speed and time left; nothing where no task waits or runs."""
    if not pace.running_tasks and not pace.pending_tasks:
        return []
    parts = [f"{plural(pace.running_tasks, 'task')} running, {pace.pending_tasks} waiting"]
    parts += [speed_text(pace.frames_per_s)] if pace.frames_per_s else []
    if pace.left_s is not None:
        parts.append(f"about {rough_duration(pace.left_s)} left{'' if pace.left_is_measured else ' as planned'}")
    elif pace.running_tasks:
        parts.append("time left: not known yet")
    parts += [f"{pace.gpu_hours:.2f} GPU-hours used"] if pace.gpu_hours else []
    return ["; ".join(parts)]


def waiting_lines(tasks: Sequence[LiveTask]) -> list[str]:
    """What the waiting tasks wait for, one line for each reason."""
    counts = Counter(task.waits_for for task in tasks if not task.is_running)
    return [
        f"{plural(count, 'task')} {'waits' if count == 1 else 'wait'} for {why}" for why, count in counts.most_common()
    ]


def _task_lines(tasks: Sequence[LiveTask], console: Console, room: int) -> list[RenderableType]:
    from rich.text import Text

    if not tasks:
        return []
    lines = [(task, row, number == 0) for task in tasks for number, row in enumerate(task.at_work or (None,))]
    fits = max(room - 1, LEAST_LINES)  # its head is a line, too
    if len(lines) <= fits:
        return [_table(lines, console)]
    shown = lines[: fits - 1]
    more = len(tasks) - len({task.key for task, _, _ in shown})
    return [_table(shown, console), Text(f"… and {plural(more, 'more task')}; a larger window shows them")]


def _table(lines: Sequence[tuple[LiveTask, RowAtWork | None, bool]], console: Console) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    progress_width = WIDE_PROGRESS_WIDTH if console.width >= WIDE else PROGRESS_WIDTH
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="none")
    for name in ("task", "node"):
        table.add_column(name, no_wrap=True)
    for name in ("done", "row"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, min_width=progress_width)
    for name, least in (("frames/s", 8), ("time left", 9)):
        table.add_column(name, justify="right", no_wrap=True, min_width=least)
    # what the other columns leave of the terminal, the spaces between them included
    names = max(len(task.name) for task, _, _ in lines)
    room = console.width - SPARE_COLUMNS - names - progress_width - (5 + 5 + 8 + 9 + 6)
    for task, row, is_first in lines:
        head = [
            task.name,
            shorten(one_line(task.node), max(room, 8)),
            f"{len(task.rows) - len(task.left)}/{len(task.rows)}",
        ]
        head = head if is_first else ["", "", ""]
        left = "" if task.left_s is None or not is_first else rough_duration(task.left_s)
        speed = f"{row.frames_per_s:.1f}" if row and row.frames_per_s else ""
        index = str(row.index) if row else ""
        progress = _progress(task, row, progress_width, ascii_only=console.options.ascii_only)
        table.add_row(*map(Text, (*head, index)), progress, *map(Text, (speed, left)))
    return table


def _progress(task: LiveTask, row: RowAtWork | None, width: int, *, ascii_only: bool) -> RenderableType:
    from rich.text import Text

    if task.is_silent:
        return Text(f"silent for {duration(task.silent_s or 0.0)}", style="yellow")
    if row is None or not row.total:
        return Text(one_line(row.phase) if row else "starting")
    fraction = row.done / row.total
    percent = f"{percent_text(fraction):>{PERCENT_WIDTH}}"
    if row.phase == ANALYSING:
        return Text(bar_text(fraction, width - PERCENT_WIDTH, ascii_only=ascii_only) + percent)
    return Text(f"{one_line(row.phase)[: width - PERCENT_WIDTH]:<{width - PERCENT_WIDTH}}{percent}")
