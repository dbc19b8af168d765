"""The local executor with real processes and real signals; the rows are stand-ins at the process boundary."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dlcctr.runtime import stopping
from dlcctr.runtime.base import Command, RowJob
from dlcctr.runtime.rows.executor import run_tasks
from dlcctr.runtime.rows.row_run import Outcome, RowRun, Started
from dlcctr.runtime.rows.slots import Slot

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
FREE = Slot(gpu=None, cpus=None, n_cpus=1)


@dataclass
class Scripted:
    """A runtime whose rows are small Python programs."""

    scripts: dict[int, str]
    name: str = "scripted"
    subject: str = "python"
    contained: bool = False
    cleaned: list[str] = field(default_factory=list)

    def command(self, job: RowJob) -> Command:
        env = {**os.environ, "SCRATCH": str(job.scratch), "GPU": str(job.gpu)}
        return Command([sys.executable, "-I", "-c", textwrap.dedent(self.scripts[job.index])], env)

    def clean(self, job: RowJob) -> None:
        self.cleaned.append(job.name)


@dataclass
class Record:
    """A view that remembers."""

    events: list[str] = field(default_factory=list)
    most: int = 0

    def started(self, task: RowRun, slot: Slot) -> None:
        self.events.append(f"start {task.index} gpu {slot.gpu}")

    def ended(self, outcome: Outcome) -> None:
        self.events.append(f"end {outcome.index}")

    def running(self, rows: Sequence[Started], waiting: Sequence[RowRun]) -> None:
        self.most = max(self.most, len(rows))

    def stopping(self) -> None:
        self.events.append("stopping")


def tasks_of(scripts: dict[int, str], folder: Path) -> list[RowRun]:
    return [RowRun(i, f"v{i}.mp4", folder / "m.csv", folder / "logs" / f"row{i}.log") for i in scripts]


def test_a_bad_row_never_stops_the_others(tmp_path: Path) -> None:
    scripts = {
        0: "print('fine')",
        1: "import sys; print('error: it is empty', file=sys.stderr); sys.exit(4)",
        2: "import os; os.kill(os.getpid(), 9)",
        3: "import sys; sys.exit(125)",
        4: "pass",
    }
    runtime = Scripted(scripts)
    found = run_tasks(tasks_of(scripts, tmp_path), runtime, [FREE, FREE], Record(), scratch_root=tmp_path)
    assert [each.code for each in found] == [0, 4, 11, 11, 0]
    assert found[1].cause == "it is empty"
    assert "memory" in found[2].cause and "125" in found[3].cause
    assert "fine" in (tmp_path / "logs/row0.log").read_text()
    assert not list(tmp_path.glob("dlcctr-scratch-*"))
    assert len(runtime.cleaned) == 2


def test_no_more_rows_than_slots_run_and_each_has_its_own_gpu(tmp_path: Path) -> None:
    scripts = dict.fromkeys(range(5), "import time, os; print(os.environ['GPU']); time.sleep(0.4)")
    view, slots = Record(), [Slot(gpu, None, 1) for gpu in ("0", "1")]
    run_tasks(tasks_of(scripts, tmp_path), Scripted(scripts), slots, view, scratch_root=tmp_path)
    assert view.most == 2
    held: set[str] = set()
    for event in view.events:
        kind, index, *rest = event.split()
        gpu = (tmp_path / f"logs/row{index}.log").read_text().split()[-1]
        if kind == "start":
            assert rest[-1] == gpu and gpu not in held
            held.add(gpu)
        else:
            held.remove(gpu)


def test_a_row_is_pinned_to_its_cpus(tmp_path: Path) -> None:
    cpu = min(os.sched_getaffinity(0))
    scripts = {0: f"import os, sys; sys.exit(os.sched_getaffinity(0) != {{{cpu}}})"}
    before = os.sched_getaffinity(0)
    slot = Slot(None, frozenset({cpu}), 1)
    found = run_tasks(tasks_of(scripts, tmp_path), Scripted(scripts), [slot], Record(), scratch_root=tmp_path)
    assert found[0].code == 0
    assert os.sched_getaffinity(0) == before


def test_a_scratch_or_log_that_cannot_be_made_fails_its_row_alone(tmp_path: Path) -> None:
    scripts = {0: "pass", 1: "pass"}
    tasks = tasks_of(scripts, tmp_path)
    (tmp_path / "file").touch()
    tasks[0] = RowRun(0, "v0.mp4", tasks[0].manifest, tmp_path / "file" / "row0.log")
    found = run_tasks(tasks, Scripted(scripts), [FREE], Record(), scratch_root=tmp_path)
    assert [each.code for each in found] == [8, 0]


DRIVER = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from dlcctr.runtime import stopping
from dlcctr.runtime.rows import executor
from tests.integration import test_local as here
stopping.GRACE_S = {grace}
folder = Path({folder!r})
scripts = {scripts!r}
tasks, runtime = here.tasks_of(scripts, folder), here.Scripted(scripts)
found = executor.run_tasks(tasks, runtime, [here.FREE] * 2, here.Record(), scratch_root=folder)
print([(each.code, each.cause) for each in found])
"""
POLITE = """
import signal, subprocess, sys, time
def stop(*_):
    child.terminate(); child.wait(); sys.exit(75)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
signal.signal(signal.SIGTERM, stop)
print("ready", child.pid, flush=True)
time.sleep(600)
"""
DEAF = """
import signal, time, os
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", os.getpid(), flush=True)
time.sleep(600)
"""


def start_driver(folder: Path, scripts: dict[int, str], *, grace: float = 30.0) -> subprocess.Popen[str]:
    code = DRIVER.format(root=str(ROOT), folder=str(folder), scripts=scripts, grace=grace)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    logs = [folder / "logs" / f"row{index}.log" for index in (0, 1)]
    wait_until(lambda: all(log.exists() and "\nready" in log.read_text() for log in logs))
    return process


def wait_until(true: object, timeout_s: float = 30.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def grandchildren(folder: Path) -> list[int]:
    return [int(log.read_text().split("\nready ")[1].split()[0]) for log in sorted((folder / "logs").glob("row*.log"))]


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    return False


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_rows_in_order_and_starts_no_more(tmp_path: Path, signum: signal.Signals) -> None:
    process = start_driver(tmp_path, {0: POLITE, 1: POLITE, 2: "pass"})
    pids = grandchildren(tmp_path)
    process.send_signal(signum)
    output, _ = process.communicate(timeout=20)
    assert output.strip() == "[(75, 'stopped'), (75, 'stopped'), (75, 'not started')]"
    assert not any(is_alive(pid) for pid in pids)
    assert not list(tmp_path.glob("dlcctr-scratch-*"))


def test_a_row_that_does_not_listen_is_killed_after_the_grace(tmp_path: Path) -> None:
    process = start_driver(tmp_path, {0: DEAF, 1: POLITE}, grace=1.0)
    pids = grandchildren(tmp_path)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert output.strip() == "[(75, 'stopped'), (75, 'stopped')]"
    assert not any(is_alive(pid) for pid in pids)


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    process = start_driver(tmp_path, {0: DEAF, 1: DEAF})
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert time.monotonic() - began < 5 < stopping.GRACE_S
    assert output.strip() == "[(75, 'stopped'), (75, 'stopped')]"
