"""Locks: one writer of a campaign over all machines that share its folder, one transfer at a time on this one."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.errors import DlcctrError, OutputError, TryAgainError
from dlcctr.system.disk import output_error
from dlcctr.system.kernel_locks import NO_LOCKS, POLL_S, TRANSFER_WAIT_S, is_free, open_lock, try_lock
from dlcctr.system.state_files import StateFile
from dlcctr.system.terminal.console import warn
from dlcctr.system.values.records import Open

WAIT_S = 60.0
"""Seconds to wait for a submission, which takes seconds itself; a longer holder waits for a person, or is dead."""
SETUP_WAIT_S = 7200.0
"""Seconds to wait for an environment, which takes minutes to set up."""
MAX_PID = 1 << 22
"""Largest process id that Linux gives (proc(5), pid_max)."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)
REMOVE_HINT = "wait for it; if you are sure that the process is gone, remove the file"


def boot_id() -> str:
    """Name of this machine since it was last started, the same in all of its containers; ``unknown`` without one."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


@dataclass(frozen=True)
class Holder(Open):
    """Who holds a lock.

    Parameters
    ----------
    host : str
        Name of the machine.
    pid : int
        Process id on that machine, or in its container there.
    since : str
        Local time there.
    boot : str
        The machine since it was last started, see `boot_id`; empty in files of earlier versions.
    proves : bool
        Whether the holder has locked the open file as well. The kernel then tells every process of that machine, those
        in other containers too, when the holder is gone; process ids do not.

    Raises
    ------
    ValueError
        The id cannot be that of a process.
    """

    host: str
    pid: int
    since: str
    boot: str = ""
    proves: bool = field(default=False)

    def __post_init__(self) -> None:
        if not 0 < self.pid <= MAX_PID:
            raise ValueError(f"{self.pid} is not the id of a process")

    @classmethod
    def this_process(cls, *, proves: bool) -> Holder:
        """The calling process as the holder of a lock."""
        return cls(socket.gethostname(), os.getpid(), time.strftime("%Y-%m-%d %H:%M:%S"), boot_id(), proves)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


HOLDERS = StateFile(Holder, "a lock", OutputError, hint=REMOVE_HINT)


@contextlib.contextmanager
def campaign_lock(file: Path, *, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold a lock: a file that only one process can create, also on network file systems with unreliable locks.

    The lock of a dead process is taken over where the kernel proves that it is dead: on the same machine, not started
    again since, from whatever container.

    Raises
    ------
    TryAgainError
        Somebody else has held it for longer than `wait_s` seconds; the message says who.
    OutputError
        The folder cannot be written, or the lock is a link.
    """
    until = time.monotonic() + wait_s
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        while (held := _make(file)) is None:
            if not _clear_dead(file):
                if time.monotonic() > until:
                    raise TryAgainError(f"{file}: held by {_name_of_holder(file)}", REMOVE_HINT)
                time.sleep(POLL_S)
    except OSError as error:
        raise output_error(error, file) from error
    try:
        yield
    finally:
        _let_go(held, file)


def _make(file: Path) -> int | None:
    """Make the file with its content in one step: a link to a private file appears whole or not at all.

    Returns
    -------
    int or None
        Descriptor that holds the kernel's lock; None where somebody else has the file.
    """
    handle, name = tempfile.mkstemp(prefix=f".{file.name[:40]}.", dir=file.parent)
    private = Path(name)
    try:
        os.write(handle, HOLDERS.text(Holder.this_process(proves=is_free(handle))).encode())
        os.fchmod(handle, 0o644)
        _link(private, file)
    except FileExistsError:
        if _is_at(handle, file):  # a network file system asked its server twice
            return handle
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    finally:
        with contextlib.suppress(OSError):
            private.unlink(missing_ok=True)
    return handle


def _let_go(held: int, file: Path) -> None:
    """Remove the lock; a failure here must not hide the result, or the error, of what was done under it."""
    try:
        if _is_at(held, file):
            file.unlink()
    except OSError as error:
        warn(f"warning: {file}: this lock cannot be removed ({error.strerror}); remove the file once that works")
    finally:
        os.close(held)


def _link(private: Path, file: Path) -> None:
    """Give a file its name if that is free, even on file systems without links."""
    try:
        os.link(private, file)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644))  # if two come here, one fails
        private.replace(file)


def _clear_dead(file: Path) -> bool:
    """Remove the lock of a process that is certainly gone; True if another try at once is worthwhile."""
    try:
        handle = open_lock(file, os.O_RDWR)
    except FileNotFoundError:
        return True
    except PermissionError:  # another user's
        return False
    try:
        found = _read(handle, file)
        if found is None or not found.proves or found.boot != boot_id() or found.boot == "unknown":
            return False
        if not is_free(handle):
            return False
        # With the kernel's lock on this very file nobody else can be clearing it, and nobody can hold it
        if _is_at(handle, file):
            file.unlink()
    finally:
        os.close(handle)
    return True


def _is_at(handle: int, file: Path) -> bool:
    """Whether an open file is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(handle), file.lstat())
    except FileNotFoundError:
        return False


def _name_of_holder(file: Path) -> str:
    try:
        handle = open_lock(file, os.O_RDONLY)
    except OSError:
        return "an unknown process"
    try:
        return str(_read(handle, file) or "an unknown process: the file is damaged")
    finally:
        os.close(handle)


def _read(handle: int, file: Path) -> Holder | None:
    """Holder of a lock; None if the file is damaged, which may still be somebody's lock."""
    try:
        return HOLDERS.parse(os.pread(handle, 1 << 16, 0).decode(), file)
    except (DlcctrError, UnicodeDecodeError):
        return None


@contextlib.contextmanager
def transfer_lock(
    file: Path, *, wait_s: float = TRANSFER_WAIT_S, busy: str = "another transfer of this campaign is running"
) -> Iterator[int]:
    """Lock a file; yields its descriptor, for the processes that shall hold the lock as well while they live.

    A file system without locks gets a lock file beside it instead, as `campaign_lock` makes one.

    Raises
    ------
    TryAgainError
        Somebody has held it for longer than `wait_s` seconds.
    OutputError
        The file cannot be created.
    """
    with contextlib.ExitStack() as stack:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle = open_lock(file, os.O_RDWR | os.O_CREAT)
            stack.callback(os.close, handle)
            until = time.monotonic() + wait_s
            while not try_lock(handle):
                if time.monotonic() > until:
                    raise TryAgainError(f"{file}: {busy}", "wait until it has ended")
                time.sleep(POLL_S)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise output_error(error, file) from error
            held = file.with_name(f"{file.name}.held")
            warn(f"warning: {file}: this file system has no locks ({error.strerror}); {held.name} is used instead")
            stack.enter_context(campaign_lock(held, wait_s=wait_s))
        yield handle


@contextlib.contextmanager
def waiting_lock(file: Path) -> Iterator[None]:
    """Hold a lock file of this machine for a block, waiting for as long as another process has it."""
    with transfer_lock(file, wait_s=SETUP_WAIT_S, busy="another process has held it for hours"):
        yield
