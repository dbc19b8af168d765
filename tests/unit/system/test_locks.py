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
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.errors import OutputError, TryAgainError
from dlcctr.system import locks
from dlcctr.system.kernel_locks import inherited_lock, is_held
from dlcctr.system.locks import HOLDERS, campaign_lock, transfer_lock, waiting_lock
from tests.unit.support.state_files import GOLDEN, assert_refused, flipped, with_a_wrong_leaf


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


HOLD = (
    "import sys, pathlib; from dlcctr.system.locks import campaign_lock\n"
    "with campaign_lock(pathlib.Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process, which holds the lock."""
    command = [sys.executable, "-c", HOLD, str(tmp_path / "lock")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def rewrite(lock: Path, **changes: object) -> None:
    """Change what a lock says, in the very file that is locked."""
    text = HOLDERS.text(replace(HOLDERS.read(lock), **changes))  # type: ignore[arg-type]
    with lock.open("r+") as stream:
        stream.truncate()
        stream.write(text)


def test_a_dead_holder_of_this_machine_is_replaced(elsewhere: subprocess.Popen[str], tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    elsewhere.kill()
    elsewhere.wait()
    assert HOLDERS.read(lock).pid == elsewhere.pid
    with campaign_lock(lock, wait_s=5):
        assert HOLDERS.read(lock).pid == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_living_holder_keeps_its_lock_whatever_its_process_id_is_here(
    elsewhere: subprocess.Popen[str], tmp_path: Path
) -> None:
    """In a container of its own it has an id that belongs to nobody here, or to somebody else."""
    lock = tmp_path / "lock"
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    for pid in (int(gone.stdout), os.getpid(), 1):
        rewrite(lock, pid=pid)
        assert f"held by process {pid} on {socket.gethostname()}" in assert_refused(hold, lock, TryAgainError)
    assert lock.exists()


@pytest.mark.parametrize(
    "changes",
    [{"boot": "another-boot"}, {"boot": ""}, {"boot": "unknown"}, {"proves": False}],
    ids=["another boot, or a machine of the same name", "an earlier version", "no boot id", "no locks there"],
)
def test_a_lock_whose_holder_is_not_proven_dead_stays(
    changes: dict[str, object], elsewhere: subprocess.Popen[str], tmp_path: Path
) -> None:
    elsewhere.kill()
    elsewhere.wait()
    rewrite(tmp_path / "lock", **changes)
    assert "held by process" in assert_refused(hold, tmp_path / "lock", TryAgainError)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_links_has_locks_all_the_same(
    code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_link(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", no_link)
    lock = tmp_path / "lock"
    with campaign_lock(lock):
        assert HOLDERS.read(lock).pid == os.getpid()
        assert "held by process" in assert_refused(hold, lock, TryAgainError)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_is_made_although_the_server_says_no(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    real = os.link

    def link_twice(private: Path, file: Path) -> None:
        real(private, file)
        raise FileExistsError(errno.EEXIST, "asked twice", str(file))

    monkeypatch.setattr(os, "link", link_twice)
    with campaign_lock(tmp_path / "lock", wait_s=0):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_where_there_are_no_locks_a_word_and_a_way_on(
    code: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", no_flock)
    file = tmp_path / "push.lock"
    with transfer_lock(file):
        assert f"{file}: this file system has no locks ({os.strerror(code)})" in capsys.readouterr().err
        with pytest.raises(TryAgainError, match=r"push\.lock\.held: held by process"), transfer_lock(file, wait_s=0):
            pass
    with transfer_lock(file, wait_s=0), waiting_lock(tmp_path / "env.lock"):
        pass
    with campaign_lock(tmp_path / "lock", wait_s=0):
        assert not HOLDERS.read(tmp_path / "lock").proves


def test_a_link_in_a_locks_place_is_never_followed(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    for there in (True, False):
        if there:
            theirs.write_text("precious")
        for hold_it in (hold, hold_transfer):
            lock = tmp_path / "lock"
            lock.symlink_to(theirs)
            assert "the lock file is a symbolic link" in assert_refused(hold_it, lock, OutputError)
            lock.unlink()
        assert not there or theirs.read_text() == "precious"
        theirs.unlink(missing_ok=True)
    assert list(tmp_path.iterdir()) == []


def hold_transfer(file: Path) -> None:
    with transfer_lock(file, wait_s=0):
        pass


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


def test_no_flipped_bit_frees_a_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the file system has no locks of its own, what the file says is all there is."""
    monkeypatch.setattr(locks, "POLL_S", 0.0)
    lock = tmp_path / "lock"
    with campaign_lock(lock):
        data = lock.read_bytes()
        for each in flipped(data, 400):
            lock.write_bytes(each)
            assert "held by" in assert_refused(hold, lock, TryAgainError)
            assert lock.read_bytes() == each


def hold(file: Path) -> None:
    with campaign_lock(file, wait_s=0):
        pass


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"), campaign_lock(tmp_path / "file" / "lock"):
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
    with pytest.raises(TryAgainError, match="another running process"), inherited_lock(file, wait_s=0):
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
    with pytest.raises(OutputError, match="cannot be created"), inherited_lock(tmp_path / "sbatch.lock"):
        raise AssertionError
    assert not (tmp_path / "elsewhere").exists()
    assert not is_held(tmp_path / "sbatch.lock")
