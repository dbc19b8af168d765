"""Current speed of work, which is not its average: what comes before the first progress is preparation."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0
STEP_S = 1.0
LEAST_S = 1.0


class RecentSpeed:
    """Units a second over the last minute, from the first progress on; until then over all.

    Parameters
    ----------
    first : int
        Amount that was done before.
    clock : callable, optional
        Seconds that only go up.
    """

    def __init__(self, first: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun, self._first, self._done = clock(), first, first
        self._points: deque[tuple[float, int]] = deque()

    def update(self, done: int) -> None:
        """Report how much is done."""
        now = self._clock()
        self._done, self._first = done, min(self._first, done)
        if done > self._first and (not self._points or now - self._points[-1][0] >= STEP_S):
            self._points.append((now, done))
        while len(self._points) > 1 and now - self._points[1][0] >= WINDOW_S:
            self._points.popleft()

    @property
    def per_s(self) -> float:
        """Units a second; 0 at first."""
        now = self._clock()
        at, done = self._points[0] if self._points else (now, self._done)
        if now - at >= LEAST_S and self._done > done:
            return (self._done - done) / (now - at)
        return self.average_per_s

    @property
    def average_per_s(self) -> float:
        """Units a second since the beginning, preparation included."""
        elapsed = self._clock() - self._begun
        return (self._done - self._first) / elapsed if elapsed > 0 else 0.0
