"""Files that are added to a finished row, or renewed in it, without analysing it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.contract import CONTRACT_VERSION, RECEIPT_FILENAME
from dlcctr.errors import OutputError
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.sections import OutputFile
from dlcctr.system.files import write_bytes_atomic, write_text_atomic


def add_files(
    folder: Path, sources: Sequence[Path], change: Callable[[Receipt], Receipt], without: Callable[[Receipt], Receipt]
) -> Receipt:
    """Put files into the folder of a finished row, and list them in its receipt.

    Whenever this is killed, what is there is whole: a file that is renewed leaves the receipt first.

    Parameters
    ----------
    sources : sequence of Path
        Files, whose names they keep; those in the folder with the same names are replaced.
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
    names = {source.name for source in sources}
    kept = [entry for entry in receipt.files if entry.name not in names]
    if len(kept) < len(receipt.files):
        receipt = replace(without(receipt), files=kept)
        _write(folder, receipt)
    for source in sources:
        write_bytes_atomic(folder / source.name, source.read_bytes(), make_folder=False)
    entries = [OutputFile.of(folder / source.name) for source in sources]
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    changed = replace(change(receipt), files=[*kept, *entries], updated=now, contract=CONTRACT_VERSION)
    _write(folder, changed)
    return changed


def _write(folder: Path, receipt: Receipt) -> None:
    write_text_atomic(folder / RECEIPT_FILENAME, receipt.to_json())
