"""Memory that this process uses, in MB."""

from __future__ import annotations

import resource
import sys

KB_PER_UNIT = 1 if sys.platform != "darwin" else 1 / 1024
"""Linux counts in KB, macOS in bytes (getrusage(2))."""


def host_mb() -> float:
    """Most memory that this process had, with the largest of its finished children."""
    own, children = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return float(round((own + children) * KB_PER_UNIT / 1024, 1))
