"""Files that are added to a finished row, or renewed in it, without analysing it again."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.contract import CONTRACT_VERSION, RECEIPT_FILENAME
from dlcctr.errors import OutputError
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.sections import OutputFile
from dlcctr.system.files import write_bytes_atomic, write_text_atomic
from dlcctr.system.kernel_locks import try_lock


def unchanged(receipt: Receipt) -> Receipt:
    """The receipt as it is."""
    return receipt


def add_files(
    folder: Path,
    files: Mapping[str, bytes],
    *,
    gone: Collection[str] = (),
    change: Callable[[Receipt], Receipt] = unchanged,
    without: Callable[[Receipt], Receipt] = unchanged,
) -> Receipt:
    """Put files into the folder of a finished row, and list them in its receipt.

    Whenever this is killed, what is there is whole: a file that is renewed leaves the receipt first.

    Parameters
    ----------
    files : mapping of str to bytes
        Content by name; files in the folder with the same names are replaced.
    gone : collection of str
        Files that the receipt shall no longer list, as those of an earlier run; they are removed.
    change : callable
        Gives the receipt what it says about the new files. Their list is taken care of, and `updated`, and the contract
        version.
    without : callable
        Takes from the receipt what it says about the files that are replaced.

    Returns
    -------
    Receipt
        The new one.

    Raises
    ------
    OutputError
        The row has no receipt, or the folder cannot be written.
    """
    receipt = read_receipt(folder)
    if receipt is None:
        raise OutputError(f"{folder}: has no receipt", "analyse this row first")
    replaced = {*files, *gone}
    kept = [entry for entry in receipt.files if entry.name not in replaced]
    if len(kept) < len(receipt.files):
        receipt = replace(without(receipt), files=kept)
        _write(folder, receipt)
    for name, data in files.items():
        write_bytes_atomic(folder / name, data, make_folder=False)
    for name in set(gone) - set(files):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    entries = [OutputFile.of(folder / name) for name in files]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    changed = replace(change(receipt), files=[*kept, *entries], updated=now, contract=CONTRACT_VERSION)
    _write(folder, changed)
    return changed


def _write(folder: Path, receipt: Receipt) -> None:
    write_text_atomic(folder / RECEIPT_FILENAME, receipt.to_json())


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Lock a row's folder while files are added; yields False where another process is at it.

    A file system without locks lets everybody in: files are written in one step each, and the last receipt is right.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            mine = try_lock(handle)
        except OSError:
            mine = True
        yield mine
    finally:
        os.close(handle)
