"""`check --deep`: open a result's .h5 and compare it with its receipt. Needs pandas and PyTables: runs in the image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcctr.errors import ToolMissingError
from dlcctr.results.h5.h5_file import read_table
from dlcctr.results.receipt import Receipt


def table_problems(receipt: Receipt, folder: Path) -> list[str]:
    """What differs between the .h5 and the receipt: rows, frame numbers, columns, scorer, blanks for lost frames."""
    file = next(folder / entry.name for entry in receipt.files if entry.name.endswith(".h5"))
    try:
        table = read_table(file)
        problems = [*_form(table, receipt), *_lost_frames(table, receipt)]
    except ToolMissingError:
        raise
    except (
        Exception
    ) as error:  # PyTables and pandas raise many kinds of them for a damaged file, or give something else
        return [f"{file.name} cannot be opened: {' '.join(str(error).split())}"]
    return [f"{file.name}: {problem}" for problem in problems]


def _form(table: Any, receipt: Receipt) -> list[str]:
    problems = []
    rows = receipt.columns.rows
    if len(table) != rows:
        problems.append(f"has {len(table)} rows, but {rows} in the receipt")
    if list(table.index) != list(range(len(table))):
        problems.append(f"its frames are not numbered from 0 to {len(table) - 1}")
    if tuple(tuple(column[1:]) for column in table.columns) != receipt.columns.names:
        problems.append("its columns are not those of the receipt")
    scorers = {str(column[0]) for column in table.columns}
    if scorers != {receipt.model.scorer}:
        problems.append(f"its scorer is {', '.join(sorted(scorers))}, but {receipt.model.scorer} in the receipt")
    return problems


def _lost_frames(table: Any, receipt: Receipt) -> list[str]:
    ranges = receipt.frames.missing if receipt.frames else ()
    likelihood = [str(column[-1]).startswith("likelihood") for column in table.columns]
    places = [not one for one in likelihood]
    for first, stop in ranges:
        lost = table.iloc[first:stop]
        if lost.loc[:, places].notna().any(axis=None) or (lost.loc[:, likelihood] != 0).any(axis=None):
            return [f"frames {first} to {stop - 1} did not decode, but are not blank"]
    return []
