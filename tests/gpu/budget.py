"""The time that the whole check may take."""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST_TIMEOUT_S = 5.0
"""A process that is started gets at least this long, so that it can say why it fails."""


class TimeIsOver(Exception):
    """Something was ended because the time of the check was over: nothing is known to be wrong."""


class Budget:
    """Seconds from now on; no case begins that needs more than what is left, and no process outlives it by much.

    Parameters
    ----------
    seconds : float
        Whole length of the check, in seconds.
    clock : callable
        Gives the time in seconds; another one in tests.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._began, self._end = clock, clock(), clock() + seconds

    @property
    def used_s(self) -> float:
        """Seconds since the beginning."""
        return self._clock() - self._began

    @property
    def left_s(self) -> float:
        """Seconds that are left; 0 afterwards."""
        return max(0.0, self._end - self._clock())

    @property
    def timeout_s(self) -> float:
        """Seconds after which a process that is started now is ended."""
        return max(LEAST_TIMEOUT_S, self.left_s)

    def refusal(self, needs_s: float) -> str:
        """Why something that needs so many seconds is not begun; empty where there is time for it."""
        left = self.left_s
        return "" if left >= needs_s else f"no time: {left:.0f} s left, it needs about {needs_s:.0f} s"
