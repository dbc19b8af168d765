"""The supervisor's side of the worker: start it, send jobs, follow them, and stop it whatever happens."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dlcctr.contract import ExitCode
from dlcctr.errors import BY_CODE, AnalysisError, DlcctrError, GpuError
from dlcctr.system import processes
from dlcctr.system.terminal.console import duration
from entrypoint.analyze.worker.output import WorkerOutput
from entrypoint.protocol import Answer, Failed, Job, Message, Order, Progress, ProtocolError, Ready, Report, order_line

ROOT = Path(__file__).resolve().parents[3]
# -I keeps the user's PYTHONPATH and site folder out, so this program's own place has to be given
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from entrypoint.worker import main; "
    "main(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))"
)
STOP_AFTER_S = 5.0
DEATH_S = 60.0
"""A process that is killed for its memory may take a while to be gone; what it died of must not be missed."""
SILENT_S = 3600.0
"""Our loop on a GPU reports several times a minute. The longest pauses are those in which a driver compiles TensorFlow
for its GPU (half an hour), and a table of a day of video is written."""


class Worker:
    """One running child process. Made by `start_worker`.

    Attributes
    ----------
    busy : bool
        A job was sent and is not answered; stays true after one that failed.
    """

    def __init__(self, process: subprocess.Popen[bytes], events: int) -> None:
        assert process.stdout is not None
        self.busy = False
        self._process = process
        self._output = WorkerOutput(process.stdout.fileno(), events)

    @property
    def tail(self) -> deque[str]:
        """Last lines that DeepLabCut printed."""
        return self._output.tail

    def wait_ready(self) -> Ready:
        """Wait until DeepLabCut is imported; raises as `run` does."""
        ready = self._wait(lambda _: None)
        if not isinstance(ready, Ready):
            raise _out_of_turn(ready)
        return ready

    def run(self, job: Job, show: Report, beside: Sequence[Job] = ()) -> Answer:
        """Run a job.

        Parameters
        ----------
        beside : sequence of Job
            See `Order`.
        show : callable
            Called with the job's progress and messages; all of them are shown before the job's end is returned.

        Raises
        ------
        DlcctrError
            What the worker reports, or `AnalysisError` where it died.
        """
        self._send(Order(job, list(beside)))
        answer = self._wait(show, SILENT_S if (job.path, job.device) == ("own", "cuda") else None)
        if isinstance(answer, Ready):
            raise _out_of_turn(answer)
        self.busy = False
        return answer

    def stop(self) -> None:
        """Stop the process and all that it started."""
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
        if self._output.join(STOP_AFTER_S) and self._process.stdout:
            self._process.stdout.close()

    def _send(self, order: Order) -> None:
        """Send an order; a worker that is gone is noticed when its answer is awaited."""
        assert self._process.stdin is not None
        self.busy = True
        self._output.begin(stock=order.job.path == "stock")
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(order_line(order))
            self._process.stdin.flush()

    def _wait(self, show: Report, timeout_s: float | None = None) -> Ready | Answer:
        while True:
            try:
                event = self._output.next(timeout_s)
            except TimeoutError:
                raise GpuError(
                    f"nothing has come from the GPU for {duration(timeout_s or 0)}: it, or its driver, hangs",
                    "try another node, and tell the site of this one; run `dlc doctor` there",
                ) from None
            if event is None:
                raise self._death()
            if isinstance(event, ProtocolError):
                raise _out_of_turn(event)
            if isinstance(event, Failed):
                raise BY_CODE.get(ExitCode(event.code), AnalysisError)(event.message, event.hint)
            if not isinstance(event, (Progress, Message)):
                return event
            show(event)

    def _death(self) -> DlcctrError:
        try:
            code = self._process.wait(DEATH_S)
        except subprocess.TimeoutExpired:
            return AnalysisError("the analysis process answers no more", "its last output is shown above")
        self._output.join(STOP_AFTER_S)  # its last lines may still be on their way
        if code == -signal.SIGKILL:
            return AnalysisError(
                "the analysis was killed by the system, most likely because it ran out of memory",
                "use a smaller --batch-size, or give the job more memory (Slurm: --mem, Docker: --memory)",
            )
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return AnalysisError(f"the analysis process ended with {how}", "its last output is shown above")


def _out_of_turn(event: object) -> AnalysisError:
    return AnalysisError(f"unexpected answer of the analysis process: {event}", "this is a bug in dlcctr; report it")


@contextlib.contextmanager
def start_worker(engine: str, threads: int, environment: Mapping[str, str], scratch: Path) -> Iterator[Worker]:
    """Start the worker in its own session, so that Ctrl-C reaches the supervisor alone, and stop it at the end."""
    reading, writing = os.pipe()
    try:
        process = processes.pipe(
            [sys.executable, "-I", "-u", "-X", "utf8", "-c", BOOT, str(ROOT), engine, str(writing), str(threads)],
            env=environment,
            cwd=scratch,
            merge=True,
            session=True,
            keep_open=(writing,),
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
