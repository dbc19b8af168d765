"""`train submit` and `train status` of a project on another machine; ssh is a script here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.system.source_tree import own_sources
from tests.unit.commands.test_on_cluster import PROGRAM, SSH
from tests.unit.support.projects import pytorch_project


class Lab:
    """A home folder behind ssh, with a program of the name dlcctr."""

    def __init__(self, folder: Path, program: str = "", code: int = 0) -> None:
        self.folder, self.far = folder, folder / "home" / "scratch" / "mouse"
        self.far.mkdir(parents=True)
        text = PROGRAM.replace("DLCCTR_TYPED_MANIFEST", "DLCCTR_TYPED_PROJECT")
        text = program or text.format(folder=folder, python=sys.executable, code=code)
        for file, content in (("bin/ssh", SSH.format(folder=folder)), ("there/dlcctr", text)):
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(content, encoding="utf-8")
            (folder / file).chmod(0o755)

    def call(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "dlcctr", "train", *map(str, words)],
            cwd=self.folder,
            env={**os.environ, "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin", "PYTHONPATH": str(own_sources().root)},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip


@pytest.mark.parametrize("words", [["status", "--json"], ["submit", "--shuffle", "2", "--gres", "gpu:1", "--trial"]])
def test_it_runs_in_the_folder_there_with_its_own_words(words: list[str], tmp_path: Path) -> None:
    lab = Lab(tmp_path, code=75)
    done = lab.call(words[0], "bench:scratch/mouse", *words[1:])
    assert (done.returncode, done.stdout) == (75, "12 rows are whole\n"), done.stderr
    assert done.stderr == "on bench:scratch/mouse:\n"
    folder, called, _ = json.loads((tmp_path / "called").read_text())
    assert (Path(folder), called) == (lab.far, ["train", words[0], ".", *words[1:]])
    assert (tmp_path / "typed").read_text() == "bench:scratch/mouse"


def test_what_it_advises_is_typed_here(tmp_path: Path) -> None:
    """The real command, at the other side."""
    script = f'#!/bin/sh\nexec env PYTHONPATH={own_sources().root} {sys.executable} -m dlcctr "$@"\n'
    lab = Lab(tmp_path, program=script)
    pytorch_project(lab.far)
    done = lab.call("status", "bench:scratch/mouse")
    assert done.returncode == ExitCode.UNFINISHED, done.stderr
    assert "dlcctr train submit bench:scratch/mouse --shuffle 1 --trial\n" in done.stdout


def test_without_dlcctr_there_the_remedy_is_said(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    (tmp_path / "there" / "dlcctr").unlink()
    done = lab.call("status", "bench:scratch/mouse")
    assert done.returncode == ExitCode.TOOL_MISSING
    assert "bench: dlcctr was not found" in done.stderr and "ssh bench" in done.stderr


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = Lab(tmp_path).call("status", "bench:scratch/rat")
    assert done.returncode == ExitCode.USAGE
    assert "bench:scratch/rat: there is no such folder" in done.stderr
    assert "dlcctr train push PROJECT bench:scratch/rat" in done.stderr


def test_a_project_here_stays_here(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    pytorch_project(tmp_path / "a:b")
    done = lab.call("status", tmp_path / "a:b")
    assert done.returncode == ExitCode.UNFINISHED, done.stderr
    assert lab.call("status", "a:b").returncode == ExitCode.UNFINISHED, "it is there"
    assert not (tmp_path / "called").exists()
    assert lab.call("status", "-x:b").returncode == ExitCode.USAGE, "no host, and no option for ssh"
