"""The .h5 beside a table of labels, which DeepLabCut trains from: compared, and written. Needs pandas and PyTables."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlcctr.errors import ToolMissingError
from dlcctr.labels.table import PartName, Table, number, parse_table
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.results.h5.h5_file import import_pandas, read_table

KEY = "df_with_missing"
"""DeepLabCut's name of the table in the file."""
SAME_PX = 0.01


def can_write() -> bool:
    """Whether pandas and PyTables are here."""
    try:
        import_pandas()
    except ToolMissingError:
        return False
    return True


def compare(file: Path, table: Table) -> tuple[str, str] | None:
    """Compare an .h5 with its table.

    Returns
    -------
    tuple of str or None
        Kind of the problem and what it is; None where both agree.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = read_table(file)
            other = _points(frame)
    except ToolMissingError:
        return "h5 not compared", "pandas and PyTables are not here"
    except Exception as error:  # of many kinds, by PyTables: it is damaged, or holds what could run
        return "h5 differs", f"cannot be read ({type(error).__name__}: {str(error)[:80]})"
    scorers = set(frame.columns.get_level_values(0))
    if scorers != set(table.scorers):
        both = (", ".join(map(repr, sorted(map(str, names)))) for names in (scorers, table.scorers))
        return "h5 differs", "labels of {}, the .csv's are of {}".format(*both)
    own = _own_points(table)
    pictures = {picture for picture, _ in own} ^ {picture for picture, _ in other}
    if pictures:
        return "h5 differs", f"{len(pictures)} pictures are labelled in one of both only: {min(pictures)[:60]!r}"
    for key in sorted(own.keys() | other.keys()):
        one, two = own.get(key), other.get(key)
        if one is None or two is None or max(abs(one[0] - two[0]), abs(one[1] - two[1])) > SAME_PX:
            return "h5 differs", f"other values than the .csv for {key[1][1][:40]!r} in {key[0][:60]!r}"
    return None


Points = Mapping[tuple[str, PartName], tuple[float, float]]


def _own_points(table: Table) -> Points:
    found = {}
    for row in table.rows:
        for part in table.parts:
            try:
                point = table.point(row, part)
            except ValueError:
                continue  # said before
            if point:
                found[row.picture, part] = point
    return found


def _points(frame: Any) -> Points:
    """Labelled points of DeepLabCut's table, by picture and part."""
    found: dict[tuple[str, PartName], dict[str, float]] = {}
    for column in frame.columns:
        *above, part, coord = column
        animal = str(above[1]) if len(above) > 1 else ""
        for index, value in zip(frame.index, frame[column].to_numpy(), strict=True):
            name = index[-1] if isinstance(index, tuple) else str(index).replace("\\", "/").rpartition("/")[2]
            if not math.isnan(value):
                found.setdefault((str(name), (animal, str(part))), {})[str(coord)] = float(value)
    return {key: (point["x"], point["y"]) for key, point in found.items() if {"x", "y"} <= point.keys()}


def h5_bytes(text: str, folder: str = "") -> bytes:
    """Content of the .h5 of a table's text, as DeepLabCut's own `convertcsv2h5` makes it.

    It is made from the parsed table and not by `pandas.read_csv`, to which a folder named 001 is a number.

    Parameters
    ----------
    folder : str
        Folder of pictures of which the table has the name alone.
    """
    pandas = import_pandas()
    table = parse_table(text)
    heads = [(table.scorers[0], *filter(None, part), coord) for part, coord in table.columns]
    names = ["scorer", *(["individuals"] if table.is_of_several else []), "bodyparts", "coords"]
    index = [(LABELS_FOLDER, row.folder or folder, row.picture) for row in table.rows]
    frame = pandas.DataFrame(
        [[number(cell) for cell in row.cells] for row in table.rows],
        index=pandas.MultiIndex.from_tuples(index),
        columns=pandas.MultiIndex.from_tuples(heads, names=names),
    )
    with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        file = Path(place) / "labels.h5"
        frame.astype(float).to_hdf(file, key=KEY, mode="w")
        return file.read_bytes()
