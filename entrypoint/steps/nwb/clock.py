"""The times of an NWB file: those of the row's frames, never a frame's number by a rate."""

from __future__ import annotations

import itertools
import math
from array import array
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import OutputError
from dlcctr.results.times.frame_times import read_frame_times

YEARS_S = 10 * 365.25 * 86400
"""Times beyond ten years after the session's start count from something else."""


@dataclass(frozen=True)
class Clock:
    """Times of all frames in seconds since the session's start, NaN where not known; and what is to be said of them."""

    times: array[float]
    shifted_s: float = 0.0
    unknown: int = 0
    remarks: tuple[str, ...] = ()


def read_clock(file: Path | None, rows: int, video_start_s: float | None) -> Clock:
    """Times of a row's frames.

    Parameters
    ----------
    file : Path or None
        The row's file of times.
    rows : int
        Rows of the table of positions, which may end before the video does.
    video_start_s : float or None
        What the first time that is known is to become.

    Raises
    ------
    OutputError
        There are none, none is known, or they are fewer than the table's rows.
    """
    if file is None:
        raise OutputError("the result has no times of its frames", "analyse this row again: only its times are added")
    times = read_frame_times(file)
    if len(times) < rows:
        raise OutputError(
            f"{file}: {len(times)} times for {rows} rows of positions", "analyse this row again with --overwrite"
        )
    zero = next((time for time in times if not math.isnan(time)), None)
    if zero is None:
        raise OutputError(
            f"{file}: no time of any frame is known, and an NWB file needs them"
            if len(times)
            else f"{file}: the video has no frames",
            "a bare stream has no times: name a file of hardware times in the manifest's column `times`",
        )
    shift = 0.0 if video_start_s is None else video_start_s - zero
    if shift:
        times = array("d", (time + shift for time in times))
    unknown = sum(map(math.isnan, times))
    return Clock(times, shift, unknown, tuple(_remarks(times, unknown, zero + shift)))


def _remarks(times: array[float], unknown: int, zero: float) -> list[str]:
    remarks = []
    if unknown:
        remarks.append(f"the time of {unknown} of {len(times)} frames is not known: their timestamps are NaN")
    known = array("d", (time for time in times if not math.isnan(time))) if unknown else times
    if any(later <= earlier for earlier, later in itertools.pairwise(known)):
        remarks.append("times repeat or go backwards, as in the video; the receipt of the analysis says where")
    if zero > YEARS_S:
        remarks.append(
            "times do not count from the session's start, but perhaps from 1970: give video_start_s to shift them"
        )
    return remarks
