"""The table of variances beside an ensemble's positions: an HDF5 file that pandas reads, written in blocks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcctr.results.h5.h5_file import import_pandas
from dlcctr.results.h5.positions import LEVELS, LEVELS_OF_SEVERAL, PositionColumns

KEY = "variance"
COORDS = ("variance", "between_models", "models")
"""Variance of the position along one axis and that between the models, both in px²; models that had a say."""
ENDING = "_variance.hdf5"
"""Not .h5, which is a step's one table of positions."""
WRITTEN_FRAMES = 20_000


def write_variances(values: Any, columns: PositionColumns, file: Path) -> Path:
    """Write the table.

    Parameters
    ----------
    values : numpy.ndarray
        (points, 3, frames), in the order of `COORDS`.
    columns : PositionColumns
        The points.
    file : Path
        Where to.
    """
    pandas = import_pandas()
    names = [
        ((columns.scorer, who, part, coord) if columns.several else (columns.scorer, part, coord))
        for who, part in columns.points
        for coord in COORDS
    ]
    header = pandas.MultiIndex.from_tuples(names, names=LEVELS_OF_SEVERAL if columns.several else LEVELS)
    frames = values.shape[2]
    with pandas.HDFStore(file, mode="w") as store:
        for first in range(0, frames, WRITTEN_FRAMES):
            block = values[:, :, first : first + WRITTEN_FRAMES]
            rows = block.transpose(2, 0, 1).reshape(block.shape[2], len(header))
            index = pandas.RangeIndex(first, first + len(rows))
            table = pandas.DataFrame(rows, columns=header, index=index, dtype=float)
            if first:
                store.append(KEY, table, format="table", index=False)
            else:  # HDF5 would note when the table was made
                store.put(KEY, table, format="table", index=False, track_times=False)
    return file
