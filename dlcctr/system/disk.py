"""Whether a folder can be written and has room, and errors of a disk that is full."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dlcctr.errors import OutputError
from dlcctr.system.console import size_text

FULL = (errno.ENOSPC, errno.EDQUOT)
SPACE_HINT = "free space there, or choose another folder with --out and --scratch"


def check_writable(folder: Path, need_bytes: int) -> None:
    """Prove before hours of work that a result can be written beside `folder`.

    Raises
    ------
    OutputError
        The place cannot be written, or has less than `need_bytes` left.
    """
    with disk_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try_writing(folder.parent)
    check_space(folder.parent, need_bytes)


def try_writing(folder: Path) -> None:
    """Write a nameless file into a folder, for rights alone do not tell; raises `OSError` where it cannot."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"\0" * 4096)
        probe.flush()


def check_space(folder: Path, need_bytes: int, hint: str = SPACE_HINT) -> None:
    """Raise `OutputError` where a file system has less than `need_bytes` left."""
    if problem := room_problem(str(folder), shutil.disk_usage(folder).free, need_bytes):
        raise OutputError(problem, hint)


def room_problem(place: str, free_bytes: int, need_bytes: int) -> str:
    """Sentence on a place, here or on another machine, that has too little space; empty where it has enough."""
    if free_bytes >= need_bytes:
        return ""
    return f"{place}: about {size_text(need_bytes)} needed, only {size_text(free_bytes)} free"


@contextlib.contextmanager
def disk_errors(where: Path) -> Iterator[None]:
    """Turn errors of the file system into an `OutputError` that names the place and the remedy."""
    try:
        yield
    except OSError as error:
        place = error.filename or where
        if error.errno in FULL:
            raise OutputError(
                f"{place}: the disk is full (or the quota is used up); nothing half-written was kept",
                "free space there, or choose another folder with --out and --scratch, and run the row again",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise OutputError(
                f"{place}: cannot be written ({error.strerror})",
                "look at the folder's owner and rights (or the container's mounts), or choose another with --out",
            ) from error
        raise OutputError(f"{place}: cannot be written ({error.strerror or error})", "choose another --out") from error
