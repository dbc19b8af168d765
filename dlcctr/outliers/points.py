"""Positions of single frames from a row's table, by the names of its body parts. Needs pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from dlcctr.results.h5.positions import COORDS, open_positions


def read_points(file: Path, frames: Sequence[int], bodyparts: Sequence[str]) -> Any:
    """Positions of frames: body parts in the order that is asked for, whatever the table's own is.

    Returns
    -------
    numpy.ndarray
        Float64, (frames, parts, 3): x and y in px, and likelihood; NaN for parts that the table does not have.

    Raises
    ------
    OutputError
        The table cannot be read, or is of several animals.
    """
    import numpy

    found = numpy.full((len(frames), len(bodyparts), len(COORDS)), numpy.nan)
    if not frames:
        return found
    with open_positions(file) as table:
        if table.columns.several:
            raise OutputError(f"{file}: a table of several animals", "leave the row out with --rows")
        places = {part: n for n, (_, part) in enumerate(table.columns.points)}
        here = [(n, places[part]) for n, part in enumerate(bodyparts) if part in places]
        if not here:
            raise OutputError(f"{file}: has none of the project's body parts", "leave the row out with --rows")
        for k, frame in enumerate(frames):
            row = table.read(frame, frame + 1)[0]
            found[k, [n for n, _ in here]] = row[[m for _, m in here]]
    return found
