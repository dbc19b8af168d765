"""How commands that were started here are stopped: first by SIGTERM, in order, then by SIGKILL."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

GRACE_S = 30.0
"""Seconds from SIGTERM to SIGKILL: `analyze` needs a moment to stop its children and remove its scratch."""
REPEAT_S = 2.0
"""A container's first process does not hear SIGTERM before it has a handler for it; `analyze` ignores a second one."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))

OUT_OF_MEMORY = (-signal.SIGKILL, 128 + signal.SIGKILL)
"""Exit codes of a command that was killed, mostly for want of memory."""


@dataclass
class StopRequest:
    """Counts signals: the first one stops what runs cleanly, the second one kills it."""

    count: int = 0
    signum: int = 0

    def __call__(self, signum: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.signum = signum


@contextlib.contextmanager
def listen() -> Iterator[StopRequest]:
    """Take the signals that end a process as requests to stop, until the block ends."""
    stop = StopRequest()
    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def signal_group(process: subprocess.Popen[bytes], signum: int) -> None:
    """Signal a command and all that it started; each command has its own session."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signum)
