"""How far apart two models put the same body part of the same frame, where both are sure of it.

Read from DeepLabCut's .csv, so that nothing but Python is needed, or where there is none from the .h5. Of a long video,
frames at equal distances are read.
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
from dlcctr.results.h5.positions import PositionsFile, open_positions

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
Point = tuple[float, float]


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
    """One model's positions of a video: DeepLabCut's .csv or .h5, and the corner of the crop that they count from."""

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
        A file cannot be read, or its table is of several animals.
    ToolMissingError
        An .h5 has to be read without pandas and PyTables.
    """
    step = max(1, -(-frames // MOST_FRAMES))
    distances: list[float] = []
    n_points = n_frames = 0
    with _open(a, parts, step) as ours, _open(b, parts, step) as theirs:
        for one, other in zip(ours, theirs, strict=False):
            n_frames += 1
            n_points += len(parts)
            for mine, its in zip(one, other, strict=True):
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


@contextlib.contextmanager
def _open(given: Positions, parts: Sequence[str], step: int) -> Iterator[Iterator[list[Point | None]]]:
    """Positions of the parts in every so manieth frame; None for those of which the model is not sure."""
    if given.file.suffix == ".h5":
        with open_positions(given.file) as table:
            yield _of_h5(given.file, table, parts, step)
        return
    try:
        with given.file.open(encoding="utf-8", newline="") as stream:
            yield _of_csv(given.file, stream, parts, step)
    except OSError as error:
        raise OutputError(f"{given.file}: cannot be read: {error.strerror}", AGAIN) from error


def _of_csv(file: Path, stream: IO[str], parts: Sequence[str], step: int) -> Iterator[list[Point | None]]:
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
        for cells in islice(lines, 0, None, step):
            yield [_sure(*(float(cell) if cell else math.nan for cell in cells[n : n + 3])) for n in places]
    except (csv.Error, UnicodeDecodeError, TypeError, ValueError) as error:
        raise _unreadable(file, str(error)) from error


def _of_h5(file: Path, table: PositionsFile, parts: Sequence[str], step: int) -> Iterator[list[Point | None]]:
    names = {part: n for n, (who, part) in enumerate(table.columns.points) if not who}
    if missing := [part for part in parts if part not in names]:
        raise _unreadable(file, f"no body part {missing[0]}")
    for first, block in table.blocks():
        for values in block[-first % step :: step][:, [names[part] for part in parts]].tolist():
            yield [_sure(*point) for point in values]


def _sure(x: float, y: float, likelihood: float) -> Point | None:
    return (x, y) if likelihood >= SURE and math.isfinite(x) and math.isfinite(y) else None


def _unreadable(file: Path, why: str) -> OutputError:
    return OutputError(f"{file}: not DeepLabCut's table of one animal: {' '.join(why.split())[:200]}", AGAIN)
