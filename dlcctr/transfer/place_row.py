"""From a private folder, in which a row's files arrived, to its results folder in one rename."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.contract import FAILURE_SUFFIX, RECEIPT_FILENAME
from dlcctr.errors import OutputError
from dlcctr.results.commit import keep_foreign_files
from dlcctr.results.receipt import Receipt, broken_files
from dlcctr.system.files import fsync_path
from dlcctr.transfer.remote_shell import PARTIAL_FOLDER


@dataclass(frozen=True)
class IncomingRow:
    """A row that is on its way.

    Parameters
    ----------
    name : str
        Name of the row's folder below the results' root, on both machines.
    receipt, receipt_file
        Receipt on the remote host, found before the row's files were taken.
    private : Path
        Folder that the row's files arrive in.
    folder : Path
        Folder that the files belong in.
    old : Path
        Folder that a worse local result is moved to for a moment.
    """

    row: Row
    name: str
    receipt: Receipt
    receipt_file: Path
    private: Path
    folder: Path
    old: Path

    @property
    def sizes(self) -> dict[str, int]:
        """Files and their sizes in bytes."""
        sizes = {entry.name: entry.bytes for entry in self.receipt.files}
        return {**sizes, RECEIPT_FILENAME: self.receipt_file.stat().st_size}


def place_row(incoming: IncomingRow) -> bool:
    """Prove what has arrived, and put it into its place.

    Returns
    -------
    bool
        False where it is not whole; nothing is changed then.

    Raises
    ------
    OutputError
        It cannot be moved.
    """
    try:
        if not _is_whole(incoming):
            return False
        for path in (*incoming.private.iterdir(), incoming.private):
            fsync_path(path)
        incoming.folder.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(incoming.folder):
            _settle(incoming)
            incoming.old.parent.mkdir(parents=True, exist_ok=True)
            incoming.folder.rename(incoming.old)
        incoming.private.rename(incoming.folder)
        fsync_path(incoming.folder.parent)
        _settle(incoming)
        incoming.folder.with_name(incoming.folder.name + FAILURE_SUFFIX).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{incoming.folder}: cannot be put in place: {error.strerror}", "look at the rights and the space there"
        ) from error
    return True


def _is_whole(incoming: IncomingRow) -> bool:
    arrived = incoming.private / RECEIPT_FILENAME
    if not arrived.is_file() or (incoming.private / PARTIAL_FOLDER).exists():
        return False
    same = arrived.read_bytes() == incoming.receipt_file.read_bytes()
    return same and not broken_files(incoming.receipt, incoming.private)


def _settle(incoming: IncomingRow) -> None:
    """Remove a replaced result; what somebody has put beside it moves over into the new one."""
    if incoming.old.is_dir():
        keep_foreign_files(incoming.old, incoming.folder)
        shutil.rmtree(incoming.old)
