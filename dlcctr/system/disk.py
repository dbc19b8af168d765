"""Whether a folder can be written and has room, and errors of a disk that is full."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dlcctr.errors import OutputError

FULL = (errno.ENOSPC, errno.EDQUOT)


def check_writable(folder: Path, need_bytes: int) -> None:
    """Prove before hours of work that a result can be written beside `folder`.

    Raises
    ------
    OutputError
        The place cannot be written, or has less than `need_bytes` left.
    """
    with disk_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder.parent) as probe:
            probe.write(b"\0" * 4096)
            probe.flush()
    check_space(folder.parent, need_bytes)


def check_space(folder: Path, need_bytes: int) -> None:
    """Raise `OutputError` where a file system has less than `need_bytes` left."""
    left = shutil.disk_usage(folder).free
    if left < need_bytes:
        raise OutputError(
            f"{folder}: {left / 1e6:.1f} MB left on its disk, about {need_bytes / 1e6:.1f} MB needed",
            "free space there, or choose another folder with --out and --scratch",
        )


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
