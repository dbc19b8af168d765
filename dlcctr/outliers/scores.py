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
COLUMNS = ("frame", "time_s", "score")


@dataclass(frozen=True)
class Scored:
    """A frame of a window.

    Parameters
    ----------
    time_s : float
        NaN where not known.
    """

    window: Window
    frame: int
    score: float
    time_s: float


def find_frames(folder: Path, windows: Sequence[Window]) -> list[Scored]:
    """The worst frame of each window, or the best one of a good window; windows without a score are left out.

    Raises
    ------
    OutputError
        The row has no such table, or it cannot be read.
    """
    import pandas

    file = folder / TABLE_FILENAME
    best: dict[int, Scored] = {}
    last = max((each.stop for each in windows), default=0)
    try:
        with pandas.read_csv(file, usecols=list(COLUMNS), chunksize=BLOCK_FRAMES, dtype="float64") as blocks:
            first = 0
            for block in blocks:
                _look(block, first, windows, best)
                first += len(block)
                if first >= last:
                    break
    except (OSError, EOFError, ValueError, zlib.error) as error:  # pandas' errors are ValueErrors
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise OutputError(f"{file}: cannot be read: {said}", "judge the row again: dlcctr quality m.csv") from error
    return [best[n] for n in sorted(best)]


def _look(block: Any, first: int, windows: Sequence[Window], best: dict[int, Scored]) -> None:
    import numpy

    scores, times = block["score"].to_numpy(), block["time_s"].to_numpy()
    for n, window in enumerate(windows):
        start, stop = max(window.first - first, 0), min(window.stop - first, len(scores))
        if start >= stop:
            continue
        here = scores[start:stop] * (-1 if window.is_good else 1)
        if numpy.isnan(here).all():
            continue
        place = start + int(numpy.nanargmax(here))
        found = Scored(window, first + place, float(scores[place]), float(times[place]))
        if n not in best or _wanted(found) > _wanted(best[n]):
            best[n] = found


def _wanted(found: Scored) -> float:
    return -found.score if found.window.is_good else found.score


def known(time_s: float) -> float | None:
    """A time that JSON and tables can hold; None for NaN."""
    return time_s if math.isfinite(time_s) else None
