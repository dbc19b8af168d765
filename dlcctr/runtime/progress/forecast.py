"""When all rows of a run will be done, from what was measured in it."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.runtime.progress.row_report import RowReport


@dataclass(frozen=True)
class RunningRow:
    """A running row.

    Parameters
    ----------
    frames : int or None
        Frames of its video according to the manifest.
    elapsed_s : float
        Seconds since it was started.
    """

    frames: int | None
    elapsed_s: float
    report: RowReport


class Forecast:
    """Remembers the rows that this run has finished, and forecasts the rest from them.

    A row takes the same time for each of its frames and, until a first one is done, the time that the running ones
    needed before their first frame. Waiting rows are given to whichever row ends first, in their order.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._frames = 0
        self._unknown: list[float] = []

    def add(self, frames: int | None, duration_s: float) -> None:
        """Remember a row that was analysed to its end."""
        if frames:
            self._seconds += duration_s
            self._frames += frames
        else:
            self._unknown.append(duration_s)

    def left_s(self, running: Sequence[RunningRow], waiting: Sequence[int | None]) -> float | None:
        """Seconds until the last row is done; None while nothing is measured.

        Parameters
        ----------
        waiting : sequence of int or None
            Frames of the rows that wait, in the order in which they will start.
        """
        known = [each for each in (*waiting, *(row.frames for row in running)) if each]
        typical = sum(known) / len(known) if known else 0.0
        pace = self._pace(running, typical)
        if pace is None:
            return None
        first_s, frame_s = pace
        ends = [_left(row, first_s, frame_s, typical) for row in running]
        heapq.heapify(ends)
        for frames in waiting:
            begin = heapq.heappop(ends) if ends else 0.0
            heapq.heappush(ends, begin + first_s + (frames or typical) * frame_s)
        return max(ends, default=0.0)

    def _pace(self, running: Sequence[RunningRow], typical: float) -> tuple[float, float] | None:
        """Seconds before a row's first frame, and seconds for each frame."""
        if self._frames:
            return 0.0, self._seconds / self._frames
        if self._unknown:
            mean = sum(self._unknown) / len(self._unknown)
            return (0.0, mean / typical) if typical else (mean, 0.0)
        speeds = [(row, row.report) for row in running if row.report.frames_per_s > 0 and row.report.total]
        if not speeds:
            return None
        frame_s = sum(1 / report.frames_per_s for _, report in speeds) / len(speeds)
        before = [max(row.elapsed_s - report.done / report.frames_per_s, 0.0) for row, report in speeds]
        return sum(before) / len(before), frame_s


def _left(row: RunningRow, first_s: float, frame_s: float, typical: float) -> float:
    """Of a running row: by its own speed, else by that of the others."""
    if (left := row.report.left_s) is not None:
        return left
    return max(first_s + (row.frames or typical) * frame_s - row.elapsed_s, 0.0)
