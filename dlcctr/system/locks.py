"""Locks: one writer of a campaign over all machines that share its folder, one transfer at a time on this one."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import OutputError, TryAgainError
from dlcctr.system.records import Open, RecordError, from_table, parse_object, to_table

WAIT_S = 60.0
"""A submission takes seconds; whoever holds the lock for longer has a person at it, or is dead."""
TRANSFER_WAIT_S = 30.0
POLL_S = 0.2
MAX_PID = 1 << 22
"""Largest process id that Linux gives (proc(5), pid_max)."""


@dataclass(frozen=True)
class Holder(Open):
    """Who holds a lock.

    Parameters
    ----------
    host : str
        Name of the machine.
    pid : int
        Process id on that machine.
    since : str
        Local time there.

    Raises
    ------
    ValueError
        There can be no such process.
    """

    host: str
    pid: int
    since: str

    def __post_init__(self) -> None:
        if not 0 < self.pid <= MAX_PID:
            raise ValueError(f"{self.pid} is not the id of a process")

    @classmethod
    def this_process(cls) -> Holder:
        """The process that asks."""
        return cls(socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"))

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


@contextlib.contextmanager
def campaign_lock(file: Path, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock: a file that only one can make, also on network file systems where other locks are not reliable.

    The lock of a process of this machine that is dead is taken over.

    Raises
    ------
    TryAgainError
        Somebody else has held it for longer than `wait_s` seconds; the message says who.
    OutputError
        The folder cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{file.parent}: cannot be made: {error.strerror}", "look at the rights above it") from error
    own = Holder.this_process()
    until = time.monotonic() + wait_s
    while not _make(file, own):
        _clear_dead(file)
        if time.monotonic() > until:
            raise TryAgainError(
                f"{file}: held by {_read(file) or 'a process that it does not name: the file is damaged'}",
                "wait for it; if that process is gone for certain, remove the file",
            )
        time.sleep(POLL_S)
    try:
        yield
    finally:
        if _read(file) == own:
            file.unlink()


def _make(file: Path, own: Holder) -> bool:
    """Make the file with its content in one step: a link to a private file appears whole or not at all."""
    private = file.with_name(f".{file.name}.{own.host}.{own.pid}.{threading.get_ident()}")
    try:
        private.write_text(json.dumps(to_table(own)), encoding="utf-8")
        os.link(private, file)
    except FileExistsError:
        return False
    except OSError as error:
        raise OutputError(
            f"{file}: cannot be made: {error.strerror}", "look at the folder's rights and space"
        ) from error
    finally:
        private.unlink(missing_ok=True)
    return True


def _clear_dead(file: Path) -> None:
    found = _read(file)
    if found is None or found.host != socket.gethostname() or _lives(found.pid):
        return
    aside = file.with_name(f".{file.name}.dead.{os.getpid()}")
    try:
        file.rename(aside)
    except FileNotFoundError:  # another one was quicker
        return
    if _read(aside) != found:  # between the look and the rename somebody else had cleared it and made his own
        with contextlib.suppress(FileExistsError):
            os.link(aside, file)
    aside.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> Holder | None:
    """Who holds a lock; None where the file is gone or damaged, which may be somebody's all the same."""
    try:
        return from_table(Holder, parse_object(file.read_bytes()))
    except (OSError, RecordError):
        return None


@contextlib.contextmanager
def transfer_lock(file: Path, *, wait_s: float = TRANSFER_WAIT_S) -> Iterator[int]:
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
        while not try_lock(handle):
            if time.monotonic() > until:
                raise TryAgainError(f"{file}: another transfer of this campaign is going on", "wait until it has ended")
            time.sleep(POLL_S)
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def waiting_lock(file: Path) -> Iterator[None]:
    """Hold a lock file of this machine for a block, waiting for as long as another process has it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


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
        Such a process of before has not ended after `wait_s` seconds.
    OutputError
        The file cannot be made.
    """
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise OutputError(f"{file}: cannot be made: {error.strerror}", "look at the rights of its folder") from error
    try:
        yield (handle,) if _lock_within(handle, file, wait_s) else ()
    finally:
        os.close(handle)


def _lock_within(handle: int, file: Path, wait_s: float) -> bool:
    until = time.monotonic() + wait_s
    try:
        while not try_lock(handle):
            if time.monotonic() > until:
                raise TryAgainError(f"{file}: held by a process that goes on", "wait until it has ended")
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
