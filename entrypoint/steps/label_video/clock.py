"""When each frame of a labelled video is shown: the true times, made fit for a player."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

GUESSED_RATE = 25.0
MOST_SHOWN = 60.0
"""Frames/s that a video played faster than it was recorded has at most."""


class Clock:
    """Times at which frames are shown, from 0.

    Steps between frames are those of the true times. Times that are not known lie evenly between those that are; where
    times stand still or go backwards, as in joined recordings, the usual step is put in their place.

    Parameters
    ----------
    times : sequence of float or None
        True times in s, NaN where not known, of all frames; None where there are none.
    frames : int
        Number of frames.
    rate : float or None
        Nominal frames/s, for what has no times.
    speed : float
        Seconds of the recording that are shown in a second.

    Attributes
    ----------
    known : bool
        Whether any frame has a true time.
    rate : float
        Usual number of frames/s of the recording.
    """

    def __init__(self, times: Any, frames: int, rate: float | None, speed: float) -> None:
        import numpy

        self._speed = speed
        given = numpy.full(frames, math.nan) if times is None else numpy.array(times, dtype=float)[:frames]
        self.true = numpy.concatenate([given, numpy.full(frames - len(given), math.nan)])
        self.true[~numpy.isfinite(self.true)] = math.nan
        there = numpy.flatnonzero(~numpy.isnan(self.true))
        self.known = bool(len(there))
        filled = self.true
        if len(there):
            filled = numpy.interp(numpy.arange(frames), there, self.true[there])
            filled[: there[0]] = filled[there[-1] + 1 :] = math.nan
        steps = numpy.diff(filled)
        forward = steps[steps > 0]
        nominal = rate if rate is not None and math.isfinite(rate) and rate > 0 else GUESSED_RATE
        usual = float(numpy.median(forward)) if len(forward) else 1 / nominal
        self.rate = 1 / usual
        self._starts = numpy.zeros(frames + 1)
        numpy.cumsum(numpy.append(numpy.where(steps > 0, steps, usual), [usual] * min(frames, 1)), out=self._starts[1:])

    def shown(self, frame: int, first: int = 0) -> float:
        """Seconds of the labelled video that begins with frame `first` at which a frame is shown."""
        return float(self._starts[frame] - self._starts[first]) / self._speed

    def pick(self, first: int, stop: int) -> Iterator[int]:
        """Frames among ``[first, stop)`` that are shown: all, unless it is played faster than it was recorded."""
        if self._speed <= 1:
            yield from range(first, stop)
            return
        last = -1
        for frame in range(first, stop):
            slot = math.floor(self.shown(frame, first) * MOST_SHOWN + 1e-6)
            if slot > last:
                last = slot
                yield frame

    def around(self, first: int, stop: int, length_s: float) -> tuple[int, int]:
        """Frames of `length_s` seconds of the recording around the middle of some, as ``(first, stop)``."""
        import numpy

        frames = len(self._starts) - 1
        middle = float(self._starts[first] + self._starts[min(stop, frames)]) / 2
        low = min(max(middle - length_s / 2, 0.0), max(float(self._starts[-1]) - length_s, 0.0))
        begin = int(numpy.searchsorted(self._starts, low - 1e-9, side="left"))
        end = int(numpy.searchsorted(self._starts, low + length_s - 1e-9, side="left"))
        begin = min(begin, frames - 1)
        return begin, min(max(end, begin + 1), frames)


def stamp_text(time_s: float) -> str:
    """A time as ``0:01:23.456``; ``-`` for one that is not known."""
    if not math.isfinite(time_s):
        return "-:--:--.---"
    ms = round(abs(time_s) * 1000)
    sign = "-" if time_s < 0 and ms else ""
    return f"{sign}{ms // 3_600_000}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}.{ms % 1000:03}"
