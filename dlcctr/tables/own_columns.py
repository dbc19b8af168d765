"""The manifest's own columns, those that are not dlcctr's, such as genotype or session, under names for a table."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from dlcctr.campaign.spreadsheet import Sheet
from dlcctr.contract import CAMERA_COLUMN, MANIFEST_COLUMNS, TIMES_COLUMN, TRACKING_COLUMNS

KNOWN = frozenset((*MANIFEST_COLUMNS, *TRACKING_COLUMNS, CAMERA_COLUMN, TIMES_COLUMN))
PREFIX = "manifest_"
"""Put before a name that is one of the table's own, or that begins with a digit."""


@dataclass(frozen=True)
class OwnColumns:
    """Cells of the manifest's own columns.

    Parameters
    ----------
    names : tuple of str
        Of the table's columns, in the manifest's order.
    cells : mapping of int to tuple of str
        Cells by the line of the manifest that a row starts on, as long as `names`; empty where the cell is.
    """

    names: tuple[str, ...] = ()
    cells: Mapping[int, tuple[str, ...]] = field(default_factory=dict)

    def of(self, line: int) -> tuple[str, ...]:
        """Cells of a row; all empty for a line that is not there."""
        return self.cells.get(line, ("",) * len(self.names))


def own_columns(sheet: Sheet, taken: Collection[str]) -> OwnColumns:
    """Own columns of a manifest; a column without a name is left out.

    Parameters
    ----------
    taken : collection of str
        Names that the table has anyway.
    """
    found = [name for name in sheet.header if name and name not in KNOWN]
    cells = {record.line: tuple(record.cells.get(name, "").strip() for name in found) for record in sheet.records}
    return OwnColumns(tuple(spell(found, taken)), cells)


def spell(names: Sequence[str], taken: Collection[str] = (), prefix: str = PREFIX) -> list[str]:
    """Names that every program takes: letters, digits and underscores, none twice, whatever the case.

    ``mouse id (no.)`` becomes ``mouse_id_no``, ``2nd`` ``manifest_2nd``, and ``frame``, which is taken,
    ``manifest_frame``.
    """
    reserved = {name.lower() for name in taken}
    used = set(reserved)
    found = []
    for name in names:
        word = re.sub(r"\W+", "_", name).strip("_") or "column"
        if not word[0].isalpha() or word.lower() in reserved:
            word = prefix + word
        number, plain = 2, word
        while word.lower() in used:
            word, number = f"{plain}_{number}", number + 1
        used.add(word.lower())
        found.append(word)
    return found
