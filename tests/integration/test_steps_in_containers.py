"""Steps of several animals and of several models in Docker and in the SIF; test_run.py has those of one animal."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy
import pandas
import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.results.steps.receipt import STEP_RECEIPTS, StepReceipt
from tests.docker.apptainer import ApptainerBench
from tests.integration.support.campaigns import check, dlcctr, make_campaign
from tests.integration.support.tiny_models import make_model
from tests.integration.test_analyze_native import calm_video

pytestmark = [pytest.mark.real, pytest.mark.full]
FRAMES = 40


@pytest.fixture
def project(native_pytorch: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-animal project with a second snapshot, which is a copy: both models see the same animals."""
    made = make_model(native_pytorch, "pytorch-multi", tmp_path_factory.getbasetemp() / "models")
    copy = tmp_path / "model"
    shutil.copytree(made, copy)
    *others, last = sorted(copy.rglob("snapshot-[0-9]*.pt"))
    for each in others:
        each.unlink()
    shutil.copy(last, last.with_name("snapshot-900.pt"))
    return copy


def make(folder: Path, project: Path) -> Path:
    """A row for each snapshot of one video; tracks, a filter of them, both models combined, and drawn."""
    (folder / "videos").mkdir(parents=True)
    calm_video(folder / "videos" / "a.mp4", FRAMES)
    names = ",".join(sorted(file.stem for file in project.rglob("snapshot*.pt")))
    make_campaign(folder / "m.csv", folder / "videos", project, "--snapshot", names)
    for words in (
        ("tracks",), ("filter", "--of", "tracks"), ("ensemble", "combine=median"),
        ("label-video", "--of", "ensemble", "beside=rows"), ("csv", "--of", "ensemble"),
    ):  # fmt: skip
        dlcctr("steps", "add", folder / "m.csv", *words)
    return folder / "m.csv"


def receipts(manifest: Path, name: str) -> list[StepReceipt]:
    found = read_campaign(manifest).out.rglob(f"steps/{name}/{RECEIPT_FILENAME}")
    return [STEP_RECEIPTS.read(file) for file in found]


def insist_whole(manifest: Path) -> None:
    rows = check(manifest)["rows"]
    assert [row["state"] for row in rows] == ["whole", "whole"], rows
    assert [len(receipts(manifest, name)) for name in ("tracks", "filter", "ensemble", "label-video", "csv")] == [
        2, 2, 1, 1, 1,
    ]  # fmt: skip
    (made,) = receipts(manifest, "ensemble")
    assert made.facts["models"] == 2 and made.facts["matched_share"] == 1.0
    # two equal models agree: the median of both is where each of them sees the animal
    (combined,) = read_campaign(manifest).out.rglob("*_ensemble.h5")
    (own,) = combined.parents[2].glob("*.h5")
    found, wanted = (pandas.read_hdf(file).to_numpy(float).reshape(FRAMES, -1, 3) for file in (combined, own))
    sure = wanted[..., 2] >= 0.1
    numpy.testing.assert_allclose(found[sure][:, :2], wanted[sure][:, :2], atol=1e-3)
    assert sure.sum() > FRAMES


def test_docker(project: Path, tmp_path: Path, cpu_image: str) -> None:
    manifest = make(tmp_path / "docker", project)
    dlcctr("run", manifest, "--image", cpu_image, "--allow-cpu", "--jobs", "1")
    insist_whole(manifest)
    dlcctr("steps", "add", manifest, "tracks", "tracker=box")
    assert [row["state"] for row in check(manifest)["rows"]] == ["unfinished", "unfinished"]
    dlcctr("step", "--manifest", manifest, "--image", cpu_image)
    insist_whole(manifest)
    assert {each.parameters["tracker"] for each in receipts(manifest, "tracks")} == {"box"}


def test_apptainer(project: Path, apptainer_bench: ApptainerBench, cpu_sif: Path) -> None:
    shared = apptainer_bench.shared / "steps"
    shutil.copytree(project, shared / "model")
    manifest = make(shared, shared / "model")
    subprocess.run(["chown", "-R", f"{apptainer_bench.uid}:{apptainer_bench.uid}", str(shared)], check=True)
    done = apptainer_bench.dlcctr(["run", manifest, "--image", cpu_sif, "--allow-cpu", "--jobs", "1"], binds=[cpu_sif])
    assert done.returncode == 0, done.stdout + done.stderr
    insist_whole(manifest)
