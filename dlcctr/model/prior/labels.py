"""Labelled frames of a project, from its CSV files: heads and numbers only, no pickles and no HDF5."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.system.files import read_text_bounded, visible_entries

UNIQUE_OWNER = "single"
"""Individual to whom DeepLabCut gives body parts that exist once, such as corners."""
LABELS_FOLDER = "labeled-data"
LABELS_PATTERN = "CollectedData_*.csv"
MAX_BYTES = 64 << 20
MAX_FOLDERS = 2000
MOST_PX = 1e6
Point = complex | None
"""x + iy in px; None where a part is not labelled."""


@dataclass(frozen=True)
class LabelledPose:
    """One labelled animal: a point for each of the body parts that were asked for."""

    picture: Path
    points: tuple[Point, ...]


@dataclass
class Labels:
    """Labelled poses, and which files were skipped and why."""

    poses: list[LabelledPose] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def read_labels(project: Path, bodyparts: Sequence[str], scorer: str = "") -> Labels:
    """Read the labels of a project.

    Parameters
    ----------
    bodyparts : sequence of str
        Names that are wanted, in this order; others in the files are ignored.
    scorer : str
        Whose labels are taken where a folder has those of several people.

    Returns
    -------
    Labels
        A file that cannot be used is skipped, and listed; nothing is raised.
    """
    labels = Labels()
    for file in _label_files(project, scorer):
        try:
            text = read_text_bounded(file, MAX_BYTES)
            if text is None:
                raise ValueError(f"longer than {MAX_BYTES:,} bytes")
            labels.poses += _parse(text, project, bodyparts)
        except (OSError, ValueError, csv.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            labels.skipped.append((file, str(reason)))
    return labels


def _label_files(project: Path, scorer: str) -> Iterator[Path]:
    try:
        folders = visible_entries(project / LABELS_FOLDER)[:MAX_FOLDERS]
    except OSError:
        return
    for folder in folders:
        own = folder / f"CollectedData_{scorer}.csv"
        try:
            files = [own] if scorer and own.is_file() else sorted(folder.glob(LABELS_PATTERN))
        except (OSError, ValueError):
            continue
        yield from files[:1]


def _parse(text: str, project: Path, bodyparts: Sequence[str]) -> list[LabelledPose]:
    lines = list(csv.reader(io.StringIO(text)))
    heads = {line[0].strip().lower(): line for line in lines[:4] if line}
    if "bodyparts" not in heads or "coords" not in heads:
        raise ValueError("its head has no bodyparts and coords")
    several, parts, coords = heads.get("individuals"), heads["bodyparts"], heads["coords"]
    if not len(parts) == len(coords) == len(several or coords):
        raise ValueError("the lines of its head are not equally long")
    first = next((n for n, word in enumerate(coords) if n and word.strip() in ("x", "y")), 0)
    if not first:
        raise ValueError("its head has no x and y")
    columns: dict[str, dict[str, dict[str, int]]] = {}
    for n in range(first, len(coords)):
        who = several[n] if several else ""
        if who != UNIQUE_OWNER:
            columns.setdefault(who, {}).setdefault(parts[n], {})[coords[n].strip()] = n
    n_heads = 4 if several else 3
    found = []
    for line in lines[n_heads:]:
        if len(line) != len(coords):
            continue  # cut off, or edited by hand
        picture = project.joinpath(
            *[part for cell in line[:first] for part in re.split(r"[\\/]", cell) if _is_plain(part)]
        )
        for places in columns.values():
            points = tuple(_point(line, places.get(part, {})) for part in bodyparts)
            if any(point is not None for point in points):
                found.append(LabelledPose(picture, points))
    if not found:
        raise ValueError("no body part of the model is labelled in it")
    return found


def _is_plain(part: str) -> bool:
    """Whether a part of a picture's path stays below the project."""
    return part not in ("", ".", "..") and "\0" not in part


def _point(line: Sequence[str], places: dict[str, int]) -> Point:
    """A point; None for what DeepLabCut leaves out, too, such as 0, 0 for a part that nobody can see."""
    try:
        x, y = float(line[places["x"]]), float(line[places["y"]])
    except (KeyError, ValueError):
        return None
    return complex(x, y) if 0 < x < MOST_PX and 0 < y < MOST_PX else None
