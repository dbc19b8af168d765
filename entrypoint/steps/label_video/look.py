"""How points are drawn: which of them, in which colours, what is connected; from parameters, project and table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dlcctr.campaign.steps.label_video import ColorBy, LabelVideoParameters, Names
from dlcctr.campaign.tracking import UNIQUE_OWNER
from dlcctr.errors import ManifestError
from dlcctr.model.project.drawing import Drawing
from dlcctr.results.h5.positions import PositionColumns
from entrypoint.steps.label_video.palette import WHITE, Rgb, colours, has_colormap, named_colour

PCUTOFF = 0.6
"""DeepLabCut's own, where neither parameters nor project have one."""
GREY: Rgb = (0.85, 0.85, 0.85)


@dataclass(frozen=True)
class Look:
    """How the points of one table are drawn.

    Parameters
    ----------
    points : tuple of int
        Places of the points that are drawn, in the table's order.
    colours : tuple of Rgb
        Of each point of the table.
    lines : tuple of (int, int, Rgb)
        Pairs of points that are connected, and the colour of the line.
    labels : dict of int to str
        What is written beside points.
    groups : tuple of tuple of int
        Points of each individual, unique ones last; for a label that belongs to all of them.
    """

    points: tuple[int, ...]
    colours: tuple[Rgb, ...]
    lines: tuple[tuple[int, int, Rgb], ...]
    labels: dict[int, str]
    groups: tuple[tuple[int, ...], ...]
    group_names: tuple[str, ...]
    pcutoff: float


def make_look(wanted: LabelVideoParameters, project: Drawing, columns: PositionColumns) -> Look:
    """Decide how a table is drawn.

    Raises
    ------
    ManifestError
        A parameter names a body part, an individual or a map of colours that there is not.
    """
    _check_names("bodyparts", wanted.bodyparts, columns.bodyparts)
    _check_names("lines", [name for pair in wanted.lines for name in pair], columns.bodyparts)
    animals = tuple(who for who in columns.individuals if who != UNIQUE_OWNER)
    _check_names("individuals", wanted.individuals, animals)
    _check_names("follow", [wanted.follow] if wanted.follow else [], columns.individuals)
    if wanted.colormap and not has_colormap(wanted.colormap):
        raise ManifestError(
            f"label-video: matplotlib has no colormap {wanted.colormap[:60]!r}", "try rainbow, viridis or plasma"
        )
    points = tuple(
        place
        for place, (who, part) in enumerate(columns.points)
        if (not wanted.bodyparts or part in wanted.bodyparts)
        and (not wanted.individuals or who in wanted.individuals or who == UNIQUE_OWNER)
    )
    by_animal = wanted.color_by is ColorBy.INDIVIDUAL or (wanted.color_by is ColorBy.AUTO and len(animals) > 1)
    colouring = _colours(columns, animals, by_animal=by_animal, colormap=wanted.colormap or project.colormap)
    groups = {who: tuple(p for p in points if columns.points[p][0] == who) for who in columns.individuals}
    labels = {p: columns.points[p][1] for p in points} if wanted.names is Names.BODYPARTS else {}
    names_animals = wanted.names is Names.INDIVIDUALS
    return Look(
        points=points,
        colours=colouring,
        lines=tuple(_lines(wanted, project, columns, set(points), colouring if by_animal else None)),
        labels=labels,
        groups=tuple(groups.values()) if names_animals else (),
        group_names=tuple("" if who == UNIQUE_OWNER else who for who in groups) if names_animals else (),
        pcutoff=next(each for each in (wanted.pcutoff, project.pcutoff, PCUTOFF) if each is not None),
    )


def _check_names(parameter: str, wanted: Sequence[str], there: Sequence[str]) -> None:
    unknown = [name for name in wanted if name not in there]
    if unknown:
        shown = ", ".join(name for name in there if name) or "none"
        raise ManifestError(
            f"label-video: {parameter} names {unknown[0][:60]!r}, which is not in the table; there are {shown[:400]}",
            "correct the step's parameters in campaign.toml",
        )


def _colours(columns: PositionColumns, animals: tuple[str, ...], *, by_animal: bool, colormap: str) -> tuple[Rgb, ...]:
    if by_animal:
        own = dict(zip(animals, colours(len(animals), colormap), strict=True))
        return tuple(own.get(who, GREY) for who, _ in columns.points)
    parts = dict(zip(columns.bodyparts, colours(len(columns.bodyparts), colormap), strict=True))
    return tuple(parts[part] for _, part in columns.points)


def _lines(
    wanted: LabelVideoParameters,
    project: Drawing,
    columns: PositionColumns,
    shown: set[int],
    own_colours: Sequence[Rgb] | None,
) -> Iterable[tuple[int, int, Rgb]]:
    """Skeletons join parts of one individual, or unique parts; a project's leftovers of other parts are passed over."""
    pairs = wanted.lines or (project.skeleton if wanted.skeleton else ())
    colour = named_colour(project.skeleton_color) if project.skeleton_color else WHITE
    places = {point: place for place, point in enumerate(columns.points)}
    for who in columns.individuals:
        for one, two in pairs:
            ends = places.get((who, one)), places.get((who, two))
            if ends[0] is not None and ends[1] is not None and set(ends) <= shown:
                yield ends[0], ends[1], own_colours[ends[0]] if own_colours else colour
