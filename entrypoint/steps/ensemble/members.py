"""The tables of an ensemble: the same points in each, whatever their order."""

from __future__ import annotations

from collections.abc import Sequence

from dlcctr.errors import AnalysisError, ManifestError
from dlcctr.results.h5.positions import PositionColumns
from entrypoint.steps.base import StepInput

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
        A table has other points, or several animals: those of two models would first have to be recognised as the same.
    """
    own_name, own = tables[-1]
    animals = [who for who in own.individuals if who != SINGLE]
    if len(animals) > 1:
        raise AnalysisError(
            f"ensemble: {own_name} has {len(animals)} animals; which of one model's is which of another's is not known",
            "combine models of single-animal projects only, or remove the step from this campaign",
        )
    places = []
    for name, columns in tables:
        missing = [point for point in own.points if point not in columns.points]
        more = [point for point in columns.points if point not in own.points]
        if missing or more:
            said = [f"lacks {_names(missing)}"] * bool(missing) + [f"also has {_names(more)}"] * bool(more)
            raise AnalysisError(
                f"ensemble: {name} {' and '.join(said)}, compared with {own_name}",
                "combine only models with the same body parts: put the others into a campaign of their own",
            )
        places.append([columns.points.index(point) for point in own.points])
    return places


def _names(points: Sequence[tuple[str, str]]) -> str:
    names = ["/".join(filter(None, point)) for point in points]
    rest = len(names) - SHOWN_NAMES
    return ", ".join(map(repr, names[:SHOWN_NAMES])) + (f" and {rest} more" if rest > 0 else "")
