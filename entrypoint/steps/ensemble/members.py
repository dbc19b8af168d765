"""The tables of an ensemble: the same points in each, whatever their order, and whatever its animals are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dlcctr.errors import AnalysisError, ManifestError
from dlcctr.results.h5.positions import PositionColumns
from entrypoint.steps.base import StepInput
from entrypoint.steps.ensemble.identities import Match, animal_points, match_animals, require_match

SINGLE = "single"
"""DeepLabCut's individual of unique body parts."""
SHOWN_NAMES = 6


def require_members(given: StepInput) -> None:
    """Raise `ManifestError` where the video has one row only."""
    if not given.others:
        raise ManifestError(
            f"ensemble: {given.source.row.video} has one row, and so one model",
            "give every video several rows with --shuffle 1,2,3 or --snapshot A,B of `manifest`, or remove the step",
        )


def match_points(tables: Sequence[tuple[str, PositionColumns]]) -> list[list[int]]:
    """Where the points of the last table are in each of them.

    Parameters
    ----------
    tables : sequence of (name, columns)
        Each member's name, for messages, and columns.

    Returns
    -------
    list of list of int
        For each table the place of each of the last table's points.

    Raises
    ------
    AnalysisError
        A table has other points.
    """
    _, own = tables[-1]
    _require_same(tables, [columns.points for _, columns in tables])
    return [[columns.points.index(point) for point in own.points] for _, columns in tables]


def animals_of(columns: PositionColumns) -> list[str]:
    """Names of a table's animals, without the owner of unique body parts."""
    return [who for who in columns.individuals if who != SINGLE]


class Members:
    """The points of all models, each as the last row's.

    Parameters
    ----------
    tables : sequence of (name, columns)
        Each member's name, for messages, and columns; the last row's at the end.
    values : sequence of numpy.ndarray
        Each member's numbers, (points, 3, frames).
    pcutoff : float
        A position with a lower likelihood has no say.

    Raises
    ------
    AnalysisError
        A table has other body parts, or its animals are not those of the last row.
    """

    def __init__(self, tables: Sequence[tuple[str, PositionColumns]], values: Sequence[Any], pcutoff: float) -> None:
        self._tables, self._values = tables, values
        self.matches: list[Match] = []
        self._several = max(len(animals_of(columns)) for _, columns in tables) > 1
        self._places: list[list[int]] = []
        if not self._several:
            self._places = match_points(tables)
            return
        _require_same(tables, [_without_names(columns) for _, columns in tables])
        own_name, own = tables[-1]
        self._parts, own_places = animal_points(own, animals_of(own))
        self._of_animals: list[list[list[int]]] = []
        for (name, columns), each in zip(tables[:-1], values[:-1], strict=True):
            parts, found = animal_points(columns, animals_of(columns))
            places = [[row[parts.index(part)] for part in self._parts] for row in found]
            match = match_animals(values[-1][own_places], each[places], pcutoff)
            require_match(match, name, own_name)
            self.matches.append(match)
            self._of_animals.append(places)

    def point(self, number: int) -> Any:
        """One point of the last row in all models, (models, 3, frames); NaN where a model has no such animal."""
        import numpy

        who, part = self._tables[-1][1].points[number]
        if not self._several:
            return numpy.stack([each[place[number]] for each, place in zip(self._values, self._places, strict=True)])
        own = self._values[-1][number]
        if who == SINGLE:
            unique = [columns.points.index((who, part)) for _, columns in self._tables[:-1]]
            return numpy.stack([*(each[place] for each, place in zip(self._values[:-1], unique, strict=True)), own])
        animal, column = animals_of(self._tables[-1][1]).index(who), self._parts.index(part)
        found = []
        for match, places, each in zip(self.matches, self._of_animals, self._values[:-1], strict=True):
            values = numpy.full_like(own, numpy.nan)
            for other, points in enumerate(places):
                frames = match.numbers[animal] == other
                values[:, frames] = each[points[column]][:, frames]
            found.append(values)
        return numpy.stack([*found, own])

    def facts(self) -> dict[str, float]:
        """What was matched, for the receipt; nothing for models of one animal."""
        if not self._several:
            return {}
        seen = sum(each.seen for each in self.matches)
        matched = sum(each.matched for each in self.matches)
        left_out = float(sum(each.left_out for each in self.matches))
        return {"matched_share": round(matched / seen, 4) if seen else 0.0, "animals_left_out": left_out}


def _without_names(columns: PositionColumns) -> list[tuple[str, str]]:
    """Points of a table, those of its animals each once and without a name."""
    found = [(who if who == SINGLE else "", part) for who, part in columns.points]
    return list(dict.fromkeys(found))


def _require_same(tables: Sequence[tuple[str, PositionColumns]], points: Sequence[Sequence[tuple[str, str]]]) -> None:
    own_name, own = tables[-1][0], points[-1]
    for (name, _), each in zip(tables, points, strict=True):
        missing = [point for point in own if point not in each]
        more = [point for point in each if point not in own]
        if missing or more:
            said = [f"lacks {_names(missing)}"] * bool(missing) + [f"also has {_names(more)}"] * bool(more)
            raise AnalysisError(
                f"ensemble: {name} {' and '.join(said)}, compared with {own_name}",
                "combine only models with the same body parts: put the others into a campaign of their own",
            )


def _names(points: Sequence[tuple[str, str]]) -> str:
    names = ["/".join(filter(None, point)) for point in points]
    rest = len(names) - SHOWN_NAMES
    return ", ".join(map(repr, names[:SHOWN_NAMES])) + (f" and {rest} more" if rest > 0 else "")
