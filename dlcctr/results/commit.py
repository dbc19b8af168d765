"""From an attempt's private folder to a committed result in one rename, receipt last; and what already exists."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.contract import ATTEMPT_PREFIX, RECEIPT_FILENAME, RowState
from dlcctr.errors import ManifestError, OutputError
from dlcctr.results.expected import Expected, content_problems, identity_problems
from dlcctr.results.placing import put_in_place, settle
from dlcctr.results.receipt import Receipt, broken_files, read_receipt
from dlcctr.results.sections import OutputFile
from dlcctr.system.disk import ROW_PLACES, disk_errors
from dlcctr.system.files import current_umask, fsync_path, write_text_atomic
from dlcctr.system.kernel_locks import is_free
from dlcctr.system.locks import boot_id

STALE_AFTER_S = 24 * 3600.0


class Standing(str, Enum):
    """Kind of content of a row's folder; `OTHER` is a whole result of other inputs."""

    ABSENT = "absent"
    FINISHED = "finished"
    BROKEN = "broken"
    OTHER = "other"


@dataclass(frozen=True)
class ExistingResult:
    """Content of a row's folder, and for a broken or another result what is wrong with it."""

    state: Standing
    detail: str = ""


def standing(folder: Path, row: Row, expected: Expected) -> ExistingResult:
    """Look at a row's folder. Cheap: sizes are compared, hashes are not.

    An old result that was being replaced when its command was killed is put back first.

    Raises
    ------
    OutputError
        It cannot be read.
    ContractError
        It was made by another contract version.
    """
    if not os.path.lexists(folder):
        settle(folder.parent)
        if not os.path.lexists(folder):
            return ExistingResult(Standing.ABSENT)
    try:
        receipt = read_receipt(folder)
    except OutputError as error:
        if isinstance(error.__cause__, OSError):
            raise
        return ExistingResult(Standing.BROKEN, error.message)
    if receipt is None or receipt.state not in (RowState.OK, RowState.DEGRADED):
        return ExistingResult(
            Standing.BROKEN, f"its receipt says {receipt.state.value}" if receipt else f"{folder} has no receipt"
        )
    if problems := identity_problems(receipt, row, expected):
        return ExistingResult(Standing.OTHER, "; ".join(problems))
    if problems := broken_files(receipt, folder, hashes=False) + content_problems(receipt, expected):
        return ExistingResult(Standing.BROKEN, "; ".join(problems))
    return ExistingResult(Standing.FINISHED)


def refuse_other(found: ExistingResult, place: str) -> None:
    """Raise `ManifestError` for a whole result of other inputs: only a person who says so replaces it.

    Parameters
    ----------
    place : str
        The folder, for the message.
    """
    if found.state is Standing.OTHER:
        raise ManifestError(
            f"{place} holds a finished result, but {found.detail}",
            "replace it with --overwrite, or give this campaign a results folder of its own (output.root in "
            "campaign.toml)",
        )


def commit(
    sources: Sequence[Path],
    folder: Path,
    make_receipt: Callable[[list[OutputFile]], Receipt],
    row: Row,
    expected: Expected,
    *,
    overwrite: bool = False,
) -> bool:
    """Copy files beside the row's folder, prove them on disk, write the receipt last, and rename all into place.

    Returns
    -------
    bool
        False if another attempt at the same row was committed first; its result stays.

    Raises
    ------
    ManifestError
        A whole result of other inputs has come there meanwhile; only `overwrite` replaces that.
    OutputError
        The disk is full, or the folder cannot be written. Nothing half-written is left.
    """
    with disk_errors(folder.parent, ROW_PLACES):
        folder.parent.mkdir(parents=True, exist_ok=True)

    def stays() -> bool:
        if overwrite:
            return False
        found = standing(folder, row, expected)
        refuse_other(found, str(folder))
        return found.state is Standing.FINISHED

    return commit_files(sources, folder, lambda entries: make_receipt(entries).to_json(), stays)


def commit_files(
    sources: Sequence[Path], folder: Path, receipt_text: Callable[[list[OutputFile]], str], stays: Callable[[], bool]
) -> bool:
    """Copy files into a folder of their own with a receipt, as `commit` does for a row.

    Parameters
    ----------
    receipt_text : callable
        Gives the receipt's text for the copied files.
    stays : callable
        Called if the folder is already there; True keeps that.

    Returns
    -------
    bool
        False if what was there stays.

    Raises
    ------
    OutputError
        The disk is full, or the folder cannot be written. Nothing half-written is left.
    """
    with disk_errors(folder.parent, ROW_PLACES):
        remove_stale(folder.parent)
        settle(folder.parent)
        with _attempt(folder.parent) as attempt:
            entries = [_copy(source, attempt / source.name) for source in sources]
            # the folder's entries are on disk as well when this returns
            write_text_atomic(attempt / RECEIPT_FILENAME, receipt_text(entries))
            return put_in_place(attempt, folder, stays)


def _copy(source: Path, target: Path) -> OutputFile:
    shutil.copyfile(source, target)
    fsync_path(target)
    return OutputFile.of(target)


@contextlib.contextmanager
def _attempt(parent: Path) -> Iterator[Path]:
    """A private folder that cannot be mistaken for a result, locked while its owner lives, removed unless renamed."""
    attempt = private_folder(parent)
    handle = os.open(attempt, os.O_RDONLY)
    try:
        is_free(handle)
        attempt.chmod(0o777 & ~current_umask())
        yield attempt
    finally:
        os.close(handle)
        shutil.rmtree(attempt, ignore_errors=True)


def private_folder(parent: Path) -> Path:
    """Make a folder that cannot be mistaken for a result; later attempts remove it if its maker was killed."""
    return Path(tempfile.mkdtemp(prefix=f"{ATTEMPT_PREFIX}{_boot()}-", dir=parent))


def remove_stale(parent: Path) -> None:
    """Remove attempts that were killed: of this boot of this machine with nobody's lock on them, or a day old."""
    for folder in parent.glob(f"{ATTEMPT_PREFIX}*"):
        try:
            if _is_stale(folder):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


def _is_stale(folder: Path) -> bool:
    age_s = time.time() - folder.stat().st_mtime
    if age_s > STALE_AFTER_S:
        return True
    # A new one may not be locked yet
    if not folder.name.startswith(f"{ATTEMPT_PREFIX}{_boot()}-") or age_s < 5.0:
        return False
    handle = os.open(folder, os.O_RDONLY)
    try:
        return is_free(handle)
    finally:
        os.close(handle)


def _boot() -> str:
    """Short name of this machine since it was last started; the same in all of its containers."""
    return boot_id()[:8]


def write_failure(file: Path, receipt: Receipt) -> bool:
    """Write beside the row's folder why it failed. Returns whether that could be written."""
    try:
        write_text_atomic(file, receipt.to_json())
    except OutputError:
        return False
    return True


def remove_failure(file: Path) -> None:
    """Remove the report of an earlier failure after a success."""
    with contextlib.suppress(OSError):
        file.unlink(missing_ok=True)
