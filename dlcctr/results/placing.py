"""A row's folder or a step's gets its name in one rename; what it replaces moves aside, and is found after a kill.

``<parent>/.dlcctr-replaced-XXXXXXXX/<row's folder>`` holds what is being replaced. Killed before the new folder has
its name, the next command gives the old one its name back; killed after it, the next command clears the old one away.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from dlcctr.contract import RECEIPT_FILENAME, REPLACED_PREFIX, STEPS_FOLDER, RowState
from dlcctr.errors import DlcctrError
from dlcctr.results.receipt import Receipt, broken_files, read_receipt
from dlcctr.results.steps.receipt import STEP_RECEIPTS, StepReceipt
from dlcctr.system.files import current_umask, fsync_path

TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)


def put_in_place(new: Path, folder: Path, stays: Callable[[], bool]) -> bool:
    """Give a whole folder the name of a row's folder, in place of what has it.

    Parameters
    ----------
    stays : callable
        Called if something is already there; True keeps that.

    Returns
    -------
    bool
        False if what is there stays.

    Raises
    ------
    OSError
        It cannot be renamed, or something other than a folder is there. What was there stays.
    """
    try:
        while not _rename(new, folder):
            if stays():
                return False
            _move_aside(folder)
        fsync_path(folder.parent)
        return True
    finally:  # also after a signal between two renames
        settle(folder.parent)


def _rename(new: Path, folder: Path) -> bool:
    """False if a folder exists there that is not empty."""
    try:
        new.rename(folder)
    except OSError as error:
        if error.errno not in TAKEN or (error.errno != errno.ENOTEMPTY and not folder.is_dir()):
            raise
        return False
    return True


def _move_aside(folder: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=REPLACED_PREFIX, dir=folder.parent))
    aside.chmod(0o777 & ~current_umask())  # others of the group have to find it as well
    with contextlib.suppress(FileNotFoundError):  # another attempt was faster
        folder.rename(aside / folder.name)


def settle(parent: Path) -> None:
    """Undo or finish what was killed while it replaced a folder in this one, the newest first.

    Safe beside a command that is still at it: that one finds its place taken and moves the old folder aside once more.
    What cannot be moved, as on a disk that is only read, stays where `find_replaced` sees it.
    """
    asides = [aside for aside in _entries(parent) if aside.name.startswith(REPLACED_PREFIX)]
    for aside in sorted(asides, key=_age, reverse=True):
        for old in _entries(aside):
            with contextlib.suppress(OSError):
                _settle(old, parent / old.name)
        with contextlib.suppress(OSError):
            aside.rmdir()


def find_replaced(folder: Path) -> Path | None:
    """Folder with the old state of a row's folder that could not be put back; None if there is none."""
    asides = [aside for aside in _entries(folder.parent) if aside.name.startswith(REPLACED_PREFIX)]
    return next((aside / folder.name for aside in asides if os.path.lexists(aside / folder.name)), None)


def _settle(old: Path, folder: Path) -> None:
    if not os.path.lexists(folder):
        _put_back(old, folder)
    elif receipt := _whole(folder):
        _clear(old, folder, receipt)
    elif _whole(old):
        _move_aside(folder)
        _put_back(old, folder)


def _put_back(old: Path, folder: Path) -> None:
    old.rename(folder)  # what has appeared there meanwhile stays, for a folder replaces an empty one only
    fsync_path(folder.parent)


def _whole(folder: Path) -> Receipt | StepReceipt | None:
    """Receipt of a result that is whole by it and by its files' sizes; None where it is not."""
    receipt = _receipt(folder)
    if receipt is None or receipt.state not in (RowState.OK, RowState.DEGRADED):
        return None
    return None if broken_files(receipt, folder, hashes=False) else receipt


def _clear(old: Path, folder: Path, receipt: Receipt | StepReceipt) -> None:
    """Remove a replaced result; what somebody else has put into it moves over.

    Its receipt goes last, for it says which files are ours.
    """
    if old.is_symlink() or not old.is_dir():
        old.unlink()
        return
    before = _receipt(old)
    ours = {entry.name for each in (before, receipt) if each for entry in each.files}
    for file in _entries(old):
        if file.name == RECEIPT_FILENAME:
            continue
        moved_on = file.name == STEPS_FOLDER and os.path.lexists(folder / STEPS_FOLDER)
        if file.name in ours or moved_on:
            remove(file)
        elif not os.path.lexists(folder / file.name):
            file.rename(folder / file.name)
    if set(_entries(old)) <= {old / RECEIPT_FILENAME}:
        remove(old / RECEIPT_FILENAME)
        old.rmdir()


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that is in it. Raises `OSError`."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _receipt(folder: Path) -> Receipt | StepReceipt | None:
    """Receipt of a row's folder, or of a step's; None without one that can be read."""
    with contextlib.suppress(DlcctrError):
        return read_receipt(folder)
    with contextlib.suppress(DlcctrError):
        return STEP_RECEIPTS.find(folder / RECEIPT_FILENAME)
    return None


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _age(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0
