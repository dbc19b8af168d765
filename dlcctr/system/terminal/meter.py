"""One line that is redrawn during long work: what is done, a bar, how much, and the time left."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TextIO

from dlcctr.system.terminal.console import duration, one_line
from dlcctr.system.terminal.live import (
    REFRESH_S,
    SPARE_COLUMNS,
    SteadyTime,
    bar_text,
    live_console,
    percent_text,
    rough_duration,
    shorten,
)
from dlcctr.system.terminal.speed import RecentSpeed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

SETTLE_S = 3.0
"""Seconds before a time left is shown: the first speed says little about it."""
LEAST_NAME = 12
WIDE = 110
LEAST_BAR, BAR_WIDTH, WIDE_BAR_WIDTH = 8, 16, 30
PERCENT_WIDTH = 5


class Meter:
    """The line of one piece of work; it redraws itself, and disappears when it is closed.

    Parameters
    ----------
    what : str
        What is being done.
    total : int
        Amount of work; 0 if it is not known, and then there is no bar.
    count : callable
        Function from what is done and the total to a text.
    first : int
        Amount that was done before.
    stream : file
        A terminal.
    tells_left : bool
        Whether its units take about the same time each; otherwise the time so far is shown.

    Attributes
    ----------
    total : int
        May be changed at any time.
    note : str
        Text at the end of the line, if there is room.
    """

    def __init__(
        self,
        what: str,
        total: int,
        count: Callable[[int, int], str],
        stream: TextIO,
        *,
        first: int = 0,
        tells_left: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what, self.total, self.done = one_line(what), total, first
        self.note = ""
        self._tells_left = tells_left
        self._count, self._clock, self._began = count, clock, clock()
        self._speed = RecentSpeed(first, clock)
        self._steady = SteadyTime(clock)
        self._console = live_console(stream)
        self._live: Any = None

    def open(self) -> Meter:
        """Begin to show it."""
        from rich.live import Live

        self._live = Live(
            console=self._console,
            get_renderable=lambda: self.text(self._console),
            refresh_per_second=1 / REFRESH_S,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # what is printed meanwhile stands above the line
            redirect_stderr=sys.stderr.isatty(),
        )
        with contextlib.suppress(OSError, ValueError):  # a terminal that is gone must not end the work
            self._live.start(refresh=True)
        return self

    def close(self) -> None:
        """Remove the line."""
        with contextlib.suppress(OSError, ValueError):
            self._live.stop()

    def update(self, done: int) -> None:
        """Report how much is done."""
        self.done = done
        self._speed.update(done)

    def left_s(self) -> float | None:
        """Seconds left; None where that cannot be known yet."""
        speed, elapsed = self._speed.per_s, self._clock() - self._began
        known = self.total and speed > 0 and elapsed >= SETTLE_S and self.done < self.total
        return self._steady.update((self.total - self.done) / speed if known else None)

    def text(self, console: Console) -> Text:
        """The line, fitted to the terminal."""
        from rich.cells import cell_len, set_cell_size
        from rich.text import Text

        parts = [self._count(self.done, self.total), self._time_text()]
        figures = "  ".join(part for part in parts if part)
        room = console.width - SPARE_COLUMNS - cell_len(figures) - 2
        if self.total:
            fraction = self.done / self.total
            most = WIDE_BAR_WIDTH if console.width >= WIDE else BAR_WIDTH
            width = min(max(room - cell_len(self.what) - PERCENT_WIDTH - 2, LEAST_BAR), most)
            bar = bar_text(fraction, width, ascii_only=console.options.ascii_only)
            figures = f"{bar} {percent_text(fraction):>4}  {figures}"
            room -= width + PERCENT_WIDTH + 2
        room = max(room, LEAST_NAME)
        name = shorten(self.what, room, head=room // 2)
        note = one_line(self.note)
        if note and (rest := room - cell_len(name) - 2) >= LEAST_NAME:
            figures += f"  {note if cell_len(note) <= rest else set_cell_size(note, rest - 1) + '…'}"
        text = Text(f"{name}  {figures}", no_wrap=True, overflow="ellipsis", end="")
        text.truncate(console.width - SPARE_COLUMNS, overflow="ellipsis")
        return text

    def _time_text(self) -> str:
        left = self.left_s() if self._tells_left else None
        return duration(self._clock() - self._began) if left is None else f"{rough_duration(left)} left"
