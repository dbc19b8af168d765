from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcctr.errors import OutputError, TryAgainError
from dlcctr.system import locks
from dlcctr.system.locks import campaign_lock, inherited_lock, is_held, transfer_lock
from tests.unit.support.state_files import GOLDEN, assert_refused, with_a_wrong_leaf


def add_one(file: Path, times: int) -> None:
    for _ in range(times):
        with campaign_lock(file.with_name("lock")):
            number = int(file.read_text())
            time.sleep(0.001)
            file.write_text(str(number + 1))


def test_only_one_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "number"
    file.write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=add_one, args=(file, 5)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert file.read_text() == "20"
    assert [each.name for each in tmp_path.iterdir()] == ["number"]


def test_a_living_holder_is_named(tmp_path: Path) -> None:
    holder = {"host": "elsewhere", "pid": 1, "since": "2026-01-01 00:00:00"}
    (tmp_path / "lock").write_text(json.dumps(holder))
    with (
        pytest.raises(TryAgainError, match="process 1 on elsewhere since 2026"),
        campaign_lock(tmp_path / "lock", wait_s=0.1),
    ):
        pass
    assert json.loads((tmp_path / "lock").read_text()) == holder


def test_a_dead_holder_of_this_machine_is_replaced(tmp_path: Path) -> None:
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    lock = tmp_path / "lock"
    lock.write_text(json.dumps({"host": socket.gethostname(), "pid": int(dead.stdout), "since": ""}))
    with campaign_lock(lock, wait_s=5):
        assert json.loads(lock.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("pid", [0, -1, 10**30])
def test_a_lock_that_names_no_possible_process_stays(pid: int, tmp_path: Path) -> None:
    text = json.dumps({"host": socket.gethostname(), "pid": pid, "since": ""})
    (tmp_path / "lock").write_text(text)
    with pytest.raises(TryAgainError, match="the file is damaged"), campaign_lock(tmp_path / "lock", wait_s=0):
        pass
    assert (tmp_path / "lock").read_text() == text


def test_a_damaged_lock_is_still_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "POLL_S", 0.0)
    text, lock = (GOLDEN / "lock.json").read_text(), tmp_path / "lock"

    def take(data: bytes) -> str:
        lock.write_bytes(data)
        message = assert_refused(hold, lock, TryAgainError)
        assert lock.read_bytes() == data
        return message

    assert "held by process 2674 on node7" in take(text.encode())
    for length in range(len(text)):
        assert "the file is damaged" in take(text.encode()[:length])
    for _, table in with_a_wrong_leaf(json.loads(text)):
        assert "the file is damaged" in take(json.dumps(table).encode())


def hold(file: Path) -> None:
    with campaign_lock(file, wait_s=0):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"), campaign_lock(tmp_path / "file" / "lock"):
        pass


def test_one_transfer_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "slurm/m/push.lock"
    with transfer_lock(file), pytest.raises(TryAgainError, match="another transfer"), transfer_lock(file, wait_s=0):
        pass
    with transfer_lock(file, wait_s=0):
        pass


def test_the_lock_is_held_until_the_last_who_has_it_is_gone(tmp_path: Path) -> None:
    """What was killed may leave an rsync behind, which has inherited the lock."""
    file = tmp_path / "push.lock"
    with transfer_lock(file) as lock:
        heir = os.dup(lock)
    with pytest.raises(TryAgainError), transfer_lock(file, wait_s=0):
        pass
    os.close(heir)
    with transfer_lock(file, wait_s=0):
        pass


def test_a_place_that_cannot_hold_a_transfer_lock(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError), transfer_lock(tmp_path / "file" / "push.lock"):
        pass


def test_a_lock_that_a_process_inherited_outlives_its_maker(tmp_path: Path) -> None:
    file = tmp_path / "sbatch.lock"
    assert not is_held(file), "there is none yet"
    with inherited_lock(file) as handles:
        child = subprocess.Popen(["sleep", "60"], pass_fds=handles)
    assert is_held(file)
    assert is_held(file), "those who look do not disturb each other"
    with pytest.raises(TryAgainError, match="a process that goes on"), inherited_lock(file, wait_s=0):
        raise AssertionError
    child.kill()
    child.wait()
    assert not is_held(file)


def test_a_file_system_without_locks_gives_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with inherited_lock(tmp_path / "sbatch.lock") as handles:
        assert handles == ()
    assert not is_held(tmp_path / "sbatch.lock")


def test_a_lock_file_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "sbatch.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="cannot be made"), inherited_lock(tmp_path / "sbatch.lock"):
        raise AssertionError
    assert not (tmp_path / "elsewhere").exists()
    assert not is_held(tmp_path / "sbatch.lock")
