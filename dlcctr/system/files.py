"""Writing files so that nobody ever reads half of one, and hashing them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from dlcctr.errors import OutputError
from dlcctr.system.disk import output_error

CHUNK_BYTES = 1 << 20
SHOWN_CHARS = 60


def sha256_file(path: Path) -> str:
    """Hash of a whole file, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def read_bounded(path: Path, most: int) -> bytes | None:
    """Content of a file; None where it is longer than so many bytes, of which no more are read. Raises `OSError`."""
    with path.open("rb") as stream:
        facts = os.fstat(stream.fileno())
        # what is read is allocated first; a pipe has no size
        data = stream.read(min(facts.st_size, most) + 1 if stat.S_ISREG(facts.st_mode) else most + 1)
    return data if len(data) <= most else None


def user_cache() -> Path:
    """Folder in the user's cache: ``$XDG_CACHE_HOME/dlcctr``, by default below ``~/.cache``.

    Raises
    ------
    RuntimeError
        The user has no home.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "dlcctr"


def fsync_path(path: Path) -> None:
    """Flush a file or a folder to disk; a folder only where the file system knows how."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS) or not path.is_dir():
            raise
    finally:
        os.close(handle)


def write_text_atomic(path: Path, text: str, *, keep: bool = False) -> None:
    """Write a UTF-8 text file so that readers find the old file or the new one, also after a power cut.

    Parameters
    ----------
    keep : bool
        As for `write_bytes_atomic`.

    Raises
    ------
    OutputError
        As `write_bytes_atomic`, or the text holds a name that is not UTF-8.
    """
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as error:
        name = text[max(0, error.start - SHOWN_CHARS) : error.end + SHOWN_CHARS].split("\n", maxsplit=1)[0]
        raise OutputError(
            f"{path}: cannot be written: a name for it is not valid UTF-8: {name!a}", "rename that file or folder"
        ) from error
    write_bytes_atomic(path, data, keep=keep)


def write_bytes_atomic(path: Path, data: bytes, *, make_folder: bool = True, keep: bool = False) -> None:
    """Write a file: temporary name on the same file system, fsync, rename.

    Parameters
    ----------
    make_folder : bool
        Make the file's folder where it is missing.
    keep : bool
        For files of people: a link stays one and its target is written, and a file keeps its mode.

    Raises
    ------
    OutputError
        The file system refused; the old file, or none, is still there.
    """
    try:
        path = path.resolve() if keep else path
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, data, stat.S_IMODE(path.stat().st_mode) if keep and path.exists() else 0o666 & ~current_umask())
    except OSError as error:
        raise output_error(error, path) from error


def _replace(path: Path, data: bytes, mode: int) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink(missing_ok=True)
        raise
    fsync_path(path.parent)


def current_umask() -> int:
    """Permission bits that new files and folders do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
