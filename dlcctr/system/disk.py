"""Checks that a folder can be written and has room, and what errors of the file system mean."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, OutputError
from dlcctr.system.terminal.console import size_text

OTHER_SCRATCH = "DLCCTR_SCRATCH names another folder for temporary files (in Slurm jobs: scratch of the site profile)"
ROW_PLACES = f"`output.root` in campaign.toml names another folder for results, {OTHER_SCRATCH}"
"""Words that are right whoever does the row: `analyze`, `run`, a step or a job."""
OTHER_FILE = "-o names another file"
SPACE_HINT = f"free space there; or else: {ROW_PLACES}"
_FREE = "free space there, or use a folder on another disk, and run the same command again"
_RIGHTS = "check the owner and permissions of the file and its folder, or use another place"
_MOUNT = "use a place that can be written; inside a container, bind its folder without `ro`"
_AGAIN = "run the same command again; if that fails as well, tell the administrators of this file system"
_LOOK = "check the path named above"
_FULL = "the disk is full, or the quota is used up; nothing half-written was kept"
_KNOWN = {
    errno.ENOSPC: (_FULL, _FREE),
    errno.EDQUOT: (_FULL, _FREE),
    errno.EFBIG: ("too large for this file system, or for the limit on a file's size", _FREE),
    errno.EACCES: ("not allowed", _RIGHTS),
    errno.EPERM: ("not allowed", _RIGHTS),
    errno.EROFS: ("on a file system that is read-only", _MOUNT),
    errno.EIO: ("the disk or its server failed", _AGAIN),
    errno.ESTALE: ("the file server lost it (stale file handle)", _AGAIN),
    errno.ETIMEDOUT: ("the file server does not answer", _AGAIN),
    errno.ENOENT: ("does not exist, or was just removed", _LOOK),
    errno.ENAMETOOLONG: ("the name is too long for this file system", "use shorter names"),
}
"""Meaning and remedy of each error of the file system, whatever was tried."""


def check_writable(folder: Path, need_bytes: int) -> None:
    """Check before hours of work that a result can be written beside `folder`.

    Raises
    ------
    OutputError
        The place cannot be written, or has less than `need_bytes` left.
    """
    with disk_errors(folder.parent, ROW_PLACES):
        folder.parent.mkdir(parents=True, exist_ok=True)
        try_writing(folder.parent)
    check_space(folder.parent, need_bytes)


def try_writing(folder: Path) -> None:
    """Write an unnamed file into a folder, since permissions alone do not tell; raises `OSError` if that fails."""
    with tempfile.TemporaryFile(dir=folder) as probe:
        probe.write(b"\0" * 4096)
        probe.flush()


def check_space(folder: Path, need_bytes: int, hint: str = SPACE_HINT) -> None:
    """Raise `OutputError` where a file system has less than `need_bytes` left."""
    if problem := room_problem(str(folder), shutil.disk_usage(folder).free, need_bytes):
        raise OutputError(problem, hint)


def room_problem(place: str, free_bytes: int, need_bytes: int) -> str:
    """Message about a folder, here or on another machine, with too little space; empty if it has enough."""
    if free_bytes >= need_bytes:
        return ""
    return f"{place}: about {size_text(need_bytes)} needed, only {size_text(free_bytes)} free"


@contextlib.contextmanager
def disk_errors(where: Path, elsewhere: str = "") -> Iterator[None]:
    """Turn errors of the file system into an `OutputError` that names the file, or else `where`, and the remedy.

    Parameters
    ----------
    elsewhere : str
        How to choose another place; added to the remedy.
    """
    try:
        yield
    except OSError as error:
        raise output_error(error, place_of(error) or where, elsewhere) from error


def output_error(error: OSError, place: object, elsewhere: str = "", doing: str = "cannot be written: ") -> OutputError:
    """Error for what the file system refused at a path, with its remedy."""
    shown = os.fsdecode(place) if isinstance(place, bytes) else place
    what, remedy = _KNOWN.get(error.errno or 0, ("the file system refused", _LOOK))
    return OutputError(
        f"{shown}: {doing}{what} ({error.strerror or error})", "; ".join(filter(None, (remedy, elsewhere)))
    )


def place_of(error: OSError) -> Any:
    """Path that an error is about: of two, as of a copy or a rename, the one that was to be made; None without one."""
    return error.filename2 or error.filename


def as_expected(error: Exception) -> DlcctrError:
    """Turn any error into one with a message and a remedy; faults of a disk or file server are not bugs of dlcctr."""
    if isinstance(error, DlcctrError):
        return error
    if isinstance(error, OSError) and error.errno not in (None, errno.EBADF):
        return output_error(error, place_of(error) or "a file or a stream", doing="")
    return DlcctrError(
        f"this is a bug in dlcctr: {type(error).__name__}: {error}",
        "run the same command with --debug and report what it prints",
    )
