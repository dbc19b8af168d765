"""Names are bytes, read as UTF-8 in every locale that a batch job may have; real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import media
from tests.unit.support.results import make_bench

NAME = "Käfig 2.mp4"
HOST = (sys.executable, "-m", "dlcctr")
IMAGE = (sys.executable, "-I", "-m", "entrypoint")


@pytest.fixture(scope="module")
def latin1(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Settings of a locale that few machines have any more: it is made."""
    folder = tmp_path_factory.mktemp("locales")
    made = folder / "en_US.ISO-8859-1"
    subprocess.run(["localedef", "-i", "en_US", "-f", "ISO-8859-1", str(made)], check=True, capture_output=True)
    return {"LOCPATH": str(folder), "LC_ALL": made.name, "PYTHONUTF8": "0"}


@pytest.fixture(params=["latin1", "c"])
def settings(request: pytest.FixtureRequest) -> dict[str, str]:
    if request.param == "latin1":
        found: dict[str, str] = request.getfixturevalue("latin1")
        return found
    return {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def call(
    program: tuple[str, ...], *argv: str | bytes | Path, settings: dict[str, str]
) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    return subprocess.run([*program, *argv], env=environment | settings, capture_output=True, timeout=120, check=False)


@pytest.mark.parametrize("program", [HOST, IMAGE])
def test_names_are_read_and_written_as_utf8(program: tuple[str, ...], settings: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    media.write_video(tmp_path / "plain.mp4", 5).rename(tmp_path / "v" / NAME)
    manifest = tmp_path / "Läufe.csv"
    made = call(program, "manifest", tmp_path / "v", "-o", manifest, settings=settings)
    assert made.returncode == 0, made.stderr
    assert f"0,{NAME},5,25,".encode() in manifest.read_bytes()
    assert str(manifest).encode() in made.stdout
    done = call(program, "check", make_bench(tmp_path / "b", [NAME]).manifest, settings=settings)
    assert done.returncode == 20, done.stderr
    assert NAME.encode() in done.stdout
    found = call(program, "validate", manifest, settings=settings)
    assert b"missing" not in found.stdout
    nothing = call(program, "check", tmp_path / "Mäuse.csv", settings=settings)
    assert nothing.returncode == 3
    assert "Mäuse.csv: no such manifest".encode() in nothing.stderr


@pytest.mark.parametrize("program", [HOST, IMAGE])
def test_a_name_that_is_no_utf8_has_a_row_that_says_so(
    program: tuple[str, ...], settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / os.fsdecode(b"K\xe4fig.mp4")).write_bytes(b"x")
    made = call(program, "manifest", tmp_path / "v", "-o", tmp_path / "m.csv", settings=settings)
    assert made.returncode == 0, made.stderr
    assert b"K\\xe4fig.mp4: the file's name is not valid UTF-8" in made.stderr
    assert b"K\\xe4fig.mp4" in (tmp_path / "m.csv").read_bytes()


def test_a_folder_whose_name_is_no_utf8_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"K\xe4fig")
    folder.mkdir()
    media.write_video(tmp_path / "plain.mp4", 5).rename(folder / "a.mp4")
    made = call(HOST, "manifest", folder, "-o", tmp_path / "c/m.csv", settings={"LC_ALL": "C.UTF-8"})
    assert made.returncode == 8, made.stderr
    assert b"K\\udce4fig" in made.stderr
    assert b"not valid UTF-8" in made.stderr
    assert b"what to do: rename" in made.stderr
    assert not (tmp_path / "c/m.csv").exists()
