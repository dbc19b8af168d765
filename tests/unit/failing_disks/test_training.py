"""Commands of a training round, on a disk that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlcctr.training.record import TRAINING_FILENAME, TRAININGS, StartWeights
from tests.unit.failing_disks.test_cluster import campaign_in
from tests.unit.support.failing_commands import Case, Work, check_each_write, command
from tests.unit.support.fault_world import FAR, HOST, SIF, World
from tests.unit.support.projects import config, pytorch_project, train_folder
from tests.unit.training.test_project import state

DONE = state(started="2026-03-01T12:00:00+00:00", start=StartWeights("cache", "resnet", "ab" * 32))


def image_of(world: World) -> tuple[object, ...]:
    (world.here / "dlc.sif").write_bytes(SIF)
    return ("--runtime", "apptainer", "--image", world.here / "dlc.sif")


def evaluate(world: World) -> Work:
    return command("evaluate", pytorch_project(world.here / "p"), *image_of(world), "--gpus", "none")


def train_script(world: World) -> Work:
    image_of(world)
    project = pytorch_project(world.here / "p")
    return command("train", "script", project, "--image", world.here / "dlc.sif", "-o", world.here / "t.sbatch")


def train_submit(world: World) -> Work:
    image_of(world)
    return command("train", "submit", pytorch_project(world.here / "p"), "--image", world.here / "dlc.sif")


def labelled(folder: Path) -> Path:
    """A project with a picture; its config.yaml has a key in each line, as DeepLabCut writes it."""
    pytorch_project(folder)
    lines = (f"{key}: {json.dumps(value)}\n" for key, value in config(engine="pytorch").items())
    (folder / "config.yaml").write_text("".join(lines))
    (folder / "labeled-data/a").mkdir(parents=True)
    (folder / "labeled-data/a/img001.png").write_bytes(b"picture")
    (folder / "labeled-data/a/CollectedData_lab.csv").write_text("scorer,lab\n")
    return folder


def train_push(world: World) -> Work:
    return command("train", "push", labelled(world.here / "p"), f"{HOST}:{FAR}")


def train_fetch(world: World) -> Work:
    there = labelled(world.there / FAR)
    (train_folder(there) / TRAINING_FILENAME).write_text(TRAININGS.text(DONE))
    here = labelled(world.here / "p")
    (train_folder(here) / "snapshot-200.pt").unlink()
    return command("train", "fetch", f"{HOST}:{FAR}", here)


def compare(world: World) -> Work:
    bench = campaign_in(world)
    return command("compare", bench.manifest, "--model", pytorch_project(world.here / "q", snapshots=("snapshot-9",)),
                   "--no-run")  # fmt: skip


CASES = (
    Case("train script", train_script),
    Case("train submit", train_submit, already="shuffle 1 waits already as job 501_0"),
    Case("train push", train_push, every=2),
    Case("train fetch", train_fetch, every=2),
    Case("evaluate", evaluate, least=1),
    Case("compare", compare, every=2),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_disk_that_fails_is_said_at_every_write(
    case: Case, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_each_write(case, tmp_path, capsys)
