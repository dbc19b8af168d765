"""Progress of long work on stderr: on a terminal a line with a bar, in a log a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO

from dlcctr.system.terminal.console import duration, one_line, size_text, warn
from dlcctr.system.terminal.frame_lines import begun_line, ended_line, so_far_line
from dlcctr.system.terminal.live import PLAIN_EVERY_S, is_live, one_display, percent_text
from dlcctr.system.terminal.meter import Meter
from dlcctr.system.terminal.speed import RecentSpeed

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""From a text and a total in bytes to a context manager that yields a function, which takes the bytes done so far."""
RowProgress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""From a text and a total to a context manager that yields a function, which counts one step."""


@contextmanager
def no_bar(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Default for callers that do not want a bar."""
    del what, total_bytes
    yield lambda _: None


@contextmanager
def no_progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Default for callers that do not want a progress bar; see `progress`."""
    del what, total
    yield lambda: None


@contextmanager
def transfer_bar(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Bar for bytes; yields a function that takes the bytes done so far."""
    with _show(what, total_bytes, _bytes_text) as update:
        yield update


@contextmanager
def frames_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Bar for frames; yields a function that takes the number done so far."""
    with _show(what, total, _steps_text) as update:
        yield update


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Bar for steps; yields a function that counts one."""
    with _show(what, total, _steps_text) as update:
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            update(done)

        yield step


def _bytes_text(done: int, total: int) -> str:
    return f"{size_text(done)} of {size_text(total)}"


def _steps_text(done: int, total: int) -> str:
    return f"{done} of {total}"


@contextmanager
def _show(what: str, total: int, count: Callable[[int, int], str]) -> Iterator[Callable[[int], None]]:
    """Show work whose size is only known roughly: more than the total counts as all of it."""
    if not is_live(sys.stderr):
        yield _PlainLines(what, total, count)
        return
    with one_display() as mine:
        if not mine:
            yield lambda _: None
            return
        meter = Meter(what, total, count, sys.stderr).open()

        def update(done: int) -> None:
            meter.update(min(done, total))

        try:
            yield update
        finally:
            meter.close()


class _PlainLines:
    """A line now and then; work that ends before the first one is not mentioned."""

    def __init__(self, what: str, total: int, count: Callable[[int, int], str]) -> None:
        self._what, self._total, self._count = what, total, count
        self._began = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said < PLAIN_EVERY_S:
            return
        self._said, done = now, min(done, self._total)
        share = f" ({percent_text(done / self._total)})" if self._total else ""
        warn(f"{self._what}: {self._count(done, self._total)}{share} after {duration(now - self._began)}")


LOG_EVERY_S = PLAIN_EVERY_S
LOG_EVERY_FRACTION = 0.1


class FrameProgress:
    """Frames done of a whole, with speed and time left.

    Parameters
    ----------
    total : int
        Frames in all; 0 where not known.
    label : str
        What is being done, for example ``analysing a.mp4``.
    first : int, optional
        Frames that were done before.
    stream : file, optional
        Stream to write to; standard error by default, since standard output is for results.
    clock : callable, optional
        Seconds that only go up; tests give their own.
    """

    def __init__(
        self,
        total: int,
        label: str,
        *,
        first: int = 0,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total, self.label, self.done, self._first = total, label, first, first
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._start = self._said_at = clock()
        self._said_done = first
        self._closed = False
        self._speed = RecentSpeed(first, clock)
        self._meter: Meter | None = None
        if is_live(self._stream):
            self._meter = Meter(label, total, self._count_text, self._stream, first=first, clock=clock).open()
        else:
            self._say(begun_line(label, total))

    def __enter__(self) -> FrameProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def frames_per_s(self) -> float:
        """Speed of the last minute; 0 at first."""
        return self._speed.per_s

    def update(self, done: int) -> None:
        """Report how many frames are done so far (not how many more)."""
        self.done, self._first = done, min(self._first, done)
        self._speed.update(done)
        if self._meter is not None:
            self._meter.update(done)
            return
        waited = self._clock() - self._said_at
        step = self.total * LOG_EVERY_FRACTION
        # A tenth of a short video is over in no time: never more than a line every 2 s.
        if waited >= LOG_EVERY_S or (step and done - self._said_done >= step and waited >= 2.0 and done < self.total):
            self._say(so_far_line(self.label, done, self.total, self.frames_per_s))

    def close(self) -> None:
        """End the bar and write the last line; more calls do nothing."""
        if self._closed:
            return
        self._closed = True
        if self._meter is not None:
            self._meter.close()
        if self.done:
            elapsed = self._clock() - self._start
            self._say(ended_line(self.label, self.done - self._first, elapsed, self._speed.average_per_s))

    def _count_text(self, done: int, total: int) -> str:
        return f"{f'{done}/{total}' if total else done} frames  {self.frames_per_s:.1f} frames/s"

    def _say(self, line: str) -> None:
        self._said_at, self._said_done = self._clock(), self.done
        try:
            print(one_line(line), file=self._stream, flush=True)
        except (OSError, ValueError):  # a closed log must never end an analysis
            return
