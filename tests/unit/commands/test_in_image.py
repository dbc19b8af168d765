"""Advice inside the image: every command that it names is there, or is the host's own."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import dlcctr
from dlcctr.commands import IN_IMAGE, PANELS, in_image
from dlcctr.commands.in_image import here
from entrypoint.app import app
from tests.unit.support.hand_jobs import PLAIN_HEAD
from tests.unit.support.results import Bench, make_bench

SIF = "/lab/dlc.sif"
RUN = f"apptainer run {SIF}"
NAMES = [name for names in PANELS.values() for name in names]


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the SIF, as `dlc` is started there."""
    monkeypatch.setattr(in_image, "_inside", ["dlc"])
    monkeypatch.setenv("APPTAINER_CONTAINER", SIF)
    monkeypatch.delenv("APPTAINER_BIND", raising=False)


@pytest.mark.parametrize(
    ("advice", "typed"),
    [
        ("dlcctr check m.csv", f"{RUN} check m.csv"),
        ("dlcctr logs 'my m.csv' 7", f"{RUN} logs 'my m.csv' 7"),
        ("dlcctr submit 'my m.csv'", f"{RUN} sbatch 'my m.csv' > job.sh && sbatch job.sh"),
        ("dlcctr status m.csv --wait", f"squeue --me | {RUN} status m.csv --squeue -"),
        ("squeue --me -a | dlcctr status m.csv --squeue -", f"squeue --me -a | {RUN} status m.csv --squeue -"),
        (
            "dlcctr resubmit m.csv --again (it first shows what it would do); dlcctr logs m.csv 0",
            f"squeue --me | {RUN} resubmit m.csv --again --print --squeue - > job.sh && sbatch job.sh "
            f"(it first shows what it would do); {RUN} logs m.csv 0",
        ),
        (
            "run it with `dlcctr run m.csv`",
            f"run it with `apptainer run --nv {SIF} analyze --manifest m.csv --index N`",
        ),
        ("dlcctr cancel m.csv, change that", "scancel JOB, change that"),
        ("`dlcctr site init x` makes one", "`dlcctr site init x (where dlcctr is installed)` makes one"),
        ("a dlcctr image", "a dlcctr image"),
    ],
)
def test_commands_are_those_that_can_be_typed(inside: None, advice: str, typed: str) -> None:
    assert here(advice) == typed


def test_on_the_host_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTAINER_CONTAINER", SIF)  # somebody's own container with dlcctr in it
    assert here("dlcctr submit m.csv") == "dlcctr submit m.csv"


def test_what_was_bound_is_bound_again(inside: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPTAINER_BIND", "/data:/data,/my lab")
    assert here("dlcctr check m.csv") == f"apptainer run --bind '/data:/data,/my lab' {SIF} check m.csv"


def test_in_docker_the_images_own_name_stands_for_it(inside: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APPTAINER_CONTAINER")
    assert here("dlcctr check m.csv") == "dlc check m.csv"


def advice_in_the_source() -> Iterator[tuple[str, str]]:
    """Every text of the program that names a command."""
    for file in sorted(Path(dlcctr.__file__).parent.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "dlcctr " in node.value:
                yield file.name, node.value


def test_no_text_of_the_program_names_a_command_that_the_image_lacks(inside: None) -> None:
    group = typer.main.get_group(app)
    known = {*group.list_commands(None), "analyze", "doctor"}  # type: ignore[arg-type]
    assert known >= IN_IMAGE
    found = 0
    for file, text in advice_in_the_source():
        for name in re.findall(rf"dlcctr ({'|'.join(NAMES)})\b", text):
            found += name not in IN_IMAGE
            told = here(text)
            assert not re.search(rf"(?<!\w)dlcctr ({'|'.join(IN_IMAGE)})\b", told), (file, told)
        for name in re.findall(rf"{re.escape(SIF)} (\w+)", here(text)):
            assert name in known, (file, text)
    assert found > 10


def image(bench: Bench, *words: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """The image's program, as a SIF starts it."""
    return subprocess.run(
        [sys.executable, "-m", "entrypoint", *map(str, words)],
        env={"PATH": "/usr/bin:/bin", "APPTAINER_CONTAINER": SIF, "HOME": str(bench.manifest.parent)},
        cwd=bench.manifest.parents[0] if not Path("entrypoint").is_dir() else None,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_sif_alone_leads_from_the_manifest_to_sbatch(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    shown = image(bench, "status", bench.manifest, "--squeue", "-", stdin=PLAIN_HEAD)
    assert "next, unsubmitted (0): here: " in shown.stdout
    assert f"login node: {RUN} sbatch {bench.manifest} > job.sh && sbatch job.sh\n" in shown.stdout
    said = image(bench, "logs", bench.manifest, "0").stderr
    assert f"{RUN} sbatch {bench.manifest} > job.sh" in said and "dlcctr submit" not in said
    said = image(bench, "resubmit", bench.manifest).stderr
    assert "Slurm's commands are not in the image" in said
    said = image(bench, "sbatch", "--help").stdout
    assert "--site" in said and "dlcctr site list (where dlcctr is" in " ".join(said.split())
