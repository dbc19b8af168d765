"""Is the head of a table the project's: scorer, animals, body parts, and their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dlcctr.labels.problems import Problem
from dlcctr.labels.project import Project
from dlcctr.labels.table import PartName, Table

SHOWN = 5


def check_header(file: str, table: Table, project: Project, *, any_scorer: bool) -> Iterator[Problem]:
    """Compare the head of a table with a project."""
    if table.is_of_several != project.is_of_several:
        kinds = {True: "several animals", False: "a single animal"}
        yield Problem(
            "animals", file, f"a table of {kinds[table.is_of_several]}, the project is one of "
            f"{kinds[project.is_of_several]}", 2,
        )  # fmt: skip
        return
    if table.scorers != (project.scorer,):
        found = ", ".join(repr(name[:40]) for name in table.scorers[:SHOWN])
        yield Problem("scorer", file, f"of {found}, the project's is {project.scorer!r}", 1, is_mended=any_scorer)
    if any(coord == "likelihood" for _, coord in table.columns):
        # napari-deeplabcut of spring 2026 keeps them when machine labels were corrected (its #204)
        text = "has likelihoods, as the model's own points have; napari-deeplabcut of some versions keeps them"
        yield Problem("likelihood", file, text, 4 if table.is_of_several else 3)
    yield from check_parts(file, table, project)


def check_parts(file: str, table: Table, project: Project, *, may_miss: bool = False) -> Iterator[Problem]:
    """Compare body parts by their names, then their order; with `may_miss` a table may have fewer."""
    line = 3 if table.is_of_several else 2
    unknown = [part for part in table.parts if part not in project.parts]
    if unknown:
        yield Problem("unknown part", file, f"not in config.yaml: {_shown(unknown)}", line)
    found = {animal for animal, _ in table.parts}
    missing = [part for part in project.parts if part not in table.parts]
    animals = [animal for animal in dict.fromkeys(animal for animal, _ in project.parts) if animal not in found]
    if animals and not may_miss:
        yield Problem("missing animal", file, f"no columns for {', '.join(repr(a[:40]) for a in animals)}", 2)
    parts = [part for part in missing if part[0] in found]
    if parts and not may_miss:
        yield Problem("missing part", file, f"in config.yaml, not here: {_shown(parts)}", line)
    known = [part for part in table.parts if part in project.parts]
    ordered = [part for part in project.parts if part in table.parts]
    if known != ordered:
        is_sorted = " (sorted by the alphabet)" if known == sorted(known) else ""
        place = next(n for n, pair in enumerate(zip(known, ordered, strict=True)) if pair[0] != pair[1])
        yield Problem(
            "order", file, f"not in the order of config.yaml{is_sorted}: {_shown([known[place]])} "
            f"where that has {_shown([ordered[place]])}", line,
        )  # fmt: skip


def _shown(parts: Sequence[PartName]) -> str:
    names = [" of ".join(repr(word[:40]) for word in (part, animal) if word) for animal, part in parts[:SHOWN]]
    return ", ".join(names) + (f" and {len(parts) - SHOWN} more" if len(parts) > SHOWN else "")
