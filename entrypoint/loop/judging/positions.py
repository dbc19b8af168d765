"""Positions in DeepLabCut's table, of one animal or of several."""

from __future__ import annotations

from typing import Any

from dlcctr.campaign.tracking import UNIQUE_OWNER


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
