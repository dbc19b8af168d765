from __future__ import annotations

import fcntl
import os
import pwd
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dlcctr.contract import SCRATCH_PREFIX, ExitCode
from dlcctr.errors import OutputError
from entrypoint.environment import scratch
from entrypoint.environment.scratch import open_scratch, private_environment, remove_stale, remove_tree


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in scratch.SCRATCH_VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_it_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with open_scratch(tmp_path, tmp_path / "out") as folder:
        assert folder.parent == tmp_path
        assert folder.name.startswith(SCRATCH_PREFIX)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "a" / "b").mkdir(parents=True)
        (folder / "a" / "b" / "c").write_text("x")
        (folder / "a").chmod(0o500)  # as a copy of a read-only model is
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_scratch(tmp_path, tmp_path):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_order_of_the_candidates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("asked", "ours", "slurm", "tmp"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with open_scratch(None, tmp_path) as folder:
        assert folder.parent == tmp_path / "tmp"
    monkeypatch.setenv("SLURM_TMPDIR", str(tmp_path / "slurm"))
    with open_scratch(None, tmp_path) as folder:
        assert folder.parent == tmp_path / "slurm"
    monkeypatch.setenv("DLCCTR_SCRATCH", str(tmp_path / "ours"))
    with open_scratch(None, tmp_path) as folder:
        assert folder.parent == tmp_path / "ours"
    with open_scratch(tmp_path / "asked", tmp_path) as folder:
        assert folder.parent == tmp_path / "asked"


def test_what_was_asked_for_and_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_scratch(tmp_path / "not there", tmp_path) as folder:
        assert folder.parent == Path("/tmp").resolve()
    assert f"--scratch ({tmp_path / 'not there'}): no such folder" in capsys.readouterr().err


def test_none_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(parent: Path) -> tuple[Path, int]:
        raise OSError(28, "No space left on device", str(parent))

    monkeypatch.setattr(scratch, "_make_in", refuse)
    with pytest.raises(OutputError, match="No space left") as caught, open_scratch(tmp_path, tmp_path):
        pass
    assert caught.value.exit_code == ExitCode.OUTPUT
    assert "DLCCTR_SCRATCH" in caught.value.hint


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from entrypoint.environment.scratch import open_scratch\n"
        "with open_scratch(Path(sys.argv[1]), Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    (left,) = tmp_path.iterdir()
    other = tmp_path / left.name.replace("-", "-elsewhere", 3)  # another host's
    unlocked = tmp_path / f"{left.name}x"  # one that is just being made
    other.mkdir()
    unlocked.mkdir()
    with open_scratch(tmp_path, tmp_path) as mine:
        assert not left.exists()
        assert remove_stale(tmp_path) == []
        assert mine.exists()
    assert sorted(tmp_path.iterdir()) == sorted([other, unlocked])


def test_a_lock_held_by_a_living_process_counts(tmp_path: Path) -> None:
    with (
        open_scratch(tmp_path, tmp_path) as mine,
        (mine / scratch.LOCK_NAME).open("rb") as lock,
        pytest.raises(BlockingIOError),
    ):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / scratch.LOCK_NAME).touch()
    (tmp_path / f"{SCRATCH_PREFIX}{scratch._machine()}-1-x").symlink_to(target)
    assert remove_stale(tmp_path) == []
    assert target.exists()


def test_one_without_a_lock_is_removed_once_it_is_old(tmp_path: Path) -> None:
    folder = tmp_path / f"{SCRATCH_PREFIX}{scratch._machine()}-1-x"
    (folder / "torch").mkdir(parents=True)
    assert remove_stale(tmp_path) == []
    os.utime(folder, (0, 0))
    assert remove_stale(tmp_path) == [folder]
    assert not folder.exists()


def left_by(tmp_path: Path, machine: str, mode: int = 0o700) -> Path:
    """A folder with a lock that nobody holds."""
    folder = tmp_path / f"{SCRATCH_PREFIX}{machine}-1-x"
    folder.mkdir()
    (folder / scratch.LOCK_NAME).touch()
    folder.chmod(mode)
    return folder


def test_one_of_a_machine_that_may_be_another_is_kept_for_a_month(tmp_path: Path) -> None:
    """Two machines of one name on one disk: what is locked on the other looks free here."""
    folder = left_by(tmp_path, f"{scratch._host()}-12345678")
    day = 24 * 3600.0
    for age_s in (0.0, 29 * day):
        os.utime(folder, (0, time.time() - age_s))
        assert remove_stale(tmp_path) == []
    os.utime(folder, (0, time.time() - 31 * day))
    assert remove_stale(tmp_path) == [folder]


def test_one_that_others_could_write_to_is_left_alone(tmp_path: Path) -> None:
    folder = left_by(tmp_path, scratch._machine(), 0o770)
    assert remove_stale(tmp_path) == []
    folder.chmod(0o700)
    assert remove_stale(tmp_path) == [folder]


def test_one_of_another_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = left_by(tmp_path, scratch._machine())
    monkeypatch.setattr(scratch.os, "getuid", lambda: folder.stat().st_uid + 1)
    assert remove_stale(tmp_path) == []
    assert folder.exists()


def test_a_removal_that_is_killed_leaves_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "scratch"
    (folder / "torch").mkdir(parents=True)
    (folder / scratch.LOCK_NAME).touch()

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scratch.shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            remove_tree(folder)
    assert (folder / scratch.LOCK_NAME).exists()
    assert remove_stale(tmp_path) == []
    remove_tree(folder)
    assert not folder.exists()


def test_remove_tree_of_nothing(tmp_path: Path) -> None:
    remove_tree(tmp_path / "not there")


def test_every_cache_is_inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    inside = tmp_path / "scratch"
    environment = private_environment(inside)
    for name in (
        "NUMBA_CACHE_DIR",
        "MPLCONFIGDIR",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "TORCH_HOME",
        "HF_HOME",
        "TMPDIR",
    ):
        assert inside in Path(environment[name]).parents
        assert Path(environment[name]).is_dir()
    assert environment["HF_HUB_OFFLINE"] == environment["TRANSFORMERS_OFFLINE"] == "1"
    assert environment["PYTHONNOUSERSITE"] == "1"
    assert environment["DLClight"] == "True"
    assert "HOME" not in environment


def test_the_users_environment_cannot_make_a_snapshot_run_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_LOAD_WEIGHTS_ONLY", "false")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    environment = private_environment(tmp_path / "scratch")
    assert environment["TORCH_LOAD_WEIGHTS_ONLY"] == "true"
    assert environment["TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"] == "0"


@pytest.mark.parametrize("home", [None, "", "/proc", "/not there"])
def test_home_that_cannot_be_written(home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    assert private_environment(tmp_path)["HOME"] == str(tmp_path / "home")


def test_a_user_id_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_: int) -> pwd.struct_passwd:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert private_environment(tmp_path)["USER"] == f"uid{os.getuid()}"
