"""Where the positions of a row come from, and the same in blocks of frames: the analysis' .h5, or that of a step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, OutputError
from dlcctr.results.h5.positions import open_positions
from dlcctr.results.receipt import Receipt, broken_files
from dlcctr.results.sections import OutputFile
from dlcctr.results.steps.receipt import read_step_receipt, step_folder
from dlcctr.system.files import sha256_file

AGAIN = "analyse the row again with --overwrite"

Name = tuple[str, str]
"""Individual and body part."""


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
class Block:
    """Positions of the frames from `first` on.

    Parameters
    ----------
    names : tuple of (individual, body part)
        Points in the table's order; individuals are empty in results of one animal.
    values : array, (n_frames, n_points, 3)
        x and y in px, and likelihood; NaN where nothing is known.
    """

    first: int
    names: tuple[Name, ...]
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
    return _of_step(folder, step)


def _of_step(folder: Path, step: str) -> Source | None:
    """The one place that knows how a step's result lies in a row's folder."""
    try:
        receipt = read_step_receipt(folder, step)
    except DlcctrError as error:
        raise UnreadableRowError(error.message, error.hint) from error
    if receipt is None:
        return None
    below = step_folder(folder, step)
    entries = [entry for entry in receipt.files if entry.name.endswith(".h5")]
    if len(entries) != 1:
        raise UnreadableRowError(f"{below}: its receipt lists {len(entries)} .h5 files", "name a step of positions")
    return Source(below / entries[0].name, entries[0].sha256, step)


def require_unchanged(folder: Path, receipt: Receipt, entries: list[OutputFile]) -> None:
    """Compare files with their hashes before they are copied into a table; raises `UnreadableRowError`."""
    try:
        problems = broken_files(replace(receipt, files=entries), folder)
    except OSError as error:
        raise UnreadableRowError(f"{folder}: cannot be read: {error.strerror}") from error
    if problems:
        raise UnreadableRowError(f"{folder}: {'; '.join(problems)}", AGAIN)


def require_step_unchanged(source: Source) -> None:
    """Compare a step's table with its hash; raises `UnreadableRowError`."""
    try:
        is_same = sha256_file(source.file) == source.sha256
    except OSError as error:
        raise UnreadableRowError(f"{source.file}: cannot be read: {error.strerror}") from error
    if not is_same:
        raise UnreadableRowError(f"{source.file} was changed after it was written (sha256 differs)")


def read_blocks(source: Source, lines: int) -> Iterator[Block]:
    """Positions in blocks of about `lines` points, at least one frame each; at least one block, which may be empty.

    Raises
    ------
    UnreadableRowError
        The .h5 cannot be read, or is not of DeepLabCut's form.
    """
    import numpy

    try:
        with open_positions(source.file) as table:
            names = table.columns.points
            size = frames_of(lines, len(names))
            if not table.rows:
                yield Block(0, names, table.read(0, 0))
            for first, values in table.blocks(size=size):
                yield Block(first, names, numpy.where(numpy.isfinite(values), values, numpy.nan))
    except OutputError as error:
        raise UnreadableRowError(error.message, error.hint) from error


def frames_of(lines: int, n_points: int) -> int:
    """Frames of a block."""
    return max(1, lines // max(1, n_points))
