"""What all live displays share: when to use one, how a bar looks, and times that do not jump. Drawn with rich.

Bars are told apart by their characters, not by colours: a display looks the same with NO_COLOR and in a copy of it.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TextIO

from dlcctr.system.terminal.console import duration

if TYPE_CHECKING:
    from rich.console import Console

REFRESH_S = 0.5
"""Seconds between two updates: often enough to see progress, seldom enough not to flicker."""
SPARE_COLUMNS = 3
"""Columns left free at the end of a line: a terminal writes ``^C`` there and must not wrap."""
PLAIN_EVERY_S = 30.0
"""Seconds between two lines about long work without a terminal."""
DIFFERENCE = 0.1
LEAST_DIFFERENCE_S = 5.0

_display = threading.Lock()


def is_live(stream: TextIO) -> bool:
    """Whether lines can be redrawn there: a terminal that can move its cursor."""
    try:
        return stream.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")
    except ValueError:  # it is closed
        return False


@contextlib.contextmanager
def one_display() -> Iterator[bool]:
    """Take the terminal for a display; False if another one has it, within which this one stays silent."""
    mine = _display.acquire(blocking=False)
    try:
        yield mine
    finally:
        if mine:
            _display.release()


def live_console(stream: TextIO) -> Console:
    """Console for a stream, without automatic colours; the remaining ones obey NO_COLOR."""
    from rich.console import Console
    from rich.theme import Theme

    plain = ("progress.description", "progress.elapsed", "progress.remaining", "progress.percentage")
    return Console(file=stream, highlight=False, markup=False, emoji=False, theme=Theme(dict.fromkeys(plain, "none")))


def bar_text(fraction: float, width: int, *, ascii_only: bool = False) -> str:
    """A bar of `width` characters; full only if all is done."""
    done, rest = ("#", "-") if ascii_only else ("━", "─")
    full = width if fraction >= 1 else min(int(width * max(fraction, 0.0)), width - 1)
    return done * full + rest * (width - full)


def percent_text(fraction: float) -> str:
    """``63%``; 100% only if all is done."""
    return f"{math.floor(100 * min(max(fraction, 0.0), 1.0) + 1e-9)}%"  # 0.29 is a little less than that


def rough_duration(seconds: float) -> str:
    """A time left for people, no finer than it can be estimated: ``10 s``, ``5 min``, ``3 h 05 min``."""
    if seconds < 60:
        return f"{max(5, 5 * math.ceil(seconds / 5))} s"
    if seconds < 600:
        return f"{math.ceil(seconds / 60)} min"
    return duration(seconds)


def speed_text(frames_per_s: float) -> str:
    """``7.3 frames/s``, ``141 frames/s``."""
    return f"{frames_per_s:.{0 if frames_per_s >= 100 else 1}f} frames/s"


def shorten(text: str, width: int, *, head: int = 0) -> str:
    """A text shortened to a number of terminal columns.

    Parameters
    ----------
    head : int
        Columns that are kept of its beginning. The others are its end, where names of files differ.
    """
    from rich.cells import cell_len, chop_cells

    if cell_len(text) <= width:
        return text
    if width < 2:
        return "…"[:width]
    head = min(head, width - 2)
    begin = chop_cells(text, head)[0] if head else ""
    return f"{begin}…{chop_cells(text[::-1], width - head - 1)[0][::-1]}"


class SteadyTime:
    """A time left that counts down by the clock, and is corrected only where a new estimate is clearly another.

    Parameters
    ----------
    clock : callable, optional
        Seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left: float | None = None
        self._at = clock()

    def update(self, estimate_s: float | None) -> float | None:
        """Seconds to show for a new estimate; None where there is none."""
        now = self._clock()
        if self._left is not None:
            self._left = max(0.0, self._left - (now - self._at))
        self._at = now
        if estimate_s is None or self._left is None or self._is_another(estimate_s, self._left):
            self._left = estimate_s
        return self._left

    @staticmethod
    def _is_another(estimate_s: float, shown_s: float) -> bool:
        return abs(estimate_s - shown_s) > max(LEAST_DIFFERENCE_S, DIFFERENCE * shown_s)
