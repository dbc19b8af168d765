"""Points that a person has put far from where the model was sure: worth a second look, from either side."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from dlcctr.labels.problems import Problem
from dlcctr.labels.rows import Size
from dlcctr.labels.table import Table, number, read_table

MACHINE_PATTERN = "machinelabels*.csv"
SURE = 0.9
"""Likelihood from which on the model is said to be sure."""
FAR_SHARE = 0.05
"""Share of the picture's diagonal that is far."""
FAR_PX = 25.0
"""What is far where the picture's size is not known."""

Sure = dict[tuple[str, str], list[tuple[float, float, float]]]
"""Picture and body part to x, y and likelihood of each animal's."""


def check_certain(file: str, table: Table, folder: Path, sizes: Mapping[str, Size]) -> Iterator[Problem]:
    """Compare labels with the machine labels beside them; with several animals, with the nearest one."""
    for machine in sorted(folder.glob(MACHINE_PATTERN)):
        try:
            sure = _sure_points(read_table(machine))
        except (OSError, ValueError) as error:
            yield Problem("machine labels", str(machine), f"cannot be read ({error})")
            continue
        for row in table.rows:
            for part in table.parts:
                try:
                    point = table.point(row, part)
                except ValueError:
                    continue  # said before
                near = sure.get((row.picture, part[1]), [])
                if not point or not near:
                    continue
                distance, likelihood = min((math.dist(point, (x, y)), p) for x, y, p in near)
                size = sizes.get(row.picture)
                if distance > (FAR_SHARE * math.hypot(*size) if size else FAR_PX):
                    text = f"{part[1][:40]!r} is {distance:.0f} px from the model's point (likelihood {likelihood:.2f})"
                    yield Problem("far", file, text, row.line, row.picture)


def _sure_points(table: Table) -> Sure:
    found: Sure = {}
    for row in table.rows:
        for part in table.parts:
            try:
                point, likelihood = table.point(row, part), number(table.cell(row, part, "likelihood"))
            except ValueError:
                continue
            if point and likelihood >= SURE:
                found.setdefault((row.picture, part[1]), []).append((*point, likelihood))
    return found
