"""Positions of single frames from a row's table, by the names of its animals and body parts. Needs pandas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from dlcctr.outliers.project import Project
from dlcctr.results.h5.positions import COORDS, open_positions

OTHER_PROJECT = "give -o a new folder, or the project that the model was trained in; or leave the row out with --rows"


def different_parts(file: Path, project: Project) -> tuple[list[str], list[str]]:
    """Body parts that only the project has, and those that only the model has.

    Raises
    ------
    OutputError
        The table cannot be read.
    """
    with open_positions(file) as table:
        theirs = list(dict.fromkeys(part for _, part in table.columns.points))
    ours = list(dict.fromkeys(part for _, part in project.points))
    return [part for part in ours if part not in theirs], [part for part in theirs if part not in ours]


def read_points(file: Path, frames: Sequence[int], project: Project) -> Any:
    """Positions of frames: points in the project's order, whatever the table's own is.

    Returns
    -------
    numpy.ndarray
        Float64, (frames, points, 3): x and y in px, and likelihood; NaN for what the table does not have.

    Raises
    ------
    OutputError
        The table cannot be read, or is not of one animal where the project is, or not of several.
    """
    import numpy

    found = numpy.full((len(frames), len(project.points), len(COORDS)), numpy.nan)
    if not frames:
        return found
    with open_positions(file) as table:
        if table.columns.several != project.is_of_several:
            kind = "several animals, and the project of one" if table.columns.several else "one animal"
            raise OutputError(f"{file}: a table of {kind}", OTHER_PROJECT)
        places = {point: n for n, point in enumerate(table.columns.points)}
        here = [(n, places[point]) for n, point in enumerate(project.points) if point in places]
        if not here:
            raise OutputError(f"{file}: has none of the project's body parts", OTHER_PROJECT)
        for k, frame in enumerate(frames):
            row = table.read(frame, frame + 1)[0]
            found[k, [n for n, _ in here]] = row[[m for _, m in here]]
    return found
