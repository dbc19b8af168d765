"""Shuffles of a project's present iteration."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from dlcctr.training.project import TrainProject, read_train_project
from dlcctr.training.record import TRAINING_FILENAME, TRAININGS, Status, Training
from tests.unit.support.projects import config, pytorch_project, tensorflow_project, train_folder, write_json


def state(**changes: object) -> Training:
    values = {"status": Status.DONE, "engine": "pytorch", "shuffle": 1, "iteration": 0, "trainset_index": 0, "seed": 1,
              "epochs_done": 9, "epochs_wanted": 9, **changes}  # fmt: skip
    return Training(**values)  # type: ignore[arg-type]


def test_shuffles_of_this_iteration_with_their_state(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    (train_folder(project) / TRAINING_FILENAME).write_text(TRAININGS.text(state()))
    (project / "dlc-models-pytorch/iteration-1/mouseJan1-trainset95shuffle2/train").mkdir(parents=True)
    found = read_train_project(project / "config.yaml")
    assert (found.folder, found.iteration, found.engine) == (project, 0, "pytorch")
    assert [each.shuffle for each in found.shuffles] == [1]
    (one,) = found.shuffles
    assert one.is_finished
    assert found.find(2) is None


@pytest.mark.parametrize("status", [Status.RUNNING, Status.INTERRUPTED, Status.FAILED])
def test_only_what_is_done_is_finished(tmp_path: Path, status: Status) -> None:
    project = pytorch_project(tmp_path / "p")
    (train_folder(project) / TRAINING_FILENAME).write_text(TRAININGS.text(state(status=status)))
    assert not read_train_project(project).shuffles[0].is_finished


def test_the_engine_of_a_project_that_does_not_name_one(tmp_path: Path) -> None:
    assert read_train_project(tensorflow_project(tmp_path / "old")).engine == "tensorflow"
    write_json(tmp_path / "new/config.yaml", config())
    new = read_train_project(tmp_path / "new")
    assert (new.engine, new.shuffles) == ("tensorflow", ())


def test_of_two_engines_the_projects_own_comes_first(tmp_path: Path) -> None:
    project = tensorflow_project(pytorch_project(tmp_path / "p"))
    write_json(project / "config.yaml", config(engine="pytorch"))
    found: TrainProject = read_train_project(project)
    assert [each.engine for each in found.shuffles] == ["pytorch", "tensorflow"]
    one = found.find(1)
    assert one is not None and one.engine == "pytorch"


def test_a_model_before_is_one_with_a_snapshot_of_an_earlier_iteration(tmp_path: Path) -> None:
    assert not read_train_project(pytorch_project(tmp_path / "first")).has_before
    assert read_train_project(pytorch_project(tmp_path / "next", iteration=1)).has_before
    assert not read_train_project(pytorch_project(tmp_path / "untrained", snapshots=(), iteration=1)).has_before
    assert not read_train_project(tensorflow_project(tmp_path / "other", iteration=1, engine="pytorch")).has_before


def test_what_is_no_project_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.yaml"):
        read_train_project(tmp_path)
    project = pytorch_project(tmp_path / "p")
    (train_folder(project) / TRAINING_FILENAME).write_text("{")
    with pytest.raises(ModelError, match=TRAINING_FILENAME):
        read_train_project(project)


@pytest.mark.parametrize(("fractions", "percent"), [([0.95, 0.8], 95), ([0.8, 0.95], 80)])
def test_of_two_fractions_the_one_that_is_trained_comes_first(
    tmp_path: Path, fractions: list[float], percent: int
) -> None:
    """`dlc train` trains the first of TrainingFraction; DeepLabCut makes a set for each."""
    project = pytorch_project(tmp_path / "p", TrainingFraction=fractions)
    folder = train_folder(project).parent
    shutil.copytree(folder, folder.with_name(folder.name.replace("trainset95", "trainset80")))
    one = read_train_project(project).find(1)
    assert one is not None and one.percent == percent
