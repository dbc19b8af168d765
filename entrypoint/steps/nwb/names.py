"""Names of objects in an NWB file: HDF5 takes a slash for a folder, and NWB refuses colons as well."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from dlcctr.results.h5.positions import PositionColumns

UNIQUE = "single"
"""What DeepLabCut calls the individual that unique body parts belong to."""
FORBIDDEN = re.compile(r"[/:\x00-\x1f\x7f]")


@dataclass(frozen=True)
class NamedPoint:
    """One point: its place in the table, DeepLabCut's name of the body part, and NWB's."""

    column: int
    bodypart: str
    name: str


@dataclass(frozen=True)
class NamedIndividual:
    """The points of one individual.

    Parameters
    ----------
    individual : str
        DeepLabCut's name; empty in single-animal projects, `UNIQUE` for unique body parts.
    name : str
        Name of its PoseEstimation.
    points : tuple of NamedPoint
        In the table's order.
    """

    individual: str
    name: str
    points: tuple[NamedPoint, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        """NWB's names of its body parts."""
        return tuple(point.name for point in self.points)


def name_objects(columns: PositionColumns) -> tuple[NamedIndividual, ...]:
    """Individuals of a table with names that an NWB file can have, each once."""
    groups: list[tuple[str, list[tuple[int, str]]]] = []
    for column, (who, part) in enumerate(columns.points):
        # a body part that comes again under the same name is one of another animal of that name
        if not groups or groups[-1][0] != who or any(part == other for _, other in groups[-1][1]):
            groups.append((who, []))
        groups[-1][1].append((column, part))
    titles = safe_names(f"PoseEstimation_{who}" if columns.several else "PoseEstimation" for who, _ in groups)
    named = []
    for (who, parts), title in zip(groups, titles, strict=True):
        names = safe_names(part for _, part in parts)
        points = (NamedPoint(column, part, name) for (column, part), name in zip(parts, names, strict=True))
        named.append(NamedIndividual(who, title, tuple(points)))
    return tuple(named)


def safe_names(names: Iterable[str]) -> list[str]:
    """Names without what NWB refuses, each different from those before it."""
    safe: list[str] = []
    for name in names:
        plain = FORBIDDEN.sub("_", name).strip() or "_"
        plain = plain if plain.strip(".") else plain.replace(".", "_")
        number, unique = 1, plain
        while unique in safe:
            number += 1
            unique = f"{plain}_{number}"
        safe.append(unique)
    return safe
