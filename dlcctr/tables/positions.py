"""Where the positions of a row come from, and the same in blocks of frames: the analysis' .h5, or that of a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.errors import DlcctrError, OutputError
from dlcctr.results.h5_file import open_blocks
from dlcctr.results.receipt import Receipt, broken_files
from dlcctr.results.sections import OutputFile
from dlcctr.system.files import sha256_file

STEPS_FOLDER = "steps"
"""Folder in a row's folder with a folder for each step."""
COORDS = ("x", "y", "likelihood")
SHOWN_CHARS = 200
AGAIN = "analyse the row again with --overwrite"


class UnreadableRowError(OutputError):
    """What is wrong with one row's files; the others are collected all the same."""


@dataclass(frozen=True)
class Source:
    """A table of positions.

    Parameters
    ----------
    file : Path
        DeepLabCut's .h5.
    sha256 : str
        Its hash; it changes whenever the positions do.
    step : str
        Step that made it; empty for the analysis itself.
    """

    file: Path
    sha256: str
    step: str = ""


@dataclass(frozen=True)
class Points:
    """The columns of a table of positions.

    Parameters
    ----------
    names : tuple of (individual, body part)
        In the table's order; individuals are empty in results of one animal.
    places : tuple of (x, y, likelihood)
        Numbers of their columns.
    """

    names: tuple[tuple[str, str], ...]
    places: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Block:
    """Positions of the frames from `first` on: `values` is an array (n_frames, n_points, 3)."""

    first: int
    points: Points
    values: Any


def find_source(folder: Path, receipt: Receipt, step: str = "") -> Source | None:
    """Positions of a finished row; None where the step has not been made for it.

    Raises
    ------
    UnreadableRowError
        The receipt names no .h5, or the step's folder does not hold exactly one.
    """
    if not step:
        entry = next((entry for entry in receipt.files if entry.name.endswith(".h5")), None)
        if entry is None:
            raise UnreadableRowError(f"{folder}: its receipt lists no .h5", AGAIN)
        return Source(folder / entry.name, entry.sha256)
    return _of_step(folder / STEPS_FOLDER / step, step)


def _of_step(folder: Path, step: str) -> Source | None:
    """The one place that knows how a step's result lies there: its receipt is written last."""
    if not (folder / RECEIPT_FILENAME).is_file():
        return None
    files = sorted(folder.glob("*.h5"))
    if len(files) != 1:
        raise UnreadableRowError(f"{folder}: holds {len(files)} .h5 files, not one", "make this step again")
    try:
        return Source(files[0], sha256_file(files[0]), step)
    except OSError as error:
        raise UnreadableRowError(f"{files[0]}: cannot be read: {error.strerror}") from error


def require_unchanged(folder: Path, receipt: Receipt, entries: list[OutputFile]) -> None:
    """Compare files with their hashes before they are copied into a table; raises `UnreadableRowError`."""
    with _reading(folder):
        problems = broken_files(replace(receipt, files=entries), folder)
    if problems:
        raise UnreadableRowError(f"{folder}: {'; '.join(problems)}", AGAIN)


def read_blocks(source: Source, size: int) -> Iterator[Block]:
    """Positions in blocks of at most `size` values of points, at least one frame each; at least one block.

    Raises
    ------
    UnreadableRowError
        The .h5 cannot be read, is not of DeepLabCut's form, or its frames are not numbered from 0 on.
    """
    with _reading(source.file), open_blocks(source.file) as rows:
        points = _points_of(rows(0, 1).columns)
        n_frames = max(1, size // max(1, len(points.names)))
        first = 0
        while True:
            table = rows(first, first + n_frames)
            if first and not len(table):
                return
            yield Block(first, points, _values(table, points, first))
            first += len(table)
            if len(table) < n_frames:
                return


@contextlib.contextmanager
def _reading(file: Path) -> Iterator[None]:
    try:
        yield
    except (DlcctrError, GeneratorExit):
        raise
    except Exception as error:  # PyTables and pandas raise many kinds for a damaged file
        said = " ".join(str(error).split())[:SHOWN_CHARS]
        raise UnreadableRowError(f"{file}: cannot be read: {said}", AGAIN) from error


def _values(table: Any, points: Points, first: int) -> Any:
    import numpy

    index = table.index.to_numpy()
    if len(index) and not numpy.array_equal(index, numpy.arange(first, first + len(index))):
        raise ValueError(f"its frames are not numbered from {first} to {first + len(index) - 1}")
    places = [place for each in points.places for place in each]
    values = table.to_numpy(dtype=float)[:, places].reshape(len(table), len(points.names), len(COORDS))
    values[~numpy.isfinite(values)] = numpy.nan
    return values


def _points_of(columns: Any) -> Points:
    """Points of DeepLabCut's columns; second points of a part are left out. Raises `ValueError` for another form."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for place, column in enumerate(columns):
        levels = tuple(map(str, column)) if isinstance(column, tuple) else (str(column),)
        if len(levels) not in (3, 4):
            raise ValueError(f"its columns have {len(levels)} levels, not DeepLabCut's 3 or 4")
        *who, part, coord = levels[1:]
        found.setdefault(("".join(who), part), {}).setdefault(coord, place)
    for (_, part), places in found.items():
        if missing := [coord for coord in COORDS if coord not in places]:
            raise ValueError(f"{part} has no {missing[0]}")
    return Points(tuple(found), tuple((each["x"], each["y"], each["likelihood"]) for each in found.values()))
