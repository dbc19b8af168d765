"""How far apart two models put the same body part of the same frame, where both are sure of it.

Read from DeepLabCut's .csv, so that nothing but Python is needed. Of a long video, frames at equal distances are read.
"""

from __future__ import annotations

import contextlib
import csv
import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from dlcctr.errors import OutputError

SURE = 0.6
"""Likelihood from which on a model is sure, as in quality.json."""
MOST_FRAMES = 10_000
"""Frames of a video that are compared."""
APART_LENGTHS = 0.5
"""Body lengths from which on two positions are of different things."""
LEVELS = ("scorer", "bodyparts", "coords")
COORDS = ("x", "y", "likelihood")
AGAIN = "analyse the row again with --overwrite"
Corner = tuple[int, int]


@dataclass(frozen=True)
class Agreement:
    """Two models on one video.

    Parameters
    ----------
    frames : int
        Frames that were compared.
    sure_share : float or None
        Share of points of which both are sure.
    median_px, median_lengths : float or None
        Median distance of those points, in px and in body lengths; None without any, or without a body length.
    apart_share : float or None
        Share of those points that are more than half a body length apart.
    """

    frames: int
    sure_share: float | None = None
    median_px: float | None = None
    median_lengths: float | None = None
    apart_share: float | None = None


@dataclass(frozen=True)
class Positions:
    """One model's positions of a video: DeepLabCut's .csv, and the corner of the crop that they count from."""

    file: Path
    corner: Corner = (0, 0)


def agreement(a: Positions, b: Positions, parts: Sequence[str], frames: int, body_length_px: float | None) -> Agreement:
    """Compare two results of one video of one animal.

    Parameters
    ----------
    parts : sequence of str
        Body parts that both have.
    frames : int
        Frames of the video.

    Raises
    ------
    OutputError
        A file cannot be read, or is no table of one animal.
    """
    step = max(1, -(-frames // MOST_FRAMES))
    distances: list[float] = []
    n_points = n_frames = 0
    with _lines(a.file, parts) as ours, _lines(b.file, parts) as theirs:
        for one, other in islice(zip(ours, theirs, strict=False), 0, None, step):
            n_frames += 1
            n_points += len(parts)
            for mine, its in zip(one.points(), other.points(), strict=True):
                if mine and its:
                    x, y = (mine[k] + a.corner[k] - its[k] - b.corner[k] for k in (0, 1))
                    distances.append(math.hypot(x, y))
    if not distances:
        return Agreement(n_frames, 0.0 if n_points else None)
    middle = statistics.median(distances)
    length = body_length_px if body_length_px and body_length_px > 0 else None
    return Agreement(
        n_frames,
        len(distances) / n_points,
        middle,
        middle / length if length else None,
        sum(each > APART_LENGTHS * length for each in distances) / len(distances) if length else None,
    )


@dataclass(frozen=True)
class _Line:
    """One frame's cells, taken apart only when asked for."""

    file: Path
    cells: list[str]
    places: tuple[int, ...]

    def points(self) -> Iterator[tuple[float, float] | None]:
        """Position of each part, or None where the model is not sure of it."""
        try:
            for place in self.places:
                x, y, likelihood = (float(cell) if cell else math.nan for cell in self.cells[place : place + 3])
                yield (x, y) if likelihood >= SURE and math.isfinite(x) and math.isfinite(y) else None
        except ValueError as error:
            raise _unreadable(self.file, str(error)) from error


@contextlib.contextmanager
def _lines(file: Path, parts: Sequence[str]) -> Iterator[Iterator[_Line]]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            yield _read(file, stream, parts)
    except OSError as error:
        raise OutputError(f"{file}: cannot be read: {error.strerror}", AGAIN) from error


def _read(file: Path, stream: IO[str], parts: Sequence[str]) -> Iterator[_Line]:
    lines = csv.reader(stream)
    try:
        head = [next(lines, []) for _ in LEVELS]
        if tuple(each[0] if each else "" for each in head) != LEVELS or len({len(each) for each in head}) != 1:
            raise _unreadable(file, "no table of one animal")
        names = {name: n for n, name in reversed(list(enumerate(head[1]))) if n}
        if missing := [part for part in parts if part not in names]:
            raise _unreadable(file, f"no body part {missing[0]}")
        places = tuple(names[part] for part in parts)
        if any(tuple(head[2][place : place + 3]) != COORDS for place in places):
            raise _unreadable(file, "its columns are not x, y, likelihood")
        for cells in lines:
            yield _Line(file, cells, places)
    except (csv.Error, UnicodeDecodeError) as error:
        raise _unreadable(file, str(error)) from error


def _unreadable(file: Path, why: str) -> OutputError:
    return OutputError(f"{file}: not DeepLabCut's .csv: {' '.join(why.split())[:200]}", AGAIN)
