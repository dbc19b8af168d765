"""Waiting for what other processes and threads do, however busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Callable

AT_MOST_S = 120.0


def wait_until(condition: Callable[[], object]) -> None:
    """Return as soon as the condition holds; it fails only where that never happens."""
    deadline = time.monotonic() + AT_MOST_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
