"""Kill `analyze` at any moment: `check` never calls a broken result whole, and the rerun equals a clean run."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.contract import ATTEMPT_PREFIX, CHECKPOINTS_PREFIX, SCRATCH_PREFIX
from dlcctr.results.check import check
from tests import media
from tests.integration.support.attempts import AttemptServer
from tests.integration.support.campaigns import make_campaign
from tests.integration.support.tiny_models import make_model

pytestmark = pytest.mark.real

STEPS = ("write", "fsync", "receipt", "rename", "after")
RANDOM_KILLS = 26
SLOW_COMMIT_KILLS = 24
SEED = 20261122


@pytest.fixture(scope="module")
def server(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AttemptServer]:
    server = AttemptServer(native_pytorch, tmp_path_factory.mktemp("kill"))
    yield server
    server.close()


class Case:
    """One row, its clean result, and how to make it again."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.manifest = folder / "m.csv"
        self.scratch = folder / "scratch"
        self.scratch.mkdir()
        media.write_video(folder / "videos" / "a.mp4", 40)
        self.out = make_campaign(self.manifest, folder / "videos", model)
        self.argv = ["analyze", "--index", "0", "--manifest", str(self.manifest), "--allow-cpu", "--scratch",
                     str(self.scratch)]  # fmt: skip

    @property
    def state(self) -> str:
        return check(self.manifest).rows[0].state.value

    def result(self) -> Path | None:
        files = list(self.out.glob("*/a.mp4/*.h5"))
        return files[0] if files else None

    def first_byte(self) -> bool:
        return any(path.stat().st_size for path in self.out.glob(f"*/{ATTEMPT_PREFIX}*/*"))

    def forget(self) -> None:
        import shutil

        shutil.rmtree(self.out, ignore_errors=True)


@pytest.fixture(scope="module")
def case(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("case")
    (folder / "videos").mkdir()
    return Case(folder, make_model(native_pytorch, "pytorch-single", folder / "models"))


@pytest.fixture(scope="module")
def clean(case: Case, server: AttemptServer) -> tuple[bytes, float]:
    """The clean result's CSV (the .h5 holds times of its making), and how long it took."""
    began = time.monotonic()
    assert server.attempt(case.argv) == 0, server.log.read_text()
    took = time.monotonic() - began
    assert case.state == "whole"
    return csv_of(case), took


def csv_of(case: Case) -> bytes:
    result = case.result()
    assert result is not None
    return result.with_suffix(".csv").read_bytes()


def workers_of(case: Case) -> list[int]:
    """Processes that still work in the case's scratch folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if str(case.scratch) in str((entry / "cwd").readlink()):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def verify_after_kill(case: Case, clean_csv: bytes) -> bool:
    """What must hold after any kill; says whether the result was committed."""
    deadline = time.monotonic() + 10
    while workers_of(case) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not workers_of(case), "a worker outlived its supervisor"
    if case.state == "whole":
        assert csv_of(case) == clean_csv
        return True
    assert case.state == "unfinished"
    assert case.result() is None, "half a result where a whole one belongs"
    return False


def verify_rerun(case: Case, server: AttemptServer, clean_csv: bytes) -> None:
    assert server.attempt(case.argv) == 0, server.log.read_text()[-3000:]
    assert case.state == "whole"
    assert csv_of(case) == clean_csv


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_each_step_of_the_commit(
    case: Case, server: AttemptServer, clean: tuple[bytes, float], step: str
) -> None:
    case.forget()
    assert server.attempt(case.argv, kill_at=step) == -signal.SIGKILL
    assert verify_after_kill(case, clean[0]) is (step == "after")
    verify_rerun(case, server, clean[0])


def test_killed_before_the_first_output_byte(case: Case, server: AttemptServer, clean: tuple[bytes, float]) -> None:
    chance = random.Random(SEED)
    killed = 0
    case.forget()
    for number in range(2 * RANDOM_KILLS):
        if killed == RANDOM_KILLS:
            break
        delay = chance.uniform(0, clean[1])

        def killer(pid: int, delay: float = delay) -> None:
            end = time.monotonic() + delay
            while time.monotonic() < end and not case.first_byte():
                time.sleep(0.002)
            kill(pid)

        code = server.attempt(case.argv, killer=killer)
        assert code in (0, -signal.SIGKILL)
        killed += code == -signal.SIGKILL  # one that had ended before is no kill
        if verify_after_kill(case, clean[0]) or number % 8 == 7:
            verify_rerun(case, server, clean[0])
            case.forget()
    assert killed == RANDOM_KILLS, "most of the kills came too late to mean anything"


def test_killed_after_the_first_output_byte(case: Case, server: AttemptServer, clean: tuple[bytes, float]) -> None:
    chance = random.Random(SEED + 1)
    hit = killed = 0
    case.forget()
    for number in range(2 * SLOW_COMMIT_KILLS):
        if killed == SLOW_COMMIT_KILLS:
            break
        delay = chance.uniform(0, 0.6)

        def killer(pid: int, delay: float = delay) -> None:
            nonlocal hit
            deadline = time.monotonic() + 60
            while not case.first_byte() and time.monotonic() < deadline:
                time.sleep(0.002)
            hit += case.first_byte()
            time.sleep(delay)
            kill(pid)

        killed += server.attempt(case.argv, slow_s=0.1, killer=killer) == -signal.SIGKILL
        if verify_after_kill(case, clean[0]) or number % 8 == 7:
            verify_rerun(case, server, clean[0])
            case.forget()
    assert killed == SLOW_COMMIT_KILLS
    assert hit >= killed, "a kill came before the first output byte"


def test_nothing_of_the_killed_attempts_stays(case: Case, server: AttemptServer, clean: tuple[bytes, float]) -> None:
    """The next attempt on the machine clears what killed ones left, once it is old enough not to be just beginning."""
    for folder in (*case.out.glob(f"*/{ATTEMPT_PREFIX}*"), *case.scratch.glob(f"{SCRATCH_PREFIX}*")):
        os.utime(folder, (0, 0))
    case_result = case.result()
    if case_result:
        case.forget()
    verify_rerun(case, server, clean[0])
    assert not list(case.out.glob(f"*/{ATTEMPT_PREFIX}*"))
    assert not list(case.scratch.glob(f"{SCRATCH_PREFIX}*"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_with_75_and_leave_checkpoints_at_most(
    case: Case, server: AttemptServer, clean: tuple[bytes, float], number: signal.Signals
) -> None:
    case.forget()

    def killer(pid: int) -> None:
        deadline = time.monotonic() + 30
        while not list(case.scratch.glob(f"{SCRATCH_PREFIX}*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.3)
        kill(pid, number)

    assert server.attempt(case.argv, killer=killer) == 75
    assert not workers_of(case)
    assert not list(case.scratch.iterdir())
    left = [path for path in case.out.rglob("*") if path.is_file()]
    assert all(path.parent.name.startswith(CHECKPOINTS_PREFIX) for path in left), left
    assert ("analysed so far are kept" in server.log.read_text().splitlines()[-2]) is bool(left)


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        print(f"{pid} had ended", file=sys.stderr)
