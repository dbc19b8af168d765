"""One push, or one fetch, of a campaign at a time on this machine: also after one was killed and its rsync lives on."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dlcctr.errors import OutputError, TryAgainError

WAIT_S = 30.0
_POLL_S = 0.2


@contextlib.contextmanager
def hold(file: Path, *, wait_s: float = WAIT_S) -> Iterator[int]:
    """Lock a file; yields its descriptor, for the processes that shall hold the lock as well while they live.

    Raises
    ------
    TryAgainError
        Somebody has held it for longer than `wait_s` seconds.
    OutputError
        The file cannot be made.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"{file}: cannot be made: {error.strerror}", "look at the rights of its folder") from error
    try:
        until = time.monotonic() + wait_s
        while not _lock(handle):
            if time.monotonic() > until:
                raise TryAgainError(f"{file}: another transfer of this campaign is going on", "wait until it has ended")
            time.sleep(_POLL_S)
        yield handle
    finally:
        os.close(handle)


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
