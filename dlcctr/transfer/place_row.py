"""Move a row's files from the private folder in which they arrived to its results folder, in one rename."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.contract import FAILURE_SUFFIX, RECEIPT_FILENAME, RowState
from dlcctr.errors import OutputError
from dlcctr.results.commit import Standing, standing
from dlcctr.results.expected import Expected
from dlcctr.results.placing import put_in_place, remove
from dlcctr.results.receipt import Receipt, broken_files, epoch, read_receipt
from dlcctr.system.files import fsync_path
from dlcctr.transfer.remote.shell import PARTIAL_FOLDER

HERE = "here"
"""Reason to keep a result that is the same on both machines."""


class Outcome(str, Enum):
    """Outcome for a fetched row: it is in place, a better one is kept, or its files do not match its receipt."""

    PLACED = "placed"
    KEPT = "kept"
    WRONG = "wrong"


@dataclass(frozen=True)
class IncomingRow:
    """A row that is being fetched; its receipt has been compared with the manifest's row and the model.

    Parameters
    ----------
    expected : Expected
        What the row's result must have been made with.
    name : str
        Name of the row's folder below the results' root, on both machines.
    receipt, receipt_file
        Receipt on the remote host, found before the row's files were taken.
    private : Path
        Folder that the row's files arrive in.
    folder : Path
        Folder that the files belong in.
    """

    row: Row
    expected: Expected
    name: str
    receipt: Receipt
    receipt_file: Path
    private: Path
    folder: Path

    @property
    def sizes(self) -> dict[str, int]:
        """Files and their sizes in bytes."""
        sizes = {entry.name: entry.bytes for entry in self.receipt.files}
        return {**sizes, RECEIPT_FILENAME: self.receipt_file.stat().st_size}


def place_row(incoming: IncomingRow) -> Outcome:
    """Verify what has arrived, and put it in place unless what is there now is as good.

    Raises
    ------
    DlcctrError
        It cannot be moved, or what is there cannot be read and stays as it was.
    """
    try:
        if not _is_whole(incoming):
            return Outcome.WRONG
        for path in incoming.private.iterdir():
            if path.name not in incoming.sizes:  # of an earlier receipt, whose transfer broke
                remove(path)
        for path in (*sorted(incoming.private.iterdir()), incoming.private):
            fsync_path(path)
        incoming.folder.parent.mkdir(parents=True, exist_ok=True)
        if not put_in_place(incoming.private, incoming.folder, lambda: bool(reason_to_stay(incoming))):
            return Outcome.KEPT
        incoming.folder.with_name(incoming.folder.name + FAILURE_SUFFIX).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{incoming.folder}: cannot be put in place: {error.strerror}",
            "check the permissions and the free space there",
        ) from error
    return Outcome.PLACED


def _is_whole(incoming: IncomingRow) -> bool:
    arrived = incoming.private / RECEIPT_FILENAME
    if not arrived.is_file() or (incoming.private / PARTIAL_FOLDER).exists():
        return False
    same = arrived.read_bytes() == incoming.receipt_file.read_bytes()
    return same and not broken_files(incoming.receipt, incoming.private)


def reason_to_stay(incoming: IncomingRow) -> str:
    """Why the local result is kept; empty if there is none, or a worse one.

    `HERE` if it is the same one. A whole result beats one with lost frames, and of two equals the newer
    stays.

    Raises
    ------
    OutputError
        The local result cannot be read.
    ContractError
        It was made by another contract version.
    """
    if standing(incoming.folder, incoming.row, incoming.expected).state is not Standing.FINISHED:
        return ""
    if (incoming.folder / RECEIPT_FILENAME).read_bytes() == incoming.receipt_file.read_bytes():
        return HERE
    mine = read_receipt(incoming.folder)
    if mine is None or broken_files(mine, incoming.folder):
        return ""
    if mine.state is not incoming.receipt.state:
        whole_there = incoming.receipt.state is RowState.OK
        return "" if whole_there else "the result here is kept: it is whole, and frames of the one there did not decode"
    newer = _written_s(incoming.receipt) > _written_s(mine)
    return "" if newer else "the result here is kept: it is newer than the one there"


def _written_s(receipt: Receipt) -> float:
    """When a receipt was written, in seconds since 1970: files may have been added to a finished row."""
    return max(epoch(receipt.finished) or 0.0, epoch(receipt.updated) or 0.0)
