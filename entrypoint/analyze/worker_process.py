"""The supervisor's side of the worker: start it, send jobs, follow its progress, and stop it whatever happens."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dlcctr.contract import ExitCode
from dlcctr.errors import BY_CODE, AnalysisError, DlcctrError
from entrypoint.protocol import MARK, Job

ROOT = Path(__file__).resolve().parents[2]
# -I keeps the user's PYTHONPATH and site folder out, so this program's own place has to be said
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from entrypoint.worker import main; "
    "main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"
)
STOP_AFTER_S = 5.0
TAIL_LINES = 40
BAR = re.compile(r"(?<!\d)(\d+)/(\d+) \[")
STAGES = {
    "Running detector": "finding animals",
    "Running pose prediction": "analysing",
    "Starting to extract posture": "analysing",
    "Processing...": "tracking",
}

OnProgress = Callable[[str, int], None]
"""Called with the stage's name and the frames done."""
OnSaid = Callable[[str], None]
"""Called with what people are to read."""


class Worker:
    """One running child process. Made by `start_worker`.

    `busy` is true from a job that was sent until it is answered, and for ever after one that failed.
    """

    def __init__(self, process: subprocess.Popen[bytes], answers: int) -> None:
        self.busy = False
        self._process = process
        self._events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._stage = "analysing"
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._log = threading.Thread(target=self._read_log, daemon=True)
        self._threads = [threading.Thread(target=self._read_answers, args=(answers,), daemon=True), self._log]
        for thread in self._threads:
            thread.start()

    def send(self, job: Job) -> None:
        """Give it a job; a worker that is gone is noticed by `wait`."""
        assert self._process.stdin is not None
        self.busy = True
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
            self._process.stdin.flush()

    def wait(self, on_progress: OnProgress | None = None, on_said: OnSaid | None = None) -> dict[str, Any]:
        """Wait for its next answer.

        Raises
        ------
        DlcctrError
            What the worker says went wrong, or `AnalysisError` where it died.
        """
        while True:
            event = self._events.get()
            if event["event"] == "progress":
                if on_progress:
                    on_progress(event["stage"], event["done"])
            elif event["event"] == "said":
                if on_said:
                    on_said(event["text"])
            elif event["event"] == "failed":
                error = BY_CODE.get(ExitCode(event["code"]), AnalysisError)
                raise error(event["message"], event["hint"])
            elif event["event"] == "ended":
                raise self._death()
            else:
                self.busy = False
                return event

    def stop(self) -> None:
        """End the process and all that it started."""
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, sign)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_AFTER_S)
                break
        self._process.wait()
        for thread in self._threads:
            thread.join(STOP_AFTER_S)
        if self._process.stdout:
            self._process.stdout.close()

    def _death(self) -> DlcctrError:
        code = self._process.wait()
        # Its last words may still be on their way; what it started may hold on to the pipe
        self._log.join(STOP_AFTER_S)
        if code == -signal.SIGKILL:
            return AnalysisError(
                "the analysis was killed by the system, as a rule because it needed more memory than it may have",
                "use a smaller --batch-size, or give the job more memory (Slurm: --mem, Docker: --memory)",
            )
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return AnalysisError(f"the analysis process ended with {how}", "the lines above are the last that it said")

    def _read_answers(self, handle: int) -> None:
        with os.fdopen(handle, encoding="utf-8") as channel:
            for line in channel:
                self._events.put(json.loads(line))
        self._events.put({"event": "ended"})

    def _read_log(self) -> None:
        """Read what DeepLabCut prints; its progress bars end in a carriage return."""
        assert self._process.stdout is not None
        rest = ""
        while chunk := os.read(self._process.stdout.fileno(), 1 << 16):
            *lines, rest = re.split(r"[\r\n]", rest + chunk.decode("utf-8", "replace"))
            for line in lines:
                self._read_line(line)
        self._read_line(rest)

    def _read_line(self, line: str) -> None:
        self._stage = next((name for mark, name in STAGES.items() if line.startswith(mark)), self._stage)
        if bar := BAR.search(line):
            self._events.put({"event": "progress", "stage": self._stage, "done": int(bar[1])})
        elif line.startswith(MARK):
            self._events.put({"event": "said", "text": line[len(MARK) :]})
        elif line.strip():
            self.tail.append(line)


@contextlib.contextmanager
def start_worker(engine: str, threads: int, environment: Mapping[str, str], scratch: Path) -> Iterator[Worker]:
    """Start the worker in a session of its own, so that Ctrl-C reaches the supervisor alone, and stop it at the end."""
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-u", "-X", "utf8", "-c", BOOT, str(ROOT), engine, str(writing), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=scratch,
            pass_fds=(writing,),
            start_new_session=True,
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    worker = Worker(process, reading)
    try:
        yield worker
    finally:
        worker.stop()
