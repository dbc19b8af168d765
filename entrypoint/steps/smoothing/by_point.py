"""Positions turned round: the whole track of one point after the other, in memory or, where that is much, on disk."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dlcctr.results.h5.positions import COORDS, PositionColumns, PositionsFile, write_positions

IN_MEMORY_BYTES = 256 * 2**20
"""More than this is kept in a file. A million frames of ten points are 240 MB."""
WRITTEN_FRAMES = 20_000


@contextlib.contextmanager
def empty_points(points: int, frames: int, work: Path) -> Iterator[Any]:
    """Room for the numbers of points, all NaN.

    Parameters
    ----------
    work : Path
        Folder for a file where it is much; the file is there only inside the ``with``.

    Yields
    ------
    numpy.ndarray
        Float64, (points, 3, frames).
    """
    import numpy

    shape = (points, len(COORDS), frames)
    if points * len(COORDS) * frames * 8 <= IN_MEMORY_BYTES:
        yield numpy.full(shape, numpy.nan)
        return
    with tempfile.NamedTemporaryFile(dir=work, prefix=".points-") as file:
        values: Any = numpy.memmap(file, dtype=float, mode="w+", shape=shape)
        for each in values:
            each[:] = numpy.nan
        yield values


@contextlib.contextmanager
def by_point(positions: PositionsFile, work: Path, frames: int | None = None) -> Iterator[Any]:
    """Read a table, and give its numbers point by point.

    Parameters
    ----------
    positions : PositionsFile
        The table.
    work : Path
        See `empty_points`.
    frames : int, optional
        Frames to give; by default the rows of the table. Those after the last row are NaN.

    Yields
    ------
    numpy.ndarray
        Float64, (points, 3, frames); it may be written to.
    """
    rows = positions.rows
    with empty_points(len(positions.columns.points), rows if frames is None else frames, work) as values:
        for first, block in positions.blocks():
            values[:, :, first : first + len(block)] = block.transpose(1, 2, 0)
        yield values


def write_points(
    values: Any, columns: PositionColumns, frames: int, file: Path, *, number_type: str, csv: bool
) -> list[Path]:
    """Write what `by_point` gave as DeepLabCut's .h5 and, if asked for, its .csv.

    Parameters
    ----------
    values : numpy.ndarray
        (points, 3, rows).
    frames : int
        Frames of the video; those after the last row are empty, as in an individual's track that ended.
    file : Path
        The .h5; the .csv has its name.

    Returns
    -------
    list of Path
        The files.
    """
    import numpy

    table = file.with_suffix(".csv")
    rows = values.shape[2]
    with write_positions(file, columns, number_type) as writer:
        for first in range(0, frames, WRITTEN_FRAMES):
            stop = min(first + WRITTEN_FRAMES, frames)
            block: Any = numpy.full((stop - first, len(columns.points), len(COORDS)), numpy.nan, dtype=number_type)
            known = max(min(stop, rows) - first, 0)
            block[:known] = values[:, :, first : first + known].transpose(2, 0, 1)
            writer.write(block)
            if csv:
                _append_csv(table, block, columns, first)
    return [file, table] if csv else [file]


def _append_csv(file: Path, block: Any, columns: PositionColumns, first: int) -> None:
    import pandas

    index = pandas.RangeIndex(first, first + len(block))
    table = pandas.DataFrame(block.reshape(len(block), -1), columns=columns.header(), index=index)
    table.to_csv(file, mode="a" if first else "w", header=not first)
