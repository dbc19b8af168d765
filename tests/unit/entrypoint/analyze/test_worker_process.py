from __future__ import annotations

import contextlib
import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import AnalysisError, GpuError
from entrypoint import worker
from entrypoint.analyze.worker import process as worker_process
from entrypoint.analyze.worker.process import BOOT, ROOT, start_worker
from entrypoint.analyze.worker.shared import SharedWorker
from entrypoint.protocol import Failed, parse_event
from tests import media
from tests.unit.support.number_network import make_job


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.OUTPUT, "DLCCTR_SCRATCH"),
        (MemoryError(), ExitCode.ANALYSIS, "--batch-size"),
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), ExitCode.ANALYSIS, "--batch-size"),
        (ValueError("OOM when allocating tensor with shape[64,480,640,3]"), ExitCode.ANALYSIS, "--batch-size"),
        (OSError("Video could not be opened; it may be corrupted."), ExitCode.VIDEO, "ffmpeg"),
        (RuntimeError("CUDA error: no kernel image is available for execution"), ExitCode.GPU, "doctor"),
        (RuntimeError("The NVIDIA driver on your system is too old (CUDA 11)"), ExitCode.GPU, "doctor"),
        (KeyError("x"), ExitCode.ANALYSIS, "last output is shown above"),
    ],
)
def test_what_deeplabcut_raises_is_explained(error: Exception, code: ExitCode, word: str) -> None:
    explained = worker._explain(error)
    assert explained.exit_code == code
    assert word in explained.hint


def start_bare_worker(folder: Path) -> tuple[subprocess.Popen[str], bytes]:
    """A worker of an engine that is not installed, straight from its command line."""
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", BOOT, str(ROOT), "no_such_engine", str(writing), "1"],
        pass_fds=(writing,), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, cwd=folder,
    )  # fmt: skip
    os.close(writing)
    with os.fdopen(reading, "rb") as channel:
        return process, channel.read()


def test_an_engine_that_cannot_be_imported(tmp_path: Path) -> None:
    process, answers = start_bare_worker(tmp_path)
    process.communicate()
    (answer,) = map(parse_event, answers.splitlines())
    assert isinstance(answer, Failed)
    assert answer.code == ExitCode.ANALYSIS
    assert "doctor" in answer.hint
    assert process.returncode == 0


def test_the_worker_imports_nothing_heavy_itself() -> None:
    code = "import sys, entrypoint.worker, entrypoint.analyze; "
    code += "print(sorted({'numpy', 'pandas', 'av', 'torch', 'deeplabcut'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


ORPHAN = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
from entrypoint import worker
from entrypoint.analyze.worker import process as worker_process
worker_process.BOOT = "import sys, time; sys.path.insert(0, sys.argv[1]); from entrypoint import worker; "
worker_process.BOOT += "worker.die_with_parent(); "
worker_process.BOOT += "open('pid', 'w').write(str(__import__('os').getpid())); time.sleep(600)"
from pathlib import Path
with worker_process.start_worker("pytorch", 1, os.environ, Path.cwd()):
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux kills the child with its parent")
def test_a_killed_supervisor_takes_its_worker_along(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ORPHAN, str(ROOT)], cwd=tmp_path)
    file = tmp_path / "pid"
    wait_until(lambda: file.exists() and bool(file.read_text()))
    process.send_signal(signal.SIGKILL)
    process.wait()
    pid = int(file.read_text())
    wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return "Z (zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def wait_until(condition: object) -> None:
    deadline = time.monotonic() + 60
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_worker_and_its_children_are_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stubborn = "import os, signal, subprocess, sys, time; signal.signal(15, signal.SIG_IGN); "
    stubborn += "child = subprocess.Popen(['sleep', '600']); open('pids', 'w').write(f'{os.getpid()} {child.pid}'); "
    stubborn += "time.sleep(600)"
    monkeypatch.setattr("entrypoint.analyze.worker.process.BOOT", stubborn)
    monkeypatch.setattr("entrypoint.analyze.worker.process.STOP_AFTER_S", 0.5)
    file = tmp_path / "pids"
    with start_worker("pytorch", 1, os.environ, tmp_path):
        wait_until(lambda: file.exists() and bool(file.read_text()))
    for pid in map(int, file.read_text().split()):
        wait_until(lambda pid=pid: not is_running(pid))  # type: ignore[misc]


SILENT = (
    "import sys, os, time; sys.path.insert(0, sys.argv[1]); from entrypoint.protocol import EventWriter, Ready; "
    "pipe = os.fdopen(int(sys.argv[3]), 'wb'); EventWriter(pipe).write(Ready(True, {}, 0.1)); time.sleep(600)"
)


def test_a_gpu_that_hangs_is_not_waited_for_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "BOOT", SILENT)
    monkeypatch.setattr(worker_process, "SILENT_S", 0.3)
    job = replace(make_job(media.write_video(tmp_path / "a.mp4", 3)), device="cuda")
    with start_worker("pytorch", 1, os.environ, tmp_path) as worker:
        worker.wait_ready()
        with pytest.raises(GpuError, match=r"nothing has come from the GPU for 0 s: it, or its driver, hangs"):
            worker.run(job, lambda _: None)
        assert worker.busy


def test_a_worker_that_answers_no_more_and_does_not_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "BOOT", SILENT.replace("time.sleep", "pipe.close(); time.sleep"))
    monkeypatch.setattr(worker_process, "DEATH_S", 0.3)
    job = make_job(media.write_video(tmp_path / "a.mp4", 3))
    with start_worker("pytorch", 1, os.environ, tmp_path) as worker:
        worker.wait_ready()
        with pytest.raises(AnalysisError, match="the analysis process answers no more"):
            worker.run(job, lambda _: None)


@pytest.mark.parametrize(("device", "engine"), [("cuda", "tensorflow"), ("cuda", "pytorch"), ("cpu", "tensorflow")])
def test_what_the_driver_compiles_is_kept_beside_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, engine: str
) -> None:
    given: list[dict[str, str]] = []

    @contextlib.contextmanager
    def note(engine: str, threads: int, environment: dict[str, str], scratch: Path) -> Iterator[None]:
        given.append(environment)
        yield

    monkeypatch.setattr(worker_process, "start_worker", note)
    monkeypatch.delenv("CUDA_CACHE_PATH", raising=False)
    with SharedWorker(tmp_path) as place, place.open_row(tmp_path):
        place.start_worker(engine, 1, device, tmp_path / "networks")
    (environment,) = given
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    kept = (device, engine) == ("cuda", "tensorflow")
    assert environment.get("CUDA_CACHE_PATH") == (str(tmp_path / "networks" / "cuda") if kept else None)
    assert environment.get("CUDA_CACHE_MAXSIZE") == ("4294967296" if kept else None)
    assert (tmp_path / "networks" / "cuda").is_dir() == kept
