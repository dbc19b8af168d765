"""Names and table of what `outliers` writes beside labeled-data: the image writes it, the host reads it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from dlcctr.system.values.names import check_name

COLUMNS = ("folder", "picture", "row", "video", "frame", "time_s", "score", "why")
MAX_BYTES = 64 << 20
NAME = re.compile(r"outliers(?:-([0-9]{1,6}))?\.(csv|html|txt)")
"""Names of its files: a round has three of them, with the same number; the first round has none."""


def pictures_in(text: str) -> dict[str, list[str]]:
    """Pictures of each folder that a list names, in its order.

    Raises
    ------
    ValueError
        It is not such a list, or a name in it leads elsewhere.
    """
    found: dict[str, list[str]] = {}
    for line in _lines(text):
        folder, picture = (check_name(line.get(column) or "", f"a {column}") for column in ("folder", "picture"))
        found.setdefault(folder, []).append(picture)
    return found


def _lines(text: str) -> Iterator[dict[str, str]]:
    table = csv.DictReader(io.StringIO(text))
    try:
        if not set(COLUMNS) <= set(table.fieldnames or ()):
            raise ValueError(f"its first line is not {','.join(COLUMNS)}")
        yield from table
    except csv.Error as error:
        raise ValueError(str(error)) from error
