"""A task with several GPUs: one process per GPU; the processes share the task's rows."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from dlcctr.errors import TryAgainError
from dlcctr.planning.task_lines import several_gpus, task_end
from dlcctr.system import processes
from dlcctr.system.cpus import cpu_count
from dlcctr.system.gpus import named_gpus
from dlcctr.system.terminal.console import print_lines
from entrypoint.analyze.row.analyze_row import STOP_SIGNALS
from entrypoint.analyze.task_rows import first_failure

if TYPE_CHECKING:
    from entrypoint.analyze.request import TaskRequest

CLAIMS_VARIABLE = "DLCCTR_CLAIMS"
MODULE = "entrypoint"


def visible_gpus(device: str) -> list[str]:
    """GPUs that the scheduler gave this task, as CUDA_VISIBLE_DEVICES names them; those of the driver without it."""
    if device == "cpu":
        return []
    if (mask := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return named_gpus(mask)
    from entrypoint.environment.gpu import examine_driver

    return [str(number) for number in range(len(examine_driver().gpus))]


def run_lanes(request: TaskRequest, rows: Sequence[Row], gpus: Sequence[str]) -> int:
    """Run this very command once for each GPU and wait for all.

    Returns
    -------
    int
        As `entrypoint.analyze.task.run_task`.

    Raises
    ------
    TryAgainError
        Stopped by a signal, which was passed to all processes first.
    """
    lanes = min(len(gpus), len(rows))
    print_lines([several_gpus(request.number, len(rows), gpus[:lanes])])
    with tempfile.TemporaryDirectory(prefix="dlcctr-claims-") as name:
        running = [_start(gpu, Path(name), max(1, cpu_count() // lanes)) for gpu in gpus[:lanes]]
        stopped = _wait(running)
        codes = _codes(Path(name), rows)
    if stopped:
        raise TryAgainError(
            f"task {request.number}: stopped by {signal.Signals(stopped).name}; finished rows stay",
            "run the same command again; finished rows are skipped",
        )
    print_lines([task_end(request.number, [row.index for row in rows], codes)])
    ended = [process.returncode for process in running]
    return first_failure(list(rows), codes) or next((_exit_code(code) for code in ended if code), int(ExitCode.OK))


def _start(gpu: str, claims: Path, cpus: int) -> subprocess.Popen[bytes]:
    own = {"CUDA_VISIBLE_DEVICES": gpu, "SLURM_CPUS_PER_TASK": str(cpus), CLAIMS_VARIABLE: str(claims)}
    return processes.start([sys.executable, "-I", "-m", MODULE, *sys.argv[1:]], env={**os.environ, **own})


def _wait(running: Sequence[subprocess.Popen[bytes]]) -> int:
    """Wait for all processes, and pass on the signals that end a job; returns the signal, or 0."""
    got: list[int] = []

    def forward(number: int, _: FrameType | None) -> None:
        got.append(number)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)

    before = {number: signal.signal(number, forward) for number in STOP_SIGNALS}
    try:
        for process in running:
            process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return got[0] if got else 0


def _codes(claims: Path, rows: Sequence[Row]) -> dict[int, int]:
    """Exit codes that the processes recorded; a row whose process was killed counts as one to try again."""
    codes = {}
    for row in rows:
        with contextlib.suppress(FileNotFoundError):
            codes[row.index] = int((claims / str(row.index)).read_text() or ExitCode.TRY_AGAIN)
    return codes


def _exit_code(code: int) -> int:
    return code if code > 0 else int(ExitCode.TRY_AGAIN)
