"""A sleep that a signal always ends."""

from __future__ import annotations

import time

STEP_S = 1.0


def pause(seconds: float) -> None:
    """Sleep, in steps: Python's handler of a signal that arrives just before a sleep begins runs only after it.

    Parameters
    ----------
    seconds : float
        Length of the sleep. Ctrl-C ends it within a second.
    """
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, STEP_S))
