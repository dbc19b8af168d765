"""From a finished row's folder to what `dlcctr.quality` judges: positions, times, bounds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dlcctr.campaign.rows import Row
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.errors import OutputError, ToolMissingError
from dlcctr.quality.measures.track import Track
from dlcctr.results.h5.h5_file import read_table
from dlcctr.results.receipt import Receipt
from dlcctr.results.times.frame_times import read_frame_times
from entrypoint.loop.judging.positions import positions_of


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


def read_times(folder: Path, receipt: Receipt, n_frames: int) -> Any:
    """Presentation times of the frames, (n_frames,) in s; None without the file, or where it is too short.

    Tracks of several animals may end before the video does.
    """
    import numpy

    if all(entry.name != FRAME_TIMES_FILENAME for entry in receipt.files):
        return None
    try:
        times = numpy.array(read_frame_times(folder / FRAME_TIMES_FILENAME))
    except OutputError:
        return None
    return times[:n_frames] if len(times) >= n_frames else None
