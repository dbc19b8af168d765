"""The kernel's locks of open files: they end with the processes that hold them, whatever ends these."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from dlcctr.errors import OutputError, TryAgainError

TRANSFER_WAIT_S = 30.0
POLL_S = 0.2
NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""Errors of file systems without locks or without their lock server."""


def open_lock(file: Path, flags: int) -> int:
    """Open a lock file but never a link, which could lead to a file of somebody else's choice.

    Raises
    ------
    OutputError
        The lock file is a link.
    """
    try:
        return os.open(file, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OutputError(f"{file}: the lock file is a symbolic link", "remove the link") from error
        raise


def try_lock(handle: int) -> bool:
    """Lock an open file at once, until it is closed by all that hold it.

    Returns
    -------
    bool
        False where another process has the lock.

    Raises
    ------
    OSError
        The file system has no locks.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_free(handle: int) -> bool:
    """Whether `try_lock` succeeds; what a file system without locks cannot prove to be free counts as taken."""
    try:
        return try_lock(handle)
    except OSError:
        return False


@contextlib.contextmanager
def inherited_lock(file: Path, *, wait_s: float = TRANSFER_WAIT_S) -> Iterator[tuple[int, ...]]:
    """Lock a file for the processes that inherit its descriptor: it is held until the last of them has ended.

    Yields
    ------
    tuple of int
        The descriptor; none where the file system has no locks.

    Raises
    ------
    TryAgainError
        An earlier such process has not ended after `wait_s` seconds.
    OutputError
        The file cannot be created.
    """
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise OutputError(
            f"{file}: cannot be created: {error.strerror}", "check the permissions of its folder"
        ) from error
    try:
        yield (handle,) if _lock_within(handle, file, wait_s) else ()
    finally:
        os.close(handle)


def _lock_within(handle: int, file: Path, wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    try:
        while not try_lock(handle):
            if time.monotonic() > until:
                raise TryAgainError(f"{file}: held by another running process", "wait until it has ended")
            time.sleep(POLL_S)
    except OSError:
        return False
    return True


def is_held(file: Path) -> bool:
    """Whether some process holds a lock file; False where there is none, or where its file system has no locks."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: those who look do not disturb each other
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False
