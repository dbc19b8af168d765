"""From a finished row's folder to what `dlcctr.quality` judges: positions, times, bounds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dlcctr.campaign.rows import Row
from dlcctr.campaign.tracking import UNIQUE_OWNER
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.errors import OutputError, ToolMissingError
from dlcctr.quality.measures.track import Track
from dlcctr.results.frame_times import read_frame_times
from dlcctr.results.h5_file import read_table
from dlcctr.results.receipt import Receipt


def read_track(folder: Path, receipt: Receipt, row: Row) -> Track:
    """Read a row's positions and times.

    Raises
    ------
    OutputError
        The .h5 cannot be read, or is not of the form that DeepLabCut writes.
    """
    file = next((folder / entry.name for entry in receipt.files if entry.name.endswith(".h5")), None)
    if file is None:
        raise OutputError(f"{folder}: its receipt lists no .h5", "analyse the row again with --overwrite")
    try:
        table = read_table(file)
        positions, bodyparts, individuals = positions_of(table)
    except ToolMissingError:
        raise
    except Exception as error:  # PyTables and pandas raise many kinds for a damaged file
        raise OutputError(
            f"{file}: cannot be read: {' '.join(str(error).split())[:200]}", "analyse the row again with --overwrite"
        ) from error
    crop = receipt.parameters.crop
    # DeepLabCut counts positions from the crop's corner
    bounds = (0, 0, crop[1] - crop[0], crop[3] - crop[2]) if crop else (0, 0, row.width or 0, row.height or 0)
    return Track(
        positions,
        bodyparts,
        individuals,
        times_s=read_times(folder, receipt, len(positions)),
        rate=row.fps if row.fps and math.isfinite(row.fps) and row.fps > 0 else None,
        bounds=bounds if bounds[2] and bounds[3] else None,
    )


def positions_of(table: Any) -> tuple[Any, tuple[str, ...], tuple[str, ...]]:
    """Positions (n, individuals, parts, 3) of DeepLabCut's table, names of body parts and of individuals.

    Unique body parts, and second points of a part, are left out. Raises `ValueError` for another form.
    """
    import numpy

    columns: dict[tuple[str, str], dict[str, int]] = {}
    for place, column in enumerate(table.columns):
        who, part, coord = ("", *map(str, column[1:])) if len(column) == 3 else tuple(map(str, column[1:]))
        if who != UNIQUE_OWNER:
            columns.setdefault((who, part), {})[coord] = place
    individuals = tuple(dict.fromkeys(who for who, _ in columns))
    bodyparts = tuple(dict.fromkeys(part for _, part in columns))
    values = table.to_numpy(dtype=float)
    found = numpy.full((len(values), len(individuals), len(bodyparts), 3), numpy.nan)
    for (who, part), places in columns.items():
        for n, coord in enumerate(("x", "y", "likelihood")):
            if coord not in places:
                raise ValueError(f"{part} has no {coord}")
            found[:, individuals.index(who), bodyparts.index(part), n] = values[:, places[coord]]
    found[~numpy.isfinite(found)] = numpy.nan
    return found, bodyparts, individuals


def read_times(folder: Path, receipt: Receipt, n_frames: int) -> Any:
    """Presentation times of the frames, (n_frames,) in s; None without the file, or where it does not fit."""
    import numpy

    if all(entry.name != FRAME_TIMES_FILENAME for entry in receipt.files):
        return None
    try:
        times = numpy.array(read_frame_times(folder / FRAME_TIMES_FILENAME))
    except OutputError:
        return None
    return times if len(times) == n_frames else None
