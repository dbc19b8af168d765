"""The Snakemake rule and the Nextflow process of docs/schedulers.md, as they stand there, on a small campaign.

Snakemake is the real one, and so is `analyze`; Apptainer is a stand-in that hands the words behind the SIF to the
native environment. Nextflow's own program comes from no package index: of its process, the command is run.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import string
import subprocess
import sys
from pathlib import Path

import pytest

from dlcctr.system.locks import waiting_lock
from tests.docker.apptainer import CHECKOUT
from tests.integration.support.campaigns import dlcctr, make_campaign, states
from tests.integration.support.tiny_models import make_model
from tests.integration.test_analyze_native import BOOT, ROOT
from tests.media import write_video

pytestmark = [pytest.mark.real, pytest.mark.full]
PAGE = CHECKOUT / "docs" / "schedulers.md"
LOCK = CHECKOUT / "requirements" / "snakemake.lock"
WHOLE = {"a.mp4": "whole", "b.mp4": "whole", "none.mp4": "unreadable"}


def code_of(language: str) -> str:
    """The one block of a language on the page."""
    (block,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(block.splitlines()) <= 12
    return str(block)


@pytest.fixture(scope="module")
def snakemake() -> Path:
    """Snakemake from hashed packages, in an environment of its own below .cache/."""
    folder = CHECKOUT / ".cache" / "snakemake"
    marker, key = folder / "packages", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    with waiting_lock(CHECKOUT / ".cache" / "snakemake.lock"):
        if not marker.is_file() or marker.read_text() != key:
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
            quiet = ["-qq", "--disable-pip-version-check", "--no-deps"]
            # one package comes as source only: it is built with the setuptools of .venv, not with whichever is newest
            hashed = ["--no-build-isolation", "--require-hashes", "-r", str(LOCK), "-w", str(folder / "wheels")]
            subprocess.run([sys.executable, "-m", "pip", "wheel", *quiet, *hashed], check=True)
            wheels = map(str, (folder / "wheels").glob("*.whl"))
            own = [str(folder / "bin" / "python"), "-m", "pip", "install", *quiet, "--no-index", *wheels]
            subprocess.run(own, check=True)
            shutil.rmtree(folder / "wheels")
            marker.write_text(key)
    return folder / "bin" / "snakemake"


@pytest.fixture
def campaign(tmp_path: Path, native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a manifest of two videos and one that is none, and a stand-in for apptainer in ``bin``."""
    for number, name in enumerate(("a.mp4", "b.mp4")):
        (tmp_path / "videos").mkdir(exist_ok=True)
        write_video(tmp_path / "videos" / name, 20, first=number)
    (tmp_path / "videos" / "none.mp4").write_text("no video")
    model = make_model(native_pytorch, "pytorch-single", tmp_path_factory.getbasetemp() / "models")
    make_campaign(tmp_path / "m.csv", tmp_path / "videos", model)
    program = tmp_path / "bin" / "apptainer"
    program.parent.mkdir()
    program.write_text(
        f"#!/bin/bash\necho \"$*\" >>{tmp_path}/calls\nuntil [[ $1 == *.sif ]]; do shift; done\nshift\n"
        f"exec {native_pytorch} -I -c {json.dumps(BOOT)} {ROOT} \"$@\" --allow-cpu\n"
    )  # fmt: skip
    program.chmod(0o755)
    return tmp_path


def calls(campaign: Path) -> list[str]:
    return sorted((campaign / "calls").read_text().splitlines())


def environment(campaign: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{campaign / 'bin'}:{os.environ['PATH']}", "CUDA_VISIBLE_DEVICES": "-1"}


def test_the_snakemake_rule_runs_every_row_and_only_what_is_missing_again(campaign: Path, snakemake: Path) -> None:
    (campaign / "Snakefile").write_text(code_of("python"))
    (line,) = re.findall(r"^snakemake (.*?) +#", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    argv = [snakemake, *line.split()]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            argv, cwd=campaign, env=environment(campaign), capture_output=True, text=True, check=False
        )  # fmt: skip

    done = run()
    assert done.returncode == 1, "one row is bad: " + done.stderr
    assert states(campaign / "m.csv") == WHOLE, done.stderr
    start = f"run --nv --bind {campaign} dlc.sif analyze --manifest m.csv --index"
    assert calls(campaign) == [f"{start} {row}" for row in range(3)]
    (campaign / "done" / "1").unlink()
    assert run().returncode == 1
    assert calls(campaign) == sorted(f"{start} {row}" for row in (0, 1, 1, 2, 2))
    assert "2 whole" in dlcctr("check", campaign / "m.csv", code=20)


def test_the_command_of_the_nextflow_process_runs_every_row(campaign: Path) -> None:
    text = code_of("groovy")
    (command,) = re.findall(r'^ *"""\n(.*?)^ *"""$', text, re.DOTALL | re.MULTILINE)
    assert "input: val index" in text and "row.index" in text
    with (campaign / "m.csv").open(newline="") as stream:
        indices = [row["index"] for row in csv.DictReader(stream)]
    work = campaign / "work"
    work.mkdir()
    codes = [
        subprocess.run(
            ["bash", "-ue", "-c", string.Template(command).substitute(launchDir=campaign, index=index)],
            cwd=work, env=environment(campaign), capture_output=True, text=True, check=False,
        ).returncode
        for index in indices
    ]  # fmt: skip
    assert codes == [0, 0, 4]
    assert states(campaign / "m.csv") == WHOLE
