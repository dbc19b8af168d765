"""Where dlcctr's own files lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dlcctr.errors import UsageError
from dlcctr.system.source_tree import SourceTree, other_checkout, own_sources


def write(root: Path, *names: str) -> SourceTree:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return SourceTree(root)


def test_names_are_those_of_a_checkout_in_a_wheel_too(tmp_path: Path) -> None:
    tree = write(tmp_path, "dlcctr/cli.py", "dlcctr/image_files/docker/dlc", "dlcctr/slurm_files/sites/a.toml")
    assert not tree.is_checkout
    assert tree.read("docker/dlc") == "dlcctr/image_files/docker/dlc"
    assert tree.read("slurm/sites/a.toml") == "dlcctr/slurm_files/sites/a.toml"
    assert [name for name, _ in tree.walk("slurm")] == ["slurm/sites/a.toml"]
    assert [name for name, _ in tree.walk("dlcctr")] == ["dlcctr/cli.py"]


def test_a_checkout_is_read_as_it_lies_there(tmp_path: Path) -> None:
    tree = write(tmp_path, "dlcctr/cli.py", "dlcctr/__pycache__/cli.pyc", "docker/dlc", "slurm/a.j2")
    assert tree.is_checkout
    assert (tree.read("docker/dlc"), tree.read("slurm/a.j2")) == ("docker/dlc", "slurm/a.j2")
    assert [name for name, _ in tree.walk("dlcctr")] == ["dlcctr/cli.py"]


def test_a_file_that_did_not_come_along_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"image_files/versions\.env does not exist"):
        write(tmp_path, "dlcctr/slurm_files/a.j2").read("versions.env")


def test_another_checkout_around_the_command_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own_sources().root)
    assert other_checkout() is None
    write(tmp_path, "Dockerfile", "dlcctr/contract.py")
    monkeypatch.chdir(tmp_path)
    assert other_checkout() == tmp_path
    shutil.rmtree(tmp_path / "dlcctr")
    assert other_checkout() is None
