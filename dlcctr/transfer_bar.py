"""How a transfer shows itself: one bar with bytes, bytes per second and the time that is left."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

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

    parts = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*parts, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total_bytes)
        yield lambda done: bar.update(task, completed=min(done, total_bytes))


def size_text(n_bytes: float) -> str:
    """``1.5 GB``: decimal units, as disks and networks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
