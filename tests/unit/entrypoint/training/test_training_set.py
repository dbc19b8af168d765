from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.errors import ModelError
from entrypoint.training.child import training_set
from entrypoint.training.child.training_set import is_whole, setting, train_folder
from entrypoint.training.events import Order

CONFIG = "Task: t\ndate: Jan1\nTrainingFraction: [0.95, 0.29]\niteration: 2\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text(CONFIG)
    return tmp_path


def order(project: Path, **fields: int) -> Order:
    return Order(str(project / "config.yaml"), "pytorch", **{"shuffle": 3, **fields})  # type: ignore[arg-type]


def make(train: Path) -> Path:
    for file in (train / "pytorch_config.yaml", train.parent / "test/pose_cfg.yaml"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("net_type: resnet_50\n")
    return train


def test_the_folder_is_deeplabcuts(project: Path) -> None:
    top = project / "dlc-models-pytorch/iteration-2"
    assert train_folder(project, order(project)) == (top / "tJan1-trainset95shuffle3/train", 0.95)
    assert train_folder(project, order(project, trainset_index=1))[0] == top / "tJan1-trainset28shuffle3/train"
    with pytest.raises(ModelError, match="no training set index 2"):
        train_folder(project, order(project, trainset_index=2))


def test_half_a_set_is_none(project: Path) -> None:
    train = make(project / "train")
    assert is_whole(train, "pytorch") and not is_whole(train, "tensorflow")
    (project / "test/pose_cfg.yaml").unlink()
    assert not is_whole(train, "pytorch")


@pytest.mark.parametrize("other", ["dlc-models-pytorch/iteration-2/tJan1-trainset28shuffle3/train"])
def test_another_fraction_of_the_shuffle_is_never_overwritten(project: Path, other: str) -> None:
    make(project / other)
    train, _ = train_folder(project, order(project))
    with pytest.raises(ModelError, match="would overwrite its split"):
        training_set._check_new(project / "config.yaml", train, order(project))
    training_set._check_new(project / "config.yaml", train, order(project, shuffle=4))


@pytest.mark.parametrize("half", ["", "net_type: [resn"])
def test_a_configuration_that_was_half_written_comes_back(project: Path, half: str) -> None:
    file = project / "pytorch_config.yaml"
    file.write_text("net_type: resnet_50\n")
    assert training_set._read_whole(file, version_1_1=False, keep=True) == {"net_type": "resnet_50"}
    file.write_text(half)
    assert training_set._read_whole(file, version_1_1=False, keep=True) == {"net_type": "resnet_50"}
    assert file.read_text() == "net_type: resnet_50\n"


def test_a_trial_keeps_no_copy(project: Path) -> None:
    file = project / "pytorch_config.yaml"
    file.write_text("net_type: resnet_50\n")
    training_set._read_whole(file, version_1_1=False, keep=False)
    assert {each.name for each in project.iterdir()} == {"config.yaml", file.name}


def test_settings_that_are_not_there_have_their_default() -> None:
    pose = {"a": {"b": 1, "c": None}, "d": 3}
    assert setting(pose, "a", "b") == 1
    assert [setting(pose, *keys, default=9) for keys in (("a", "c"), ("d", "b"), ("x", "y", "z"))] == [9, 9, 9]
