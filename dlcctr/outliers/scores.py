"""The frame of each window with the highest or lowest score, from `quality.csv.gz`. Needs pandas."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from dlcctr.outliers.candidates import Window
from dlcctr.quality.record import TABLE_FILENAME

BLOCK_FRAMES = 100_000
AS_BAD = 0.8
"""Share of a window's highest score from which on a frame counts as about as bad."""
COLUMNS = ("frame", "time_s", "score", "brightness")


@dataclass(frozen=True)
class Scored:
    """A frame of a window.

    Parameters
    ----------
    time_s, level : float
        Its time, and its mean grey level; NaN where not known.
    """

    window: Window
    frame: int
    score: float
    time_s: float
    level: float


def find_frames(folder: Path, windows: Sequence[Window], least_level: float = 0.0) -> tuple[list[Scored], list[Window]]:
    """The worst frame of each window, or the best one of a good window; windows without a score are left out.

    Parameters
    ----------
    least_level : float
        Mean grey level below which a frame is too dark to be labelled, and is passed over.

    Returns
    -------
    list of Scored
        In the order of the windows.
    list of Window
        Those in which all frames are too dark.

    Raises
    ------
    OutputError
        The row has no such table, or it cannot be read.
    """
    import pandas

    file = folder / TABLE_FILENAME
    best: dict[int, Scored] = {}
    dark: set[int] = set()
    last = max((each.stop for each in windows), default=0)
    try:
        with pandas.read_csv(file, usecols=list(COLUMNS), chunksize=BLOCK_FRAMES, dtype="float64") as blocks:
            first = 0
            for block in blocks:
                dark |= _look(block, first, windows, best, least_level)
                first += len(block)
                if first >= last:
                    break
    except (OSError, EOFError, ValueError, zlib.error) as error:  # pandas' errors are ValueErrors
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise OutputError(f"{file}: cannot be read: {said}", "judge the row again: dlcctr quality m.csv") from error
    return [best[n] for n in sorted(best)], [windows[n] for n in sorted(dark - best.keys())]


def _look(block: Any, first: int, windows: Sequence[Window], best: dict[int, Scored], least_level: float) -> set[int]:
    """Note the best frames of one block; returns the numbers of windows of which it has frames that are too dark."""
    import numpy

    times, levels = block["time_s"].to_numpy(), block["brightness"].to_numpy()
    is_dark = levels < least_level
    scores, dark = numpy.where(is_dark, numpy.nan, block["score"].to_numpy()), set()
    for n, window in enumerate(windows):
        start, stop = max(window.first - first, 0), min(window.stop - first, len(scores))
        if start >= stop:
            continue
        if is_dark[start:stop].any():
            dark.add(n)
        here = scores[start:stop] * (-1 if window.is_good else 1)
        if numpy.isnan(here).all():
            continue
        place = start + _place(here, is_good=window.is_good)
        found = Scored(window, first + place, float(scores[place]), float(times[place]), float(levels[place]))
        if n not in best or _wanted(found) > _wanted(best[n]):
            best[n] = found
    return dark


def _place(scores: Any, *, is_good: bool) -> int:
    """Place of the frame of some: the one with the highest score; of several that are about as bad, the middle one.

    The very worst frame of a video that is wrong throughout is an odd one, and teaches less than a usual one.
    """
    import numpy

    if is_good:
        return int(numpy.nanargmax(scores))
    as_bad = numpy.flatnonzero(scores >= AS_BAD * numpy.nanmax(scores))
    return int(as_bad[len(as_bad) // 2])


def _wanted(found: Scored) -> float:
    return -found.score if found.window.is_good else found.score


def known(time_s: float) -> float | None:
    """A time that JSON and tables can hold; None for NaN."""
    return time_s if math.isfinite(time_s) else None
