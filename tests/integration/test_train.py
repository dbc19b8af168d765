"""`dlc train` with real DeepLabCut: killed and gone on it is the same training, and it is stock DeepLabCut's."""

from __future__ import annotations

import csv
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.curve.losses import read_losses
from dlcctr.training.record import Status, Training, find_training, find_trial
from tests.integration.support.training import (
    assert_same_losses,
    copy_of,
    dlc,
    draw_project,
    make_set,
    near,
    script,
    train,
)

pytestmark = [pytest.mark.real, pytest.mark.full]

EPOCHS, ITERATIONS = 6, 24
TOLERANCE, TENSORFLOW_TOLERANCE = 1e-5, 1e-4
"""Of a loss, relative: the last bits of a sum depend on where its numbers lie in memory, with TensorFlow also on the
order in which many threads come."""
WEIGHTS_TOLERANCE = 1e-3
"""Absolute, of any weight."""
STOCK_RUN = """
import sys
sys.path.insert(0, sys.argv[4])
from entrypoint.engines.torchvision_ops import declare_missing
declare_missing()
import deeplabcut
config, start, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
deeplabcut.train_network(config, shuffle=1, device="cpu", snapshot_path=start,
                         pytorch_cfg_updates={"train_settings.seed": seed})
"""
RANDOM_START = """
import sys
sys.path.insert(0, sys.argv[3])
from entrypoint.engines.torchvision_ops import declare_missing
declare_missing()
import torch, yaml
from pathlib import Path
from deeplabcut.pose_estimation_pytorch.models import PoseModel
torch.manual_seed(3)
model = PoseModel.build(yaml.safe_load(Path(sys.argv[1]).read_text())["model"], pretrained_backbone=False)
torch.save({"model": model.state_dict(), "metadata": {"epoch": 0}}, sys.argv[2])
"""
SAME_WEIGHTS = """
import sys, torch
one, two = (torch.load(name, map_location="cpu", weights_only=True)["model"] for name in sys.argv[1:])
print(max(float((one[name].double() - two[name].double()).abs().max()) for name in one))
"""
ROOT = Path(__file__).resolve().parents[2]


def kill_when(python: Path, project: Path, is_time: Callable[[str], bool], number: int, *options: str) -> int:
    """Start a training, send a signal once it is time by what it has printed, and return how it ended."""
    log = project.with_name(f"{project.name}-{number}.log")
    with log.open("w") as stream:
        process = subprocess.Popen(
            dlc(python, "train", str(project), "--allow-cpu", *options), stdout=stream, stderr=subprocess.STDOUT
        )
    while process.poll() is None:
        if is_time(log.read_text()):
            os.kill(process.pid, number)
            break
        time.sleep(0.02)
    return process.wait(120)


def folder(project: Path) -> Path:
    return next(project.glob("dlc-models*/iteration-0/*/train"))


def state(project: Path, *, must: bool = True) -> Training | None:
    found = find_training(folder(project))
    assert found or not must
    return found


def assert_same(one: Path, two: Path) -> None:
    """Two trainings have the same curve, here and in DeepLabCut's own log."""
    assert_same_losses(one, two, TOLERANCE)
    assert_same_log(one, two)


def assert_same_log(one: Path, two: Path) -> None:
    """DeepLabCut's own logs have the same numbers."""
    first, second = (list(csv.reader((each / "learning_stats.csv").read_text().splitlines())) for each in (one, two))
    assert first[0] == second[0] and len(first) == len(second) == EPOCHS + 1
    for a, b in zip(first[1:], second[1:], strict=True):
        assert all(x == y or near(float(x), float(y), TOLERANCE) for x, y in zip(a, b, strict=True)), (a, b)


@pytest.fixture(scope="module")
def drawn(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Project with a training set and a small network."""
    project = draw_project(tmp_path_factory.mktemp("train") / "p", "pytorch")
    make_set(native_pytorch, project, "pytorch", EPOCHS)
    return project


@pytest.fixture(scope="module")
def uninterrupted(native_pytorch: Path, drawn: Path) -> Path:
    project = copy_of(drawn, drawn.with_name("uninterrupted"))
    train(native_pytorch, project, "--weights", "none", "--seed", "5")
    return project


def test_killed_and_gone_on_it_is_the_same_training(
    native_pytorch: Path, drawn: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    project = copy_of(drawn, tmp_path / "killed")
    options = ("--weights", "none", "--seed", "5")
    often = ("--checkpoint-s", "0")
    killed = kill_when(native_pytorch, project, lambda log: "epoch 2 of" in log, signal.SIGKILL, *options, *often)
    assert killed == -signal.SIGKILL
    assert kill_when(native_pytorch, project, lambda log: "epoch 4 of" in log, signal.SIGTERM, *often) == 75
    assert (state(project) or pytest.fail()).status is Status.INTERRUPTED
    train(native_pytorch, project)
    found = state(project)
    assert found and (found.status, found.starts, found.epochs_done) == (Status.DONE, 3, EPOCHS)
    one, two = folder(uninterrupted), folder(project)
    assert_same(one, two)
    snapshots = sorted(each.name for each in one.glob("snapshot-*.pt"))
    assert sorted(each.name for each in two.glob("*.pt")) == snapshots
    for name in snapshots:
        assert float(script(native_pytorch, SAME_WEIGHTS, str(one / name), str(two / name))) < WEIGHTS_TOLERANCE


def test_it_is_stock_deeplabcuts_training(native_pytorch: Path, drawn: Path, tmp_path: Path) -> None:
    ours, stock = copy_of(drawn, tmp_path / "ours"), copy_of(drawn, tmp_path / "stock")
    start = tmp_path / "start.pt"
    script(native_pytorch, RANDOM_START, str(folder(drawn) / "pytorch_config.yaml"), str(start), str(ROOT))
    train(native_pytorch, ours, "--weights", str(start), "--seed", "5")
    script(native_pytorch, STOCK_RUN, str(stock / "config.yaml"), str(start), "5", str(ROOT))
    assert_same_log(folder(ours), folder(stock))
    found = state(ours)
    assert found and found.start.kind == "file" and len(found.start.sha256) == 64


def test_the_next_iteration_starts_from_the_model_before(native_pytorch: Path, uninterrupted: Path) -> None:
    project = copy_of(uninterrupted, uninterrupted.with_name("next"))
    config = project / "config.yaml"
    config.write_text(config.read_text().replace("iteration: 0", "iteration: 1"))
    old = folder(project)
    before = {each.name: each.stat().st_mtime_ns for each in old.iterdir()}
    shown = train(native_pytorch, project, "--weights", str(project), "--epochs", "1", code=5)
    assert "weights of another network" in shown  # the set is of a ResNet-50, the model before a ResNet-18
    new = next(project.glob("dlc-models-pytorch/iteration-1/*/train"))
    shutil.copy(old / "pytorch_config.yaml", new)
    train(native_pytorch, project, "--weights", str(project), "--epochs", "1")
    found = find_training(new)
    assert found and found.status is Status.DONE and found.iteration == 1
    assert found.start.kind == "project" and Path(found.start.path).parent == old
    assert {each.name: each.stat().st_mtime_ns for each in old.iterdir()} == before


def test_a_bundle_is_as_good_a_start_as_its_snapshot(
    native_pytorch: Path, drawn: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "model.dlcmodel"
    listing = pack_model(uninterrupted, bundle)
    one, two = copy_of(drawn, tmp_path / "one"), copy_of(drawn, tmp_path / "two")
    options = ("--seed", "5", "--epochs", "2")
    shown = train(native_pytorch, one, "--weights", str(bundle), *options)
    assert f"starts from {bundle} (bundle)" in shown
    snapshot = folder(uninterrupted) / f"{listing.model['snapshot']}.pt"
    train(native_pytorch, two, "--weights", str(snapshot), *options)
    assert_same_losses(folder(one), folder(two), TOLERANCE)
    starts = [(state(each) or pytest.fail()).start for each in (one, two)]
    assert [each.kind for each in starts] == ["bundle", "file"] and starts[0].sha256 == starts[1].sha256 != ""


def test_weights_that_are_not_here_are_an_error_and_no_download(
    native_pytorch: Path, drawn: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HF_HOME", "TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    project = copy_of(drawn, tmp_path / "p")
    shown = " ".join(train(native_pytorch, project, code=5).split())
    assert "resnet18 are not on this machine" in shown and "hf download timm/resnet18" in shown
    found = state(project)
    assert found and found.status is Status.FAILED and not list(folder(project).glob("*.pt"))


def test_a_trial_measures_and_changes_nothing(native_pytorch: Path, drawn: Path, tmp_path: Path) -> None:
    project = copy_of(drawn, tmp_path / "p")
    before = {each: each.read_bytes() for each in folder(project).iterdir() if each.is_file()}
    shown = train(native_pytorch, project, "--trial", "--weights", "none")
    trial = find_trial(folder(project))
    assert trial and trial.seconds_per_epoch > 0 and trial.host_mb > 100 and trial.frames_train == 12
    assert trial.steps == 12 and "s for each epoch" in shown
    after = {each: each.read_bytes() for each in folder(project).iterdir() if each.name != "dlcctr-trial.json"}
    assert after == before


def test_tensorflow_goes_on_with_the_same_batches(native_tensorflow: Path, tmp_path: Path) -> None:
    project = draw_project(tmp_path / "p", "tensorflow")
    make_set(native_tensorflow, project, "tensorflow", ITERATIONS)
    options = ("--weights", "none", "--seed", "5", "--epochs", str(ITERATIONS))
    one, two = copy_of(project, tmp_path / "one"), copy_of(project, tmp_path / "two")
    train(native_tensorflow, one, *options)
    kept = folder(two) / "dlcctr-state" / "state.json"
    killed = kill_when(native_tensorflow, two, lambda _: kept.exists(), signal.SIGKILL, *options, "--checkpoint-s", "1")
    assert killed == -signal.SIGKILL
    train(native_tensorflow, two)
    curves = [read_losses(folder(each)) for each in (one, two)]
    assert [row.epoch for row in curves[1]] == [row.epoch for row in curves[0]] == list(range(1, ITERATIONS + 1))
    for a, b in zip(*curves, strict=True):
        assert math.isclose(a.train_loss, b.train_loss, rel_tol=TENSORFLOW_TOLERANCE), (a, b)
    found = state(two)
    assert found and (found.status, found.snapshot, found.starts) == (Status.DONE, f"snapshot-{ITERATIONS}", 2)
    assert (folder(two) / f"snapshot-{ITERATIONS}.index").is_file() and not (folder(two) / "dlcctr-state").exists()
