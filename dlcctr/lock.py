"""One writer at a time for a campaign, over all machines that share its folder."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError, TryAgainError

WAIT_S = 60.0
"""A submission takes seconds; whoever holds the lock for longer has a person at it, or is dead."""
POLL_S = 0.2


@contextlib.contextmanager
def hold(file: Path, *, wait_s: float = WAIT_S) -> Iterator[None]:
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
    own = {"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M:%S")}
    until = time.monotonic() + wait_s
    while not _make(file, own):
        _clear_dead(file)
        if time.monotonic() > until:
            holder = _read(file) or {}
            raise TryAgainError(
                f"{file}: held by process {holder.get('pid')} on {holder.get('host')} since {holder.get('since')}",
                "wait for it; if that process is gone for certain, remove the file",
            )
        time.sleep(POLL_S)
    try:
        yield
    finally:
        if _read(file) == own:
            file.unlink()


def _make(file: Path, own: dict[str, Any]) -> bool:
    """Make the file with its content in one step: a link to a private file appears whole or not at all."""
    private = file.with_name(f".{file.name}.{own['host']}.{own['pid']}")
    try:
        private.write_text(json.dumps(own), encoding="utf-8")
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
    if not found or found.get("host") != socket.gethostname() or _lives(found.get("pid")):
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


def _lives(pid: object) -> bool:
    if not isinstance(pid, int):
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _read(file: Path) -> dict[str, Any] | None:
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return table if isinstance(table, dict) else None
