"""Every step of every kind of row natively, in Docker and in the SIF; and steps of several models in both."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from dlcctr.results.steps.receipt import STEP_RECEIPTS, StepReceipt
from tests.docker.apptainer import ApptainerBench
from tests.docker.fixtures import ensure_image, make_sif
from tests.integration.support.campaigns import check, dlcctr, make_campaign
from tests.integration.support.tiny_models import BODYPARTS, KINDS, make_model
from tests.integration.test_analyze_native import calm_video
from tests.integration.test_steps import steps_of

pytestmark = [pytest.mark.real, pytest.mark.full]
FRAMES = 40


OTHER_WEIGHTS = """
import sys, torch
file = sys.argv[1]
snapshot = torch.load(file, map_location="cpu", weights_only=True)
generator = torch.Generator().manual_seed(7)
for weights in snapshot["model"].values():
    if weights.ndim == 4:
        weights.mul_(1 + 0.003 * torch.randn(weights.shape, generator=generator))
torch.save(snapshot, file)
"""


@pytest.fixture
def project(native_pytorch: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A multi-animal project with a second snapshot, whose weights differ a little: both see the same animals."""
    made = make_model(native_pytorch, "pytorch-multi", tmp_path_factory.getbasetemp() / "models")
    copy = tmp_path / "model"
    shutil.copytree(made, copy)
    *others, last = sorted(copy.rglob("snapshot-[0-9]*.pt"))
    for each in others:
        each.unlink()
    other = last.with_name("snapshot-900.pt")
    shutil.copy(last, other)
    subprocess.run([native_pytorch, "-I", "-c", OTHER_WEIGHTS, other], check=True)
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
    assert made.facts["models"] == 2
    insist_between(*results_of_both(manifest))


def results_of_both(manifest: Path) -> list[numpy.ndarray]:
    """Positions that were combined, and those of both models: frames, animals, body parts, (x, y, likelihood)."""
    (combined,) = read_campaign(manifest).out.rglob("*_ensemble.h5")
    rows = list(read_campaign(manifest).out.rglob("a.mp4/*.h5"))
    assert len(rows) == 2
    parts = len(BODYPARTS)
    return [pandas.read_hdf(file).to_numpy(float).reshape(FRAMES, -1, parts, 3) for file in (combined, *rows)]


def insist_between(found: numpy.ndarray, one: numpy.ndarray, other: numpy.ndarray) -> None:
    """Each combined point is that of one model, or half way between an animal of one and an animal of the other."""
    halfway = (one[:, :, None] + other[:, None])[..., :2] / 2  # frames, animals of one, of the other, parts, x and y
    pairs = halfway.reshape(FRAMES, -1, *halfway.shape[3:])
    choices = numpy.concatenate([pairs, one[..., :2], other[..., :2]], axis=1)
    away = numpy.abs(found[:, :, None, :, :2] - choices[:, None]).max(axis=-1)
    nearest = numpy.where(numpy.isfinite(away), away, numpy.inf).min(axis=2)
    known = numpy.isfinite(found[..., 0])
    assert known.sum() > FRAMES
    assert nearest[known].max() < 1e-3
    away = numpy.abs(found[:, :, None, :, :2] - pairs[:, None]).max(axis=-1)
    both = numpy.where(numpy.isfinite(away), away, numpy.inf).min(axis=2)[known] < 1e-3
    apart = numpy.nanmax(numpy.abs(one - other)[..., :2])
    print({"points": int(known.sum()), "of both": int(both.sum()), "models apart by at most, px": float(apart)})
    assert both.sum() > FRAMES and apart > 0.1


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


def add(manifest: Path, parameters: dict[str, Any]) -> None:
    """A step of `steps_of`, by the command."""
    given = dict(parameters)
    name, of = given.pop("name"), given.pop("of", "analysis")
    kind_of_step = given.pop("kind", name)
    words = [f"{key}={value}" for key, value in given.items()]
    dlcctr("steps", "add", manifest, kind_of_step, "--name", name, "--of", of, *words)


def results_of(manifest: Path) -> dict[str, Path]:
    """What holds positions, by its path below the row's folder."""
    (folder,) = (file.parent for file in read_campaign(manifest).out.rglob(f"a.mp4/{RECEIPT_FILENAME}"))
    kinds = (".h5", ".csv", ".mp4", ".nwb")
    return {str(file.relative_to(folder)): file for file in sorted(folder.rglob("*")) if file.suffix in kinds}


def insist_same_results(manifests: dict[str, Path]) -> None:
    """The same files, with equal positions; a labelled video is the same to the byte."""
    wanted = results_of(manifests["native"])
    assert {file.suffix for file in wanted.values()} == {".h5", ".csv", ".mp4", ".nwb"}
    for place in ("docker", "sif"):
        found = results_of(manifests[place])
        assert list(found) == list(wanted)
        for name, file in wanted.items():
            if file.suffix == ".h5" and not name.endswith(".sleap.h5"):
                pandas.testing.assert_frame_equal(pandas.read_hdf(found[name]), pandas.read_hdf(file), check_exact=True)
            elif file.suffix in (".csv", ".mp4"):
                assert found[name].read_bytes() == file.read_bytes(), (place, name)


@pytest.mark.parametrize("kind", KINDS)
def test_every_step_is_the_same_everywhere(
    kind: str, request: pytest.FixtureRequest, apptainer_bench: ApptainerBench
) -> None:
    """Natively, in Docker and in the SIF of the engine, from the analysis on; then with another parameter."""
    engine = kind.partition("-")[0]
    python = request.getfixturevalue(f"native_{engine}")
    folder = apptainer_bench.shared / kind
    (folder / "videos").mkdir(parents=True)
    calm_video(folder / "videos" / "a.mp4", FRAMES)
    shutil.copytree(make_model(python, kind, folder.parent / "models"), folder / "model")
    image = ensure_image(pick_flavour(list_flavours(), read_pins(), engine, "cpu"))
    sif = make_sif(apptainer_bench, image, "--compression", "zstd")
    places = {"native": ("--runtime", "native"), "docker": ("--image", image), "sif": ("--image", sif)}
    manifests = {place: folder / place / "m.csv" for place in places}
    steps = {step["name"]: step for step in steps_of(kind)}

    def do(place: str, *words: str | Path) -> None:
        if place != "sif":
            dlcctr(*words, *places[place])
            return
        owner = f"{apptainer_bench.uid}:{apptainer_bench.uid}"
        subprocess.run(["chown", "-R", owner, str(folder)], check=True)
        done = apptainer_bench.dlcctr([*words, *places[place]], binds=[sif])
        assert done.returncode == 0, done.stdout + done.stderr

    for place, manifest in manifests.items():
        make_campaign(manifest, folder / "videos", folder / "model")
        for step in steps.values():
            add(manifest, step)
        do(place, "run", manifest, "--allow-cpu")
        (row,) = check(manifest)["rows"]
        assert row["state"] == "whole", row
    insist_same_results(manifests)
    filtered = {place: receipts(manifest, "filter") for place, manifest in manifests.items()}
    kept = {place: receipts(manifest, "kalman") for place, manifest in manifests.items()}
    for place, manifest in manifests.items():
        add(manifest, {**steps["filter"], "windowlength": 7})
        assert [row["state"] for row in check(manifest)["rows"]] == ["unfinished"]
        do(place, "step", "--manifest", manifest)
        assert [row["state"] for row in check(manifest)["rows"]] == ["whole"]
        assert receipts(manifest, "filter") != filtered[place]
        assert receipts(manifest, "kalman") == kept[place]
    insist_same_results(manifests)
