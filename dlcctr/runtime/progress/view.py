"""Shows rows as they run: a live table on a terminal, plain lines in a log. On stderr; stdout is for the summary."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from dlcctr.contract import ExitCode
from dlcctr.runtime.progress.forecast import Forecast, RunningRow
from dlcctr.runtime.progress.row_report import RowReport, read_report
from dlcctr.runtime.rows.row_run import Outcome, RowRun, Started, View
from dlcctr.runtime.rows.slots import Slot
from dlcctr.system.terminal.console import duration, one_line, plural, warn
from dlcctr.system.terminal.live import (
    REFRESH_S,
    SPARE_COLUMNS,
    SteadyTime,
    bar_text,
    is_live,
    live_console,
    one_display,
    percent_text,
    rough_duration,
    shorten,
    speed_text,
)

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table

REPORT_S = 300.0
"""Seconds between two log lines with the progress of all rows."""
PHASE_WIDTH = 15
"""Width of the longest phase that has a bar, ``finding animals``."""
BAR_WIDTH, WIDE_BAR_WIDTH = 10, 24
NARROW, WIDE = 75, 110
"""Columns of a terminal below which there is no bar, and from which on there is a longer one."""
PERCENT_WIDTH, PLACE_WIDTH, LEAST_NAME = 5, 8, 5
STOPPING = RowReport("stopping")


class PlainView:
    """One line when a row starts, one when it ends, and one now and then with the time left for all."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.total, self.clock = total, clock
        self.done = self.failed = 0
        self.frames: dict[int, int | None] = {}
        self.forecast = Forecast()
        self.steady = SteadyTime(clock)
        self.is_stopping = False
        self.shown = clock()

    def started(self, task: RowRun, slot: Slot) -> None:
        """Say that a row was started, and where."""
        self.frames[task.index] = task.frames
        self.say(f"row {task.index} started on {place(slot)}: {task.video}")

    def ended(self, outcome: Outcome) -> None:
        """Say how a row ended, and where its log is where it failed."""
        self.done += 1
        if outcome.code == ExitCode.OK:
            self.forecast.add(self.frames.get(outcome.index), outcome.duration_s)
        elif outcome.cause != "stopped":
            self.failed += 1
        self.say(f"[{self.done}/{self.total}] {describe(outcome)}")

    def running(self, rows: Sequence[Started], waiting: Sequence[RowRun]) -> None:
        """Say now and then how far all is."""
        if self.clock() - self.shown >= REPORT_S:
            self.shown = self.clock()
            self.say(self.overview(self.looked(rows), waiting))

    def stopping(self) -> None:
        """Say that the running rows are being stopped."""
        self.is_stopping = True
        self.say("stopping: the running rows clean up; a second signal kills them")

    def say(self, line: str) -> None:
        """Print one line."""
        warn(line)

    def looked(self, rows: Sequence[Started]) -> list[RunningRow]:
        """Update the progress of the running rows."""
        now = self.clock()
        reports = [STOPPING if self.is_stopping else read_report(row.scratch, row.task.log) for row in rows]
        return [RunningRow(row.task.frames, now - row.began, report) for row, report in zip(rows, reports, strict=True)]

    def overview(self, rows: Sequence[RunningRow], waiting: Sequence[RowRun]) -> str:
        """One line for all rows."""
        parts = [f"{self.done} of {plural(self.total, 'row')} done"]
        if self.failed:
            parts[0] = f"{self.done - self.failed} of {plural(self.total, 'row')} done, {self.failed} FAILED"
        parts[0] += f", {len(rows)} running"
        if self.is_stopping:
            return f"{parts[0]}; stopping"
        speed = sum(row.report.frames_per_s for row in rows)
        parts += [speed_text(speed)] if speed and len(rows) > 1 else []
        left = self.steady.update(self.forecast.left_s(rows, [task.frames for task in waiting]))
        parts.append("time left: not known yet" if left is None else f"about {rough_duration(left)} left")
        return "; ".join(parts)


class LiveView(PlainView):
    """The lines of rows that ended, above a table of those that run."""

    def __init__(self, total: int, live: Live, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(total, clock)
        self.live = live
        self.shown = -REFRESH_S
        self.left: dict[int, SteadyTime] = {}

    def started(self, task: RowRun, slot: Slot) -> None:
        """Nothing but a row of the table."""
        del slot
        self.frames[task.index] = task.frames
        self.left[task.index] = SteadyTime(self.clock)
        self.shown = -REFRESH_S

    def running(self, rows: Sequence[Started], waiting: Sequence[RowRun]) -> None:
        """Draw the table anew, now and then."""
        if self.clock() - self.shown >= REFRESH_S:
            self.shown = self.clock()
            with contextlib.suppress(OSError):  # a terminal that is gone ends no row
                self.live.update(self.drawn(rows, waiting, self.live.console), refresh=True)

    def say(self, line: str) -> None:
        """Print one line above the table; in red where a row failed."""
        from rich.text import Text

        text = Text(one_line(line))
        with contextlib.suppress(OSError):
            if " FAILED " in line:
                text.highlight_words(["FAILED"], "bold red")
            self.live.console.print(text, overflow="fold")

    def drawn(self, rows: Sequence[Started], waiting: Sequence[RowRun], console: Console) -> RenderableType:
        """One line for all rows, and the table of those that run."""
        from rich.console import Group
        from rich.text import Text

        looked = self.looked(rows)
        head = Text(self.overview(looked, waiting), no_wrap=True, overflow="ellipsis")
        head.truncate(console.width - SPARE_COLUMNS, overflow="ellipsis")
        head.highlight_words([f"{self.failed} FAILED"], "bold red")
        return Group(head, self._table(rows, looked, console)) if rows else head

    def _table(self, rows: Sequence[Started], looked: Sequence[RunningRow], console: Console) -> Table:
        from rich.table import Table
        from rich.text import Text

        is_wide, width = console.width >= WIDE, console.width - SPARE_COLUMNS
        bar_width = WIDE_BAR_WIDTH if is_wide else BAR_WIDTH if console.width >= NARROW else 0
        columns = _columns(rows, bar_width, is_wide=is_wide)
        room = max(width - sum(wide + 1 for _, wide, _ in columns), LEAST_NAME)
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="none")
        for name, wide, justify in [columns[0], ("video", room, "left"), *columns[1:]]:
            table.add_column(name, justify=justify, no_wrap=True, width=wide, overflow="ellipsis")
        for row, seen in zip(rows, looked, strict=True):
            report = seen.report
            left = self.left[row.task.index].update(report.left_s)
            cells = [str(row.task.index), shorten(one_line(row.task.video), room)]
            cells += [shorten(place(row.slot), PLACE_WIDTH)] if is_wide else []
            cells.append(_progress_text(report, bar_width, ascii_only=console.options.ascii_only))
            cells.append(f"{report.frames_per_s:.1f}" if report.frames_per_s else "")
            cells.append(rough_duration(left) if left else "")
            table.add_row(*map(Text, cells))
        return table


def _columns(
    rows: Sequence[Started], bar_width: int, *, is_wide: bool
) -> list[tuple[str, int, Literal["left", "right"]]]:
    """Names, widths and sides of all columns but that of the videos, which takes what they leave."""
    found: list[tuple[str, int, Literal["left", "right"]]] = [
        ("row", max(3, *(len(str(row.task.index)) for row in rows)), "right"),
    ]
    found += [("on", max(2, *(min(len(place(row.slot)), PLACE_WIDTH) for row in rows)), "left")] if is_wide else []
    progress_width = PHASE_WIDTH + PERCENT_WIDTH + (bar_width + 1 if bar_width else 0)
    return [*found, ("", progress_width, "left"), ("frames/s", 8, "right"), ("time left", 10, "right")]


def _progress_text(report: RowReport, bar_width: int, *, ascii_only: bool) -> str:
    """Phase, and how far it is where that can be known."""
    phase = one_line(report.phase)
    if (fraction := report.fraction) is None:
        return phase
    bar = f" {bar_text(fraction, bar_width, ascii_only=ascii_only)}" if bar_width else ""
    return f"{phase:<{PHASE_WIDTH}}{bar}{percent_text(fraction):>{PERCENT_WIDTH}}"


@contextmanager
def open_view(total: int) -> Iterator[View]:
    """View for this process's stderr: live on a terminal, which is left clean whatever ends the run."""
    if not is_live(sys.stderr):
        yield PlainView(total)
        return
    from rich.live import Live

    console = live_console(sys.stderr)
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
    with one_display(), live:
        yield LiveView(total, live)


def place(slot: Slot) -> str:
    """GPU or CPUs of a running row, for people."""
    return f"GPU {slot.gpu}" if slot.gpu is not None else plural(slot.n_cpus, "CPU")


def describe(outcome: Outcome) -> str:
    """How a row ended, in one line."""
    head = f"row {outcome.index}"
    if outcome.code == ExitCode.OK:
        return f"{head} done in {duration(outcome.duration_s)}: {outcome.video}"
    if outcome.code == ExitCode.TRY_AGAIN and outcome.cause == "stopped":
        return f"{head} stopped: {outcome.video}"
    log = f" (log: {outcome.log})" if outcome.log else ""
    return f"{head} FAILED with exit code {outcome.code}: {outcome.video}: {outcome.cause}{log}"
