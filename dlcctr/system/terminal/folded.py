"""Show a command with much output as one line: all of it goes into a log, whose end is shown on failure."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

from dlcctr.system.files import read_tail, user_cache
from dlcctr.system.processes import pipe
from dlcctr.system.terminal.console import duration, warn
from dlcctr.system.terminal.live import PLAIN_EVERY_S, is_live, one_display
from dlcctr.system.terminal.meter import Meter

READ_BYTES = 1 << 16
WAIT_S = 0.5
STOP_S = 10.0
TAIL_LINES = 30
TAIL_BYTES = 1 << 16
NOTE_CHARS = 60

ReadStep = Callable[[str], "tuple[int, int, str] | None"]
"""From a line of output to the step's number, the number of steps and the step's text; None for other lines."""


def no_steps(line: str) -> None:
    """Parser for commands that do not count their steps."""
    del line


def log_file(name: str) -> Path:
    """Log of a command in the user's cache, which the next run of it replaces; a temporary file where there is none."""
    try:
        file = user_cache() / "logs" / f"{name}.log"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("ab").close()
    except (OSError, RuntimeError):
        handle, temporary = tempfile.mkstemp(prefix=f"dlcctr-{name}-", suffix=".log")
        os.close(handle)
        return Path(temporary)
    return file


def log_tail(log: Path) -> str:
    """The last lines of a log."""
    lines = [line.rstrip() for line in re.split(r"[\r\n]+", read_tail(log, TAIL_BYTES).decode("utf-8", "replace"))]
    return "\n".join([line for line in lines if line][-TAIL_LINES:])


def run_folded(
    argv: Sequence[str], what: str, log: Path, *, read_step: ReadStep = no_steps, cwd: Path | None = None
) -> int:
    """Run a command to its end.

    On a terminal one line shows its step, or its last output, and the time; elsewhere a line is printed now and then.

    Parameters
    ----------
    what : str
        What is being done, for people.
    log : Path
        Log file that gets all of its output.

    Returns
    -------
    int
        Its exit code.

    Raises
    ------
    ToolMissingError
        The program does not exist.
    OSError
        The log cannot be written.
    """
    with log.open("wb") as output, _shown(what) as show, _process(argv, cwd) as process:
        assert process.stdout is not None
        for data in _read(process.stdout):
            output.write(data)
            show(data.decode("utf-8", "replace"), read_step)
        return process.wait()


@contextlib.contextmanager
def _process(argv: Sequence[str], cwd: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """Start it, and end it if this process is stopped: Ctrl-C reaches both."""
    process = pipe(argv, cwd=cwd, merge=True)
    assert process.stdin is not None
    process.stdin.close()
    try:
        yield process
    except BaseException:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    """Output as it comes, and an empty piece now and then, so that the clock also advances in silence."""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(WAIT_S):
                yield b""
            elif data := os.read(stream.fileno(), READ_BYTES):
                yield data
            else:
                return


@contextlib.contextmanager
def _shown(what: str) -> Iterator[Callable[[str, ReadStep], None]]:
    if not is_live(sys.stderr):
        yield _Steps(what).show
        return
    with one_display() as mine:
        if not mine:
            yield lambda _text, _read_step: None
            return
        meter = Meter(what, 0, _step_text, sys.stderr, tells_left=False).open()
        steps = _Steps(what, meter)
        try:
            yield steps.show
        finally:
            meter.close()


class _Steps:
    """Follows the output from step to step."""

    def __init__(self, what: str, meter: Meter | None = None) -> None:
        self._what, self._meter = what, meter
        self._rest = self._step = ""
        self._began = self._said = time.monotonic()

    def show(self, text: str, read_step: ReadStep) -> None:
        *lines, self._rest = re.split(r"[\r\n]+", self._rest + text)
        for line in filter(None, map(str.strip, lines)):
            if step := read_step(line):
                self._begin(*step)
            elif self._meter is not None and not self._meter.total:
                self._meter.note = line[:NOTE_CHARS]
        if self._meter is None and time.monotonic() - self._said >= PLAIN_EVERY_S:
            self._said = time.monotonic()
            warn(f"{self._what}: {self._step}{duration(self._said - self._began)} so far")

    def _begin(self, number: int, total: int, step: str) -> None:
        self._step = f"step {number} of {total}, {step[:NOTE_CHARS]}; "
        if self._meter is not None:
            # the step that runs is not done yet
            self._meter.total, self._meter.note = total, step[:NOTE_CHARS]
            self._meter.update(max(number - 1, 0))


def _step_text(done: int, total: int) -> str:
    return f"step {done + 1} of {total}" if total else ""
