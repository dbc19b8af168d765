"""The local executor: a manifest's rows on this machine, several at once, without a scheduler."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from dlcctr.contract import SCRATCH_PREFIX, ExitCode
from dlcctr.runtime import stopping
from dlcctr.runtime.base import RowJob, Runtime
from dlcctr.runtime.containers.binds import Bind
from dlcctr.runtime.rows.row_run import LOG_HEAD, Outcome, RowRun, Started, View
from dlcctr.runtime.rows.slots import Slot
from dlcctr.system import processes
from dlcctr.system.disk import output_error, place_of
from dlcctr.system.files import read_tail
from dlcctr.system.terminal.console import one_line

POLL_S = 0.1
DOCKER_HELP = re.compile(r"(Run|See) 'docker run --help'")
"""Last line of docker's own errors, which says nothing about them."""
TAIL_BYTES = 1 << 20
"""Bytes at the end of a log that are searched for why the last attempt failed; a log may be of any length."""


@dataclass
class _Running:
    task: RowRun
    job: RowJob
    slot: Slot
    process: subprocess.Popen[bytes]
    output: IO[bytes]
    began: float = field(default_factory=time.monotonic)


def run_tasks(
    tasks: Sequence[RowRun], runtime: Runtime, slots: Sequence[Slot], view: View, *, scratch_root: Path | None = None
) -> list[Outcome]:
    """Run rows, as many at once as there are slots. A bad row never stops the others.

    SIGINT, SIGTERM and SIGHUP stop the running rows (each cleans up and ends with 75; after `stopping.GRACE_S`, or at a
    second signal, they are killed) and start no more.

    Parameters
    ----------
    scratch_root : Path, optional
        Folder for the rows' temporary files; by default $DLCCTR_SCRATCH or the system's own.

    Returns
    -------
    list of Outcome
        One for each task, in their order.
    """
    return _Executor(tasks, runtime, slots, view, scratch_root or scratch_folder()).run()


def scratch_folder() -> Path:
    """Folder for the rows' temporary files."""
    return Path(os.environ.get("DLCCTR_SCRATCH") or os.environ.get("SLURM_TMPDIR") or tempfile.gettempdir())


class _Executor:
    def __init__(
        self, tasks: Sequence[RowRun], runtime: Runtime, slots: Sequence[Slot], view: View, scratch_root: Path
    ) -> None:
        self.tasks, self.runtime, self.view, self.scratch_root = tasks, runtime, view, scratch_root
        self.waiting, self.free = deque(tasks), deque(slots)
        self.running: list[_Running] = []
        self.outcomes: dict[int, Outcome] = {}

    def run(self) -> list[Outcome]:
        with stopping.listen() as stop:
            try:
                while (self.running or self.waiting) and not stop.count:
                    while self.waiting and self.free and not stop.count:
                        self.start(self.waiting.popleft())
                    self.collect()
                    self.show()
                    time.sleep(POLL_S)
                if stop.count:
                    self.stop_all(stop)
            finally:
                self.kill_all()
        return [
            self.outcomes.get(task.index)
            or Outcome(task.index, task.video, int(ExitCode.TRY_AGAIN), cause="not started")
            for task in self.tasks
        ]

    def show(self) -> None:
        rows = [Started(each.task, each.slot, each.job.scratch, each.began) for each in self.running]
        self.view.running(rows, self.waiting)

    def start(self, task: RowRun) -> None:
        try:
            started = _start(task, self.runtime, self.free[0], self.scratch_root)
        except OSError as error:
            cause = output_error(error, place_of(error) or task.log).message
            self.end(Outcome(task.index, task.video, int(ExitCode.OUTPUT), cause=cause))
            return
        self.free.popleft()
        self.running.append(started)
        self.view.started(task, started.slot)

    def collect(self, *, stopped: bool = False) -> None:
        for each in [each for each in self.running if each.process.poll() is not None]:
            self.running.remove(each)
            self.free.append(each.slot)
            outcome = _finish(each, self.runtime)
            if stopped:
                self.runtime.clean(each.job)  # the engine may still be at it when its client has ended
            if stopped and outcome.code != ExitCode.OK:  # one may have ended well before the signal reached it
                outcome = replace(outcome, code=int(ExitCode.TRY_AGAIN), cause="stopped")
            self.end(outcome)

    def end(self, outcome: Outcome) -> None:
        self.outcomes[outcome.index] = outcome
        self.view.ended(outcome)

    def stop_all(self, stop: stopping.StopRequest) -> None:
        self.view.stopping()
        began, signalled = time.monotonic(), 0
        while self.running:
            spent = time.monotonic() - began
            if spent >= signalled * stopping.REPEAT_S:
                signalled += 1
                for each in self.running:
                    stopping.signal_group(each.process, signal.SIGTERM)
            if spent > stopping.GRACE_S or stop.count > 1:
                self.kill_all()
            self.collect(stopped=True)
            self.show()
            time.sleep(POLL_S)

    def kill_all(self) -> None:
        for each in self.running:
            self.runtime.clean(each.job)
            stopping.signal_group(each.process, signal.SIGKILL)
            each.process.wait()
            self.runtime.clean(each.job)  # a container may have been on its way


def _start(task: RowRun, runtime: Runtime, slot: Slot, scratch_root: Path) -> _Running:
    scratch = Path(tempfile.mkdtemp(prefix=f"{SCRATCH_PREFIX}run-", dir=scratch_root)).resolve()
    job = RowJob(
        name=f"dlcctr-row{task.index}-{secrets.token_hex(6)}",
        index=task.index,
        manifest=task.manifest,
        scratch=scratch,
        options=task.options,
        binds=(*task.binds, Bind(scratch, scratch, writable=True)),
        gpu=slot.gpu,
        cpus=slot.cpus,
        n_cpus=slot.n_cpus,
    )
    command = runtime.command(job)
    with contextlib.ExitStack() as undo:
        undo.callback(shutil.rmtree, scratch, ignore_errors=True)
        task.log.parent.mkdir(parents=True, exist_ok=True)
        output = undo.enter_context(task.log.open("ab"))
        words = one_line(shlex.join(command.argv))
        output.write(f"{LOG_HEAD}{time.strftime('%Y-%m-%d %H:%M:%S')} {words}\n".encode(errors="replace"))
        output.flush()
        process = processes.start(command.argv, output=output, env=command.env, cpus=slot.cpus)
        undo.pop_all()
    return _Running(task, job, slot, process, output)


def _finish(each: _Running, runtime: Runtime) -> Outcome:
    code = each.process.wait()
    each.output.close()
    if code not in set(ExitCode):
        runtime.clean(each.job)  # killed, or the engine itself failed: something of it may be left
    shutil.rmtree(each.job.scratch, ignore_errors=True)
    outcome = Outcome(each.task.index, each.task.video, code, time.monotonic() - each.began, log=each.task.log)
    if code == ExitCode.OK:
        return outcome
    said = last_error(each.task.log).removeprefix(f"row {each.task.index} ({each.task.video}): ")
    if code in set(ExitCode):
        return replace(outcome, cause=said)
    cause = f"killed by signal {-code}" if code < 0 else f"{runtime.name} exited with code {code}"
    if code in stopping.OUT_OF_MEMORY:
        cause += " (often too little memory: try a smaller --batch-size or fewer --jobs)"
    return replace(outcome, code=int(ExitCode.COMMAND_FAILED), cause=f"{cause}: {said}" if said else cause)


def last_error(log: Path) -> str:
    """Message of the last ``error:`` line of the last attempt in a row's log, or its last line."""
    try:
        lines = read_tail(log, TAIL_BYTES).decode("utf-8", "replace").splitlines()
    except OSError as error:
        return f"its log cannot be read: {error.strerror}"
    began = max((number for number, line in enumerate(lines) if line.startswith(LOG_HEAD)), default=-1)
    shown = [line for line in lines[began + 1 :] if line.strip() and not DOCKER_HELP.match(line)]
    errors = [line for line in shown if line.startswith("error: ")] or [line for line in shown if "error:" in line]
    return (errors or shown or [""])[-1].strip().removeprefix("error: ")[:300]
