"""What a person sees of long work: a bar for bytes, one for rows, and frames as a bar or as lines of a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TextIO

from dlcctr.system.console import one_line

Bar = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
"""From a text and a total in bytes to a context manager that yields a function, which takes the bytes done so far."""


@contextmanager
def no_bar(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """What a function uses whose caller asks for no bar."""
    del what, total_bytes
    yield lambda _: None


@contextmanager
def transfer_bar(what: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
    """Bar on stderr, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    parts = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*parts, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(one_line(what), total=total_bytes)
        yield lambda done: bar.update(task, completed=min(done, total_bytes))


RowProgress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""From a text and a total to a context manager that yields a function, which counts one step."""


@contextmanager
def no_progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """What a function uses whose caller asks for no progress bar; see `progress`."""
    del what, total
    yield lambda: None


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Progress bar on stderr, on a terminal only; yields a function that counts one step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(one_line(what), total=total)
        yield lambda: bar.advance(task)


LOG_EVERY_S = 30.0
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
        Where to write; standard error by default, so that standard output stays for results.
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
        self._bar: Any = None
        if self._stream.isatty():
            self._bar, self._task = _rich_bar(self._stream, total, label, first)
        else:
            self._say(f"{label}: {total} frames" if total else f"{label}: started")

    def __enter__(self) -> FrameProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def update(self, done: int) -> None:
        """Tell how many frames are done so far (not how many more)."""
        self.done, self._first = done, min(self._first, done)
        if self._bar is not None:
            self._bar.update(self._task, completed=done, speed=self._speed_text())
            return
        waited = self._clock() - self._said_at
        step = self.total * LOG_EVERY_FRACTION
        # A tenth of a short video is over in no time: never more than a line every 2 s.
        if waited >= LOG_EVERY_S or (step and done - self._said_done >= step and waited >= 2.0 and done < self.total):
            self._say(self._line())

    def close(self) -> None:
        """End the bar, or write the last line; more calls do nothing."""
        if self._closed:
            return
        self._closed = True
        if self._bar is not None:
            self._bar.stop()
        elif self.done:
            elapsed = self._clock() - self._start
            self._say(f"{self.label}: {self.done - self._first} frames in {_clock_text(elapsed)}, {self._speed_text()}")

    def _say(self, line: str) -> None:
        self._said_at, self._said_done = self._clock(), self.done
        try:
            print(one_line(line), file=self._stream, flush=True)
        except (OSError, ValueError):  # a closed log must never end an analysis
            return

    def _speed(self) -> float:
        elapsed = self._clock() - self._start
        return (self.done - self._first) / elapsed if elapsed > 0 else 0.0

    def _speed_text(self) -> str:
        return f"{self._speed():.1f} frames/s"

    def _line(self) -> str:
        if not self.total:
            return f"{self.label}: {self.done} frames, {self._speed_text()}"
        speed = self._speed()
        left = f", {_clock_text((self.total - self.done) / speed)} left" if speed else ""
        percent = 100 * self.done // self.total
        return f"{self.label}: {self.done}/{self.total} frames ({percent}%), {self._speed_text()}{left}"


def _clock_text(seconds: float) -> str:
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}"


def _rich_bar(stream: TextIO, total: int, label: str, first: int) -> tuple[Any, Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    bar = Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}"),
        TimeRemainingColumn(),
        console=Console(file=stream),
    )
    task = bar.add_task(one_line(label), total=total or None, completed=first, speed="")
    bar.start()
    return bar, task
