"""Decide which rows to fetch: each remote receipt is compared with the manifest's row, the model and what is here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.contract import RECEIPT_FILENAME, RowState, failure_file, row_folder
from dlcctr.errors import ContractError, DlcctrError, OutputError
from dlcctr.results.expected import (
    Expected,
    ExpectedOfRows,
    content_problems,
    identity_problems,
    index_note,
    is_failure_of,
)
from dlcctr.results.receipt import Receipt, parse_receipt
from dlcctr.system.terminal.console import size_text
from dlcctr.transfer.place_row import HERE, IncomingRow, reason_to_stay

VERSION_REMEDY = "fetch it with a dlcctr of that contract version"


@dataclass(frozen=True)
class RefusedRow:
    """A row that has a receipt there but was not fetched.

    Parameters
    ----------
    cause : str
        What is wrong with it.
    remedy : str
        What to do; empty if `check` on the remote host tells.
    again : bool
        Whether running the same command again may fix it.
    """

    index: int
    cause: str
    remedy: str = ""
    again: bool = False


@dataclass
class Choice:
    """Rows that have a receipt there: to be fetched, already here (indices), or refused."""

    take: list[IncomingRow] = field(default_factory=list)
    here: list[int] = field(default_factory=list)
    refused: list[RefusedRow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose_incoming(private: Path, out: Path, rows: Sequence[Row], expected: ExpectedOfRows, free: int) -> Choice:
    """Check the receipts that came into ``private/receipts``; a bad one affects its own row only.

    Only the places where these rows' results belong are read, so no remote name becomes a path here.

    Parameters
    ----------
    free : int
        Free bytes here.
    """
    choice = Choice()
    for row in rows:
        try:
            incoming = _incoming(private, out, row, expected, free)
            reason = reason_to_stay(incoming) if incoming else ""
        except _Refused as refused:
            choice.refused.append(RefusedRow(row.index, refused.message, refused.hint))
        except DlcctrError as error:
            choice.refused.append(RefusedRow(row.index, f"the result here: {error.message}", error.hint))
        else:
            if reason:
                choice.here.append(row.index)
                choice.notes += [f"row {row.index}: {reason}"] if reason != HERE else []
            elif incoming:
                choice.take.append(incoming)
                choice.notes += [f"row {row.index}: {note}"] if (note := index_note(incoming.receipt, row)) else []
    return choice


class _Refused(OutputError):
    """Error for a receipt there that is not this row's, or that cannot be compared with anything."""


def _incoming(private: Path, out: Path, row: Row, expected: ExpectedOfRows, free: int) -> IncomingRow | None:
    receipts = private / "receipts"
    wanted = _expected(receipts, row, expected)
    folder = row_folder(out, wanted.model_id, row.video) if wanted else None
    if wanted is None or folder is None:
        return None
    name = folder.relative_to(out).as_posix()
    file = receipts / name / RECEIPT_FILENAME
    receipt = _read(file)
    if receipt is None:
        return None
    if problems := _problems(receipt, row, wanted, free):
        raise _Refused(f"its receipt there: {'; '.join(problems)}")
    return IncomingRow(row, wanted, name, receipt, file, private / "rows" / name, folder)


def _expected(receipts: Path, row: Row, expected: ExpectedOfRows) -> Expected | None:
    """What the row must have been made with; None if that is not known and the row has nothing there."""
    try:
        return expected.of(row)
    except DlcctrError as error:
        if not any((model / row.video / RECEIPT_FILENAME).exists() for model in receipts.glob("*")):
            return None
        raise _Refused(f"its model here: {error.message.splitlines()[0]}", error.hint) from error


def _read(file: Path) -> Receipt | None:
    try:
        return parse_receipt(file)
    except ContractError as error:
        raise _Refused(f"its receipt there: {error.message.removeprefix(f'{file}: ')}", VERSION_REMEDY) from error
    except OutputError as error:
        raise _Refused(f"its receipt there: {error.message.removeprefix(f'{file}: ')}") from error


def _problems(receipt: Receipt, row: Row, expected: Expected, free: int) -> list[str]:
    if receipt.state not in (RowState.OK, RowState.DEGRADED):
        return [f"it is in a results folder but says {receipt.state.value}"]
    if problems := identity_problems(receipt, row, expected) + content_problems(receipt, expected):
        return problems
    size = sum(entry.bytes for entry in receipt.files)
    return [f"it lists {size_text(size)}, but only {size_text(free)} are free here"] if size > free else []


def find_failures(receipts: Path, out: Path, rows: Sequence[Row], expected: ExpectedOfRows) -> dict[int, Path]:
    """Failure reports there by the row's index, without those for other videos or models."""
    found = {}
    for row in rows:
        try:
            wanted = expected.of(row)
            file = receipts / failure_file(out, wanted.model_id, row.video).relative_to(out)
            receipt = parse_receipt(file)
        except DlcctrError:
            continue
        if receipt and receipt.state in (RowState.FAILED, RowState.QUARANTINED) and is_failure_of(receipt, row, wanted):
            found[row.index] = file
    return found
