"""Add files to a finished row: its result stays whole whenever this is killed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.errors import OutputError
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.sections import OutputFile
from dlcctr.system.files import write_bytes_atomic, write_text_atomic
from dlcctr.system.kernel_locks import try_lock


def add_files(folder: Path, files: Mapping[str, bytes], *, gone: Collection[str] = ()) -> Receipt:
    """Write files into the folder of a finished row, and list them in its receipt.

    A file that the receipt lists already is first taken off the list: killed in between, the row is whole without it.

    Parameters
    ----------
    files : mapping of str to bytes
        Content by name in the folder.
    gone : collection of str
        Files that the receipt shall no longer list, as those of an earlier run; they are removed.

    Returns
    -------
    Receipt
        As it is now.

    Raises
    ------
    OutputError
        There is no receipt, it is damaged, or the folder cannot be written.
    """
    receipt = read_receipt(folder)
    if receipt is None:
        raise OutputError(f"{folder}: has no receipt", "analyse the row first")
    replaced = {*files, *gone}
    others = [entry for entry in receipt.files if entry.name not in replaced]
    if len(others) < len(receipt.files):
        receipt = replace(receipt, files=others)
        write_text_atomic(folder / RECEIPT_FILENAME, receipt.to_json())
    for name, data in files.items():
        write_bytes_atomic(folder / name, data, make_folder=False)
    for name in set(gone) - set(files):
        with contextlib.suppress(OSError):
            (folder / name).unlink(missing_ok=True)
    receipt = replace(receipt, files=[*others, *(OutputFile.of(folder / name) for name in files)])
    write_text_atomic(folder / RECEIPT_FILENAME, receipt.to_json())
    return receipt


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
