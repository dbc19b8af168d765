"""Shows rows as they run: a live table on a terminal, plain lines in a log. On stderr; stdout is for the summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr.contract import ExitCode
from dlcctr.runtime.executor import LOG_HEAD, Outcome, RowRun, View
from dlcctr.runtime.slots import Slot
from dlcctr.system.console import one_line, warn

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table

TAIL_BYTES = 400
REFRESH_S = 0.5


class PlainView:
    """One line when a row starts and one when it ends."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0

    def started(self, task: RowRun, slot: Slot) -> None:
        """Say that a row was started, and where."""
        self.say(f"row {task.index} started on {place(slot)}: {task.video}")

    def ended(self, outcome: Outcome) -> None:
        """Say how a row ended, and where its log is where it failed."""
        self.done += 1
        self.say(f"[{self.done}/{self.total}] {describe(outcome)}")

    def running(self, tasks: Sequence[tuple[RowRun, float]]) -> None:
        """Nothing: logs stay short."""

    def stopping(self) -> None:
        """Say that the running rows are being stopped."""
        self.say("stopping: the running rows clean up; a second signal kills them")

    def say(self, line: str) -> None:
        """Print one line."""
        warn(line)


class LiveView(PlainView):
    """The same lines, above a table of the rows that run."""

    def __init__(self, total: int, live: Live) -> None:
        super().__init__(total)
        self.live = live
        self.slots: dict[int, Slot] = {}
        self.shown = 0.0

    def started(self, task: RowRun, slot: Slot) -> None:
        """Nothing but a row of the table."""
        self.slots[task.index] = slot
        self.shown = 0.0

    def running(self, tasks: Sequence[tuple[RowRun, float]]) -> None:
        """Draw the table anew, now and then."""
        if time.monotonic() - self.shown > REFRESH_S:
            self.shown = time.monotonic()
            self.live.update(self._table(tasks), refresh=True)

    def say(self, line: str) -> None:
        """Print one line above the table."""
        self.live.console.print(one_line(line), markup=False, highlight=False, soft_wrap=True)

    def _table(self, tasks: Sequence[tuple[RowRun, float]]) -> Table:
        from rich.box import SIMPLE_HEAD
        from rich.table import Table
        from rich.text import Text

        title = f"{self.done} of {self.total} rows"
        table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", expand=True)
        for name, width in (("row", 3), ("where", 6), ("time", 6)):
            table.add_column(name, no_wrap=True, min_width=width)
        for name, ratio in (("video", 1), ("its last line", 2)):
            table.add_column(name, no_wrap=True, overflow="ellipsis", ratio=ratio)
        for task, began in tasks:
            spent = f"{time.monotonic() - began:.0f} s"
            cells = (str(task.index), place(self.slots[task.index]), spent, task.video, last_line(task.log))
            table.add_row(*(Text(one_line(cell)) for cell in cells))
        return table


@contextmanager
def open_view(total: int) -> Iterator[View]:
    """View for this process's stderr: live on a terminal."""
    if not sys.stderr.isatty():
        yield PlainView(total)
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True, redirect_stdout=False) as live:
        yield LiveView(total, live)


def place(slot: Slot) -> str:
    """GPU or CPUs of a running row, for people."""
    return f"GPU {slot.gpu}" if slot.gpu is not None else f"{slot.n_cpus} CPU{'s' if slot.n_cpus > 1 else ''}"


def describe(outcome: Outcome) -> str:
    """How a row ended, in one line."""
    head = f"row {outcome.index}"
    if outcome.code == ExitCode.OK:
        return f"{head} done in {outcome.duration_s:.0f} s: {outcome.video}"
    if outcome.code == ExitCode.TRY_AGAIN and outcome.cause == "stopped":
        return f"{head} stopped: {outcome.video}"
    log = f" (log: {outcome.log})" if outcome.log else ""
    return f"{head} FAILED with exit code {outcome.code}: {outcome.video}: {outcome.cause}{log}"


def last_line(log: Path) -> str:
    """Last line of a growing log; progress that overwrites itself counts as lines."""
    try:
        with log.open("rb") as stream:
            stream.seek(max(0, log.stat().st_size - TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ""
    last = next((line.strip() for line in reversed(text.replace("\r", "\n").split("\n")) if line.strip()), "")
    return "" if last.startswith(LOG_HEAD.strip()) else last
