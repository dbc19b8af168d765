from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from dlcctr.errors import OutputError
from dlcctr.system.files import files_of, fsync_path, is_there, visible_entries, write_pair_atomic, write_text_atomic
from tests.unit.support.disk_faults import Disk, failing


def test_a_name_that_is_no_utf8_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text("old")
    with pytest.raises(OutputError, match="not valid UTF-8") as caught:
        write_text_atomic(file, "root = /data/K\udce4fig\n")
    assert "K\\udce4fig" in caught.value.message
    assert caught.value.hint
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("a.toml", "old")]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_folders_that_cannot_be_flushed_are_no_error_and_files_are(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").touch()

    def refuse(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refuse)
    fsync_path(tmp_path)
    with pytest.raises(OSError, match=os.strerror(code)):
        fsync_path(tmp_path / "a")


def test_of_two_files_that_belong_together_none_is_there_alone(tmp_path: Path) -> None:
    one, two = tmp_path / "x/one", tmp_path / "x/two"
    disk = Disk(tmp_path, errno.ENOSPC)
    with failing(disk):
        write_pair_atomic((one, "1"), (two, "2"))
    assert (one.read_text(), two.read_text()) == ("1", "2")
    names = [what.split()[0] for what in disk.seen]
    assert names.index("replace") > max(n for n, name in enumerate(names) if name == "write")
    for each in (one, two):
        each.unlink()
    for number in range(len(disk.seen)):
        with failing(Disk(tmp_path, errno.ENOSPC, number)), pytest.raises(OutputError, match="the disk is full"):
            write_pair_atomic((one, "1"), (two, "2"))
        assert one.exists() == two.exists()
        assert not list(tmp_path.glob("x/.*"))
        for each in (one, two):
            each.unlink(missing_ok=True)


def test_a_file_of_people_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    real = tmp_path / "real.csv"
    real.write_text("old")
    real.chmod(0o640)
    (tmp_path / "m.csv").symlink_to(real)
    write_pair_atomic((tmp_path / "m.csv", "new"), (tmp_path / "c.toml", "x"))
    assert (tmp_path / "m.csv").is_symlink()
    assert (real.read_text(), stat.S_IMODE(real.stat().st_mode)) == ("new", 0o640)


def test_hidden_files_are_left_out(tmp_path: Path) -> None:
    for name in ("b.png", "._b.png", ".ipynb_checkpoints", "a"):
        (tmp_path / name).touch()
    assert [each.name for each in visible_entries(tmp_path)] == ["a", "b.png"]


def test_whether_something_is_there_is_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "file.json").touch()
    there = [is_there(tmp_path / name) for name in ("dangling", "file.json", "none", "file.json/x", "x" * 300)]
    assert there == [True, True, False, False, False]
    assert files_of(tmp_path, ".json") == [tmp_path / "file.json"]
    assert files_of(tmp_path / "none", ".json") == files_of(tmp_path / "file.json", ".json") == []

    def closed(path: object, *_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "lstat", closed)
    monkeypatch.setattr(os, "scandir", closed)
    with pytest.raises(PermissionError):
        is_there(tmp_path / "file.json")
    with pytest.raises(PermissionError):
        files_of(tmp_path, ".json")
