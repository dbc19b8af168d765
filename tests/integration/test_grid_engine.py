"""`dlcctr script --scheduler sge` on a real Grid Engine: an array with a bad video, and that row alone once more."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.grid_engine import GridEngine
from tests.integration.support.tiny_models import make_model
from tests.media import write_video

pytestmark = pytest.mark.real
COUNT, BAD = 4, 2
ASK = ("--queue", "gpu.q", "--cpus", "2", "--mem-gb", "1", "--allow-cpu", "--fps", "20", "--time", "20")
"""The queue's fake GPUs are asked for as at a site; there are none behind them, so the CPU is allowed."""


@pytest.fixture(scope="module")
def grid_engine(docker_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GridEngine]:
    with GridEngine(tmp_path_factory.mktemp("grid") / "shared") as started:
        yield started


@pytest.fixture(scope="module")
def campaign(
    grid_engine: GridEngine, cpu_sif: Path, native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Folder with videos, model, SIF and a manifest that the SIF made."""
    folder = grid_engine.shared / "it's mice"
    (folder / "videos").mkdir(parents=True)
    for number in range(COUNT):
        write_video(folder / "videos" / f"v{number}.mp4", 12 + number, first=number)
    shutil.copytree(
        make_model(native_pytorch, "pytorch-single", tmp_path_factory.getbasetemp() / "models"), folder / "model"
    )
    shutil.copy(cpu_sif, folder / "dlc.sif")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, grid_engine.uid, grid_engine.uid)
    in_image(grid_engine, folder, "manifest", "videos", "-o", "m.csv", "--model", "model")
    return folder


def in_image(grid_engine: GridEngine, folder: Path, *words: str) -> str:
    """Run a command of the SIF, as a person does who has nothing else."""
    argv = ["apptainer", "--quiet", "run", "--bind", folder, "dlc.sif", *words]
    return grid_engine.run_as_user(argv, cwd=folder, timeout_s=300)


def submit(grid_engine: GridEngine, folder: Path) -> None:
    assert "has been submitted" in grid_engine.run_as_user(["qsub", "job.sh"], cwd=folder)
    grid_engine.wait(240)


def receipts(folder: Path) -> dict[int, dict[str, Any]]:
    found = [json.loads(path.read_text()) for path in (folder / "results").rglob("receipt.json")]
    return {receipt["row"]["index"]: receipt for receipt in found}


def logs(folder: Path) -> str:
    return "\n".join(file.read_text() for file in sorted((folder / "slurm/m/sge").glob("*.log")))


def test_an_array_runs_a_bad_row_is_named_and_it_alone_is_done_again(grid_engine: GridEngine, campaign: Path) -> None:
    bad = campaign / "videos" / f"v{BAD}.mp4"
    whole = bad.read_bytes()
    bad.write_bytes(whole[: len(whole) // 2])  # after the manifest was made
    in_image(
        grid_engine, campaign, "script", "m.csv", "--scheduler", "sge", *ASK, "--tasks", str(COUNT), "-o", "job.sh"
    )
    submit(grid_engine, campaign)
    said = grid_engine.dlcctr("check", "m.csv", cwd=campaign, code=20)
    assert f"{COUNT - 1} whole, 1 quarantined" in said, said + logs(campaign)
    first = receipts(campaign)
    assert sorted(first) == [row for row in range(COUNT) if row != BAD]
    for receipt in first.values():
        ids = receipt["scheduler"]
        assert (ids["DLCCTR_SCHEDULER"], ids["DLCCTR_JOB"]) == ("sge", "1")
        assert receipt["host"] == "ge"
    assert {receipt["scheduler"]["DLCCTR_JOB_TASK"] for receipt in first.values()} < {"1", "2", "3", "4"}
    assert logs(campaign).count("dlcctr-task-end code=0 ") == COUNT - 1 and "dlcctr-task-end code=4 " in logs(campaign)

    assert f"v{BAD}.mp4" in grid_engine.dlcctr("logs", "m.csv", str(BAD), cwd=campaign)
    bad.write_bytes(whole)
    (advised,) = re.findall(r"once they are repaired: dlcctr (.*); then: qsub job.sh", " ".join(said.split()))
    grid_engine.dlcctr(*shlex.split(advised), *ASK, cwd=campaign)
    submit(grid_engine, campaign)
    assert f"{COUNT} whole" in grid_engine.dlcctr("check", "m.csv", cwd=campaign)
    again = receipts(campaign)
    assert again[BAD]["scheduler"]["DLCCTR_JOB"] == "2"
    assert {row: again[row] for row in first} == first
    assert len(list((campaign / "slurm/m/sge").glob("2_*.log"))) == 1
