"""Write files so that nobody ever reads half of one, and hash them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from dlcctr.errors import OutputError
from dlcctr.system.disk import output_error

CHUNK_BYTES = 1 << 20
SHOWN_CHARS = 60


def sha256_file(path: Path, update: Callable[[int], None] = lambda _: None) -> str:
    """Hash of a whole file, as 64 hexadecimal digits; `update` takes the bytes read so far."""
    digest = hashlib.sha256()
    done = 0
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            update(done)
    return digest.hexdigest()


def absolute(path: str | Path) -> Path:
    """Absolute path under the name that was given: links in it stay, `..` is taken out."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would replace links by what they point to


def visible_entries(folder: Path) -> list[Path]:
    """What is in a folder, by name, without hidden files: a Mac leaves ``._NAME`` beside NAME. Raises `OSError`."""
    return sorted(each for each in folder.iterdir() if not each.name.startswith("."))


def is_there(path: Path) -> bool:
    """Whether there is a file, folder or link of this name.

    Raises
    ------
    OSError
        That cannot be told: a folder above it may not be entered, or its file server fails. `os.path.lexists` says no.
    """
    try:
        os.lstat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP):
            return False
        raise
    return True


def files_of(folder: Path, suffix: str) -> list[Path]:
    """Files in a folder whose names end so, sorted; none where there is no folder.

    Raises
    ------
    OSError
        The folder cannot be read. `Path.glob` then finds nothing.
    """
    try:
        with os.scandir(folder) as entries:
            return sorted(folder / entry.name for entry in entries if entry.name.endswith(suffix))
    except (FileNotFoundError, NotADirectoryError):
        return []


def read_bounded(path: Path, most: int) -> bytes | None:
    """Content of a file, at most `most` bytes; None if it is longer. Raises `OSError`."""
    with path.open("rb") as stream:
        facts = os.fstat(stream.fileno())
        # what is read is allocated first; a pipe has no size
        data = stream.read(min(facts.st_size, most) + 1 if stat.S_ISREG(facts.st_mode) else most + 1)
    return data if len(data) <= most else None


def read_tail(path: Path, most: int) -> bytes:
    """Last `most` bytes of a file, or all that it has. Raises `OSError`."""
    with path.open("rb") as stream:
        stream.seek(max(0, os.fstat(stream.fileno()).st_size - most))
        return stream.read()


def read_text_bounded(path: Path, most: int, *, utf16: bool = False) -> str | None:
    """Text of a file that people edit, with any line ends, without a byte-order mark; None if it is longer.

    It is UTF-8; with `utf16` also UTF-16 where a byte-order mark says so, as spreadsheets save it.

    Raises
    ------
    OSError
        It cannot be read.
    UnicodeDecodeError
        It is not UTF-8.
    """
    data = read_bounded(path, most)
    if data is None:
        return None
    encoding = "utf-16" if utf16 and data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")


def user_cache() -> Path:
    """Folder in the user's cache: ``$XDG_CACHE_HOME/dlcctr``, by default below ``~/.cache``.

    Raises
    ------
    RuntimeError
        The user has no home folder.
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
    write_bytes_atomic(path, encode_text(path, text), keep=keep)


def encode_text(path: Path, text: str) -> bytes:
    """Text of a file as UTF-8; raises `OutputError` if it contains a name that is not UTF-8."""
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        name = text[max(0, error.start - SHOWN_CHARS) : error.end + SHOWN_CHARS].split("\n", maxsplit=1)[0]
        raise OutputError(
            f"{path}: cannot be written: a name for it is not valid UTF-8: {name!a}", "rename that file or folder"
        ) from error


def write_bytes_atomic(path: Path, data: bytes, *, make_folder: bool = True, keep: bool = False) -> None:
    """Write a file: temporary name on the same file system, fsync, rename.

    Parameters
    ----------
    make_folder : bool
        Make the file's folder where it is missing.
    keep : bool
        For files that people edit: a link is kept and its target written, and a file keeps its mode.

    Raises
    ------
    OutputError
        The file system refused; the old file, or none, is still there.
    """
    path = path.resolve() if keep else path
    with _staged(path, data, make_folder=make_folder, keep=keep) as place:
        place()


def write_pair_atomic(first: tuple[Path, str], second: tuple[Path, str]) -> None:
    """Write two text files that belong together: both are on disk before the first one gets its name.

    Raises
    ------
    OutputError
        As `write_text_atomic`; new files were removed again, as far as the file system allows.
    """
    (one, one_text), (two, two_text) = ((path.resolve(), encode_text(path, text)) for path, text in (first, second))
    new = [path for path in (two, one) if not path.exists()]
    try:
        with _staged(one, one_text, keep=True) as place_one, _staged(two, two_text, keep=True) as place_two:
            place_one()
            place_two()
            new = new if two in new else []  # what replaced a file is not taken away, nor what belongs to it
    except OutputError:
        with contextlib.suppress(OSError):  # the first one stays where the second cannot be removed
            for path in new:
                path.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _staged(path: Path, data: bytes, *, make_folder: bool = True, keep: bool = False) -> Iterator[Callable[[], None]]:
    """Write a file under a temporary name; yields the function that gives it its own."""
    temporary = None
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) if keep and path.exists() else 0o666 & ~current_umask()
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:40]}.", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        yield lambda: _place(temporary, path)
        fsync_path(path.parent)
    except OSError as error:
        raise output_error(error, path) from error
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _place(temporary: Path, path: Path) -> None:
    try:
        temporary.replace(path)
    except OSError as error:
        raise output_error(error, path) from error


def current_umask() -> int:
    """The process's umask: permission bits that new files and folders do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
