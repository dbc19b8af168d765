"""A table of labels as DeepLabCut and its napari plug-in write it: CSV, with a head of three or four lines."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dlcctr.model.prior.labels import MAX_BYTES
from dlcctr.system.files import read_text_bounded

TABLE_PREFIX = "CollectedData_"
DECIMAL_COMMA = (";", "\t")
"""Separators of tables in which a comma may be the decimal sign."""
COORDS = ("x", "y", "likelihood")
_HEADS = ("scorer", "bodyparts", "coords")
_HEADS_OF_SEVERAL = ("scorer", "individuals", "bodyparts", "coords")

PartName = tuple[str, str]
"""Individual (empty in a single-animal project) and body part."""


@dataclass(frozen=True)
class Row:
    """One picture of a table.

    Parameters
    ----------
    line : int
        In the file, from 1 on.
    folder, picture : str
        Names of both; the folder's is empty where the table does not have it.
    cells : tuple of str
        As they are written, in the order of the table's columns.
    """

    line: int
    folder: str
    picture: str
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Head and rows of a table; `broken` has lines that are none, and why."""

    scorers: tuple[str, ...]
    is_of_several: bool
    columns: tuple[tuple[PartName, str], ...]
    rows: tuple[Row, ...]
    broken: tuple[tuple[int, str], ...]

    @cached_property
    def parts(self) -> tuple[PartName, ...]:
        """Parts in the order of their first column."""
        return tuple(dict.fromkeys(part for part, _ in self.columns))

    @cached_property
    def places(self) -> Mapping[tuple[PartName, str], int]:
        """Part and coordinate to the number of the column."""
        return {column: n for n, column in enumerate(self.columns)}

    def cell(self, row: Row, part: PartName, coord: str) -> str:
        """A cell by its name; empty where the table has no such column."""
        place = self.places.get((part, coord))
        return "" if place is None else row.cells[place]

    def point(self, row: Row, part: PartName) -> tuple[float, float] | None:
        """x, y in px; None where it is not labelled. Raises `ValueError` for what is no point."""
        x, y = (number(self.cell(row, part, coord)) for coord in ("x", "y"))
        if math.isnan(x) != math.isnan(y):
            raise ValueError("has only one of x and y")
        return None if math.isnan(x) else (x, y)

    def is_empty(self, row: Row) -> bool:
        """Whether nothing is labelled in a row."""
        cells = (row.cells[place] for (_, coord), place in self.places.items() if coord != "likelihood")
        return not any(cell.strip() and cell.strip().lower() != "nan" for cell in cells)


def number(text: str) -> float:
    """Number of a cell; NaN where it is empty. Raises `ValueError`."""
    if not text.strip():
        return math.nan
    try:
        value = float("" if "_" in text else text)  # Python alone reads 1_0 as ten
    except ValueError:
        raise ValueError(f"is no number: {text[:40]!r}") from None
    if math.isinf(value):
        raise ValueError("is infinite")
    return value


def is_plain(name: str) -> bool:
    """Whether a name is one of a file in a folder, and nothing else."""
    return name not in ("", ".", "..") and name.isprintable() and not set(name) & set("/\\")


def read_table(file: Path) -> Table:
    """Read a table.

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        It is no such table.
    """
    text = read_text_bounded(file, MAX_BYTES, utf16=True)
    if text is None:
        raise ValueError(f"longer than {MAX_BYTES:,} bytes")
    return parse_table(text)


def parse_table(text: str) -> Table:
    """Parse a table; raises `ValueError` where its head is wrong."""
    delimiter = _delimiter(text)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter)
    try:
        lines = [(reader.line_num, line) for line in reader]
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    names = tuple(line[0].strip().lower() if line else "" for _, line in lines[:4])
    is_of_several = names == _HEADS_OF_SEVERAL
    if not is_of_several and names[:3] != _HEADS:
        raise ValueError("its first lines are not scorer, bodyparts, coords (or scorer, individuals, …)")
    n_heads = 4 if is_of_several else 3
    width = max((n + 1 for _, line in lines[:n_heads] for n, cell in enumerate(line) if cell.strip()), default=0)
    # a spreadsheet adds empty cells to every line, where something was typed beside the table once
    lines = [(at, line[:width] if not any(map(str.strip, line[width:])) else line) for at, line in lines]
    heads = [line for _, line in lines[:n_heads]]
    if len({len(line) for line in heads}) > 1:
        raise ValueError("the lines of its head are not equally long")
    coords = [word.strip() for word in heads[-1]]
    first = next((n for n, word in enumerate(coords) if n and word in COORDS), 0)
    if not first:
        raise ValueError("its head has no x and y")
    columns = _columns(heads, coords, first)
    rows, broken = [], []
    for number_of_line, line in lines[n_heads:]:
        if not any(cell.strip() for cell in line):
            continue
        if len(line) != len(coords):
            broken.append((number_of_line, f"{len(line)} cells, but the head has {len(coords)}"))
            continue
        cells = [cell.replace(",", ".") for cell in line[first:]] if delimiter != "," else line[first:]
        *above, picture = [part for cell in line[:first] for part in re.split(r"[\\/]", cell) if part] or [""]
        rows.append(Row(number_of_line, above[-1] if above else "", picture, tuple(cells)))
    return Table(tuple(dict.fromkeys(heads[0][first:])), is_of_several, columns, tuple(rows), tuple(broken))


def _delimiter(text: str) -> str:
    """What separates cells: where a comma is the decimal sign, a spreadsheet saves semicolons or tabs."""
    word = text[: len("scorer")].lower()
    after = text[len("scorer") : len("scorer") + 1]
    return after if word == "scorer" and after in DECIMAL_COMMA else ","


def _columns(heads: Sequence[Sequence[str]], coords: Sequence[str], first: int) -> tuple[tuple[PartName, str], ...]:
    animals = heads[1] if len(heads) == 4 else [""] * len(coords)
    columns = tuple(((animals[n], heads[-2][n]), coords[n]) for n in range(first, len(coords)))
    found = set(columns)
    if len(found) < len(columns):
        raise ValueError("its head has a column twice")
    for part, coord in columns:
        if coord not in COORDS:
            raise ValueError(f"its head has a coordinate {coord[:40]!r}")
        if not {(part, "x"), (part, "y")} <= found:
            raise ValueError(f"its head has only one of x and y for {part[1][:40]!r}")
    return columns


def table_text(scorer: str, parts: Sequence[PartName], rows: Sequence[tuple[str, str, Sequence[str]]]) -> str:
    """Text of a table as pandas writes DeepLabCut's.

    Parameters
    ----------
    parts : sequence of (str, str)
        Individual and body part, in the project's order; individuals are empty in a single-animal project.
    rows : sequence of (str, str, sequence of str)
        Folder, picture, and a cell for x and y of each part.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    pairs = [part for part in parts for _ in "xy"]
    writer.writerow(["scorer", "", "", *[scorer] * len(pairs)])
    if any(animal for animal, _ in parts):
        writer.writerow(["individuals", "", "", *(animal for animal, _ in pairs)])
    writer.writerow(["bodyparts", "", "", *(part for _, part in pairs)])
    writer.writerow(["coords", "", "", *(["x", "y"] * len(parts))])
    writer.writerows(["labeled-data", folder, picture, *cells] for folder, picture, cells in rows)
    return stream.getvalue()
