"""The time between frames, in steps of the usual length: what a smoother needs, from times that may have holes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from dlcctr.results.times.frame_times import AGAIN, read_frame_times

STEP_S_UNKNOWN = 1 / 30
"""Length of a step where no frame has a time: it decides only which gaps are too long to fill."""


@dataclass(frozen=True)
class Steps:
    """Time between frames.

    Parameters
    ----------
    lengths : numpy.ndarray
        (frames,): time since the frame before, in usual steps; 0 for the first one.
    step_s : float
        The usual step, in seconds.
    remark : str
        What is to be known about them; empty where every time is.
    """

    lengths: Any
    step_s: float
    remark: str = ""


def read_steps(file: Path | None, frames: int) -> Steps:
    """Steps between a row's frames.

    A frame without a time lies evenly between those that have one. A clock that stands or goes back has no step.

    Parameters
    ----------
    file : Path or None
        The row's times, if it has any.
    frames : int
        Rows of the table of positions: it may end before the video does.

    Raises
    ------
    OutputError
        There are fewer times than frames.
    """
    import numpy

    times = numpy.array(read_frame_times(file) if file else [numpy.nan] * frames, dtype=float)
    if len(times) < frames:
        raise OutputError(f"{file}: {len(times)} times for {frames} frames", AGAIN)
    times = times[:frames]
    known = numpy.flatnonzero(numpy.isfinite(times))
    even = numpy.ones(frames)
    even[:1] = 0
    if len(known) < 2:
        return Steps(even, STEP_S_UNKNOWN, "" if frames < 2 else "frames have no times: taken as evenly spaced")
    between = numpy.diff(times[known]) / numpy.diff(known)
    forward = between[between > 0]
    if not len(forward):
        return Steps(even, STEP_S_UNKNOWN, "the clock stands: frames taken as evenly spaced")
    step_s = float(numpy.median(forward))
    whole = numpy.interp(numpy.arange(frames), known, times[known])
    whole[: known[0]] = times[known[0]] + step_s * (numpy.arange(known[0]) - known[0])
    whole[known[-1] + 1 :] = times[known[-1]] + step_s * numpy.arange(1, frames - known[-1])
    lengths = numpy.diff(numpy.maximum.accumulate(whole), prepend=whole[:1]) / step_s
    lost = frames - len(known)
    return Steps(lengths, step_s, f"{lost} frames have no time: placed evenly between those that have" if lost else "")


def gap_lengths(measured: Any, steps: Steps) -> Any:
    """For each frame without a measurement the time in seconds between those around it, and 0 for the others.

    Parameters
    ----------
    measured : numpy.ndarray
        (frames,), bool.

    Returns
    -------
    numpy.ndarray
        (frames,); infinite before the first and after the last measurement.
    """
    import numpy

    n = len(measured)
    at = numpy.cumsum(steps.lengths) * steps.step_s
    frames = numpy.arange(n)
    before = numpy.maximum.accumulate(numpy.where(measured, frames, -1))
    after = numpy.minimum.accumulate(numpy.where(measured, frames, n)[::-1])[::-1]
    start = numpy.where(before >= 0, at[numpy.maximum(before, 0)], -numpy.inf)
    end = numpy.where(after < n, at[numpy.minimum(after, n - 1)], numpy.inf)
    return numpy.where(measured, 0.0, end - start)
