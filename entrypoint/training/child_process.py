"""The supervisor's side of a training's child process: start it, read what it reports, stop it whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dlcctr.contract import ExitCode
from dlcctr.errors import BY_CODE, AnalysisError, DlcctrError
from dlcctr.system import processes
from dlcctr.system.values.records import RecordError
from entrypoint.training.events import Event, Failed, Order, order_line, parse_event

ROOT = Path(__file__).resolve().parents[2]
# -I keeps the user's PYTHONPATH and site folder out, so this program's own place has to be given
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from entrypoint.training.child.main import main; "
    "main(int(sys.argv[2]))"
)
TAIL_LINES = 40
STOP_AFTER_S = 5.0
KILLED = (
    "the training was killed by the system, most likely because it ran out of memory",
    "use a smaller --batch-size, or give the job more memory; `dlc train PROJECT --trial` measures what is needed",
)


class TrainingProcess:
    """One running child. Made by `start_training`.

    Attributes
    ----------
    tail : deque of str
        Last lines that DeepLabCut printed.
    """

    def __init__(self, process: subprocess.Popen[bytes], events: int) -> None:
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._process, self._events = process, os.fdopen(events, "rb")
        self._reader = threading.Thread(target=self._read_log, name="log of the training", daemon=True)
        self._reader.start()

    def events(self) -> Iterator[Event]:
        """What the child reports, to its end.

        Raises
        ------
        DlcctrError
            What it failed with, or `AnalysisError` where it died.
        """
        has_ended = False
        for line in self._events:
            try:
                event = parse_event(line)
            except RecordError as error:
                raise AnalysisError(
                    f"unexpected answer of the training process: {error}", "this is a bug in dlcctr; report it"
                ) from error
            if isinstance(event, Failed):
                self._reader.join(STOP_AFTER_S)
                raise BY_CODE.get(ExitCode(event.code), AnalysisError)(event.message, event.hint)
            has_ended = True if type(event).__name__ == "Ended" else has_ended
            yield event
        if not has_ended:
            raise self._death()

    def stop(self) -> None:
        """Stop it and all that it started; nothing is lost, since every checkpoint is written whole."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join(STOP_AFTER_S)
        self._events.close()

    def _read_log(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self.tail.append(text.rpartition("\r")[2])

    def _death(self) -> DlcctrError:
        code = self._process.wait()
        self._reader.join(STOP_AFTER_S)
        if code == -signal.SIGKILL:
            return AnalysisError(*KILLED)
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return AnalysisError(f"the training process ended with {how}", "its last output is shown above")


@contextlib.contextmanager
def start_training(
    order: Order, environment: Mapping[str, str], folder: Path, keep_open: Sequence[int]
) -> Iterator[TrainingProcess]:
    """Start the child in its own session, give it its order, and stop it at the end.

    Parameters
    ----------
    folder : Path
        Where it begins to work.
    keep_open : sequence of int
        File descriptors of locks that it holds for as long as it lives.
    """
    reading, writing = os.pipe()
    try:
        process = processes.pipe(
            [sys.executable, "-I", "-u", "-X", "utf8", "-c", BOOT, str(ROOT), str(writing)],
            env=environment,
            cwd=folder,
            merge=True,
            session=True,
            keep_open=(writing, *keep_open),
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    child = TrainingProcess(process, reading)
    try:
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(order_line(order))
            process.stdin.close()
        yield child
    finally:
        child.stop()
