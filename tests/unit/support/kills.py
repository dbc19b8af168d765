"""Run a command in a forked process and kill it after a moment, as a power cut or an impatient person does."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def run_and_kill(command: Callable[[], object], log: Path, after_s: float | None = None) -> int | None:
    """Run `command` in a child process with its output in `log`, and kill it with SIGKILL.

    Parameters
    ----------
    after_s : float, optional
        Seconds from its start to the kill; None lets it end.

    Returns
    -------
    int or None
        Its exit code; None where it was killed before it ended.
    """
    child = os.fork()
    if child == 0:
        _become(command, log)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(child, signal.SIGKILL)  # a zombie takes no notice of it
    status = os.waitpid(child, 0)[1]
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else None


def _become(command: Callable[[], object], log: Path) -> None:
    code = 70
    try:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(output, 1)
        os.dup2(output, 2)
        code = int(command() or 0)  # type: ignore[call-overload]
    finally:
        os._exit(code)
