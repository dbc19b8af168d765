"""A child process that does not outlive its supervisor."""

from __future__ import annotations

import contextlib
import signal

PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask Linux to kill this process when the supervisor is killed, so that no orphan keeps a GPU busy."""
    with contextlib.suppress(OSError, AttributeError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
