"""Put new rows into a table of labels: columns by name, pictures by name, the new row of a picture wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.labels.project import Project
from dlcctr.labels.table import Row, Table, number, table_text


@dataclass(frozen=True)
class Merged:
    """A table with new rows in it.

    Parameters
    ----------
    text : str
        The whole table; the project's rows first, in their order.
    added, replaced, unchanged, empty : tuple of str
        Pictures of new rows: not there before; there with other labels; there with the same; left out, since
        nothing is labelled.
    is_changed : bool
        Whether the table differs from the one that was there.
    """

    text: str
    added: tuple[str, ...]
    replaced: tuple[str, ...]
    unchanged: tuple[str, ...]
    empty: tuple[str, ...]
    is_changed: bool

    @property
    def pictures(self) -> tuple[str, ...]:
        """Pictures that the table needs of the new folder."""
        return (*self.added, *self.replaced, *self.unchanged)


def merge(project: Project, folder: str, new: Table, own: Table | None) -> Merged:
    """Merge a sound table into the project's own one of the same folder.

    Parameters
    ----------
    folder : str
        Name of the folder below labeled-data.
    own : Table or None
        None where the project has no such folder.
    """
    rows = {row.picture: _cells(project, own, row) for row in own.rows} if own else {}
    found: dict[str, list[str]] = {"added": [], "replaced": [], "unchanged": [], "empty": []}
    for row in new.rows:
        cells, old = _cells(project, new, row), rows.get(row.picture)
        if new.is_empty(row):
            found["empty"].append(row.picture)
            continue
        kind = "added" if old is None else "unchanged" if _same(old, cells) else "replaced"
        found[kind].append(row.picture)
        if kind != "unchanged":  # the same number may be written otherwise
            rows[row.picture] = cells
    text = table_text(project.scorer, project.parts, [(folder, picture, cells) for picture, cells in rows.items()])
    wanted = tuple((part, coord) for part in project.parts for coord in "xy")
    is_changed = bool(
        found["added"] or found["replaced"] or (own and (own.columns != wanted or own.scorers != (project.scorer,)))
    )
    added, replaced, unchanged, empty = map(tuple, found.values())
    return Merged(text, added, replaced, unchanged, empty, is_changed)


def _cells(project: Project, table: Table, row: Row) -> tuple[str, ...]:
    """Cells of a row in the project's order, found by their names."""
    cells = (table.cell(row, part, coord).strip() for part in project.parts for coord in "xy")
    return tuple("" if math.isnan(number(cell)) else cell for cell in cells)


def _same(one: Sequence[str], two: Sequence[str]) -> bool:
    pairs = [(number(a), number(b)) for a, b in zip(one, two, strict=True)]
    return all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs)
