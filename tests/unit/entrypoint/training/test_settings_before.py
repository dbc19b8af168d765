from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.errors import DlcctrError, UsageError
from dlcctr.model.yaml.yaml12 import read_yaml
from entrypoint.training.child import settings_before
from entrypoint.training.child.settings_before import Difference, differences, find_before, take_over
from entrypoint.training.events import Order

DEFAULTS: dict[str, Any] = {
    "net_type": "resnet_50",
    "metadata": {"project_path": "/new"},
    "model": {"heads": {"bodypart": {"channels": 9}}},
    "data": {
        "inference": {"normalize": True},
        "train": {"affine": {"rotation": 30, "scaling": [0.5, 1.25]}, "hflip": False},
    },
    "runner": {"optimizer": {"params": {"lr": 5e-4}}, "snapshots": {"save_epochs": 50}, "snapshot_prefix": None},
    "train_settings": {"epochs": 200, "batch_size": 8, "seed": 42, "weight_init": {"dataset": "a"}},
    "detector": {"train_settings": {"epochs": 250, "seed": 42}, "model": {"variant": "new"}},
}  # fmt: skip


def edited(table: dict[str, Any]) -> dict[str, Any]:
    """As a lab has it after the first iteration."""
    own = json.loads(json.dumps(table))
    own["metadata"]["project_path"] = "/old"
    own["model"]["heads"]["bodypart"]["channels"] = 4
    own["data"]["train"] = {"affine": None, "hflip": {"p": 0.5, "symmetries": [[1, 2]]}}
    own["runner"]["optimizer"]["params"]["lr"] = 1e-5
    own["runner"]["snapshot_prefix"] = "mine"
    own["train_settings"] = {"epochs": 400, "batch_size": 32, "seed": 7, "weight_init": {"dataset": "b"}, "gone": 1}
    own["detector"]["train_settings"]["epochs"] = 10
    own["detector"]["model"]["variant"] = "old"
    return own


EXPECTED = [
    Difference(("data", "train", "affine"), None, {"rotation": 30, "scaling": [0.5, 1.25]}),
    Difference(("data", "train", "hflip"), {"p": 0.5, "symmetries": [[1, 2]]}, False),
    Difference(("runner", "optimizer", "params", "lr"), 1e-5, 5e-4),
    Difference(("train_settings", "epochs"), 400, 200),
    Difference(("train_settings", "batch_size"), 32, 8),
    Difference(("train_settings", "gone"), 1, None),
    Difference(("detector", "train_settings", "epochs"), 10, 250),
]


def test_how_a_network_is_trained_is_compared_and_not_what_it_is() -> None:
    assert differences(edited(DEFAULTS), DEFAULTS, "pytorch") == EXPECTED
    assert EXPECTED[3].shown(taken=False) == "train_settings.epochs 200 (before: 400)"
    assert EXPECTED[3].shown(taken=True) == "train_settings.epochs 400 (not 200)"
    assert not differences({**edited(DEFAULTS), "net_type": "hrnet_w32"}, DEFAULTS, "pytorch")
    assert not differences(DEFAULTS, {**DEFAULTS, "runner": {**DEFAULTS["runner"], "of_a_newer_one": 1}}, "pytorch")


def test_of_tensorflow() -> None:
    now = {
        "net_type": "resnet_50",
        "project_path": "/new",
        "num_joints": 5,
        "batch_size": 1,
        "multi_step": [[0.005, 9]],
    }
    before = {**now, "project_path": "/old", "num_joints": 4, "batch_size": 8, "multi_step": [[1e-4, 7500]]}
    assert differences(before, now, "tensorflow") == [
        Difference(("batch_size",), 8, 1), Difference(("multi_step",), [[1e-4, 7500]], [[0.005, 9]])
    ]  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yaml").write_text("Task: t\ndate: Jan1\nTrainingFraction: [0.95]\niteration: 2\n")
    for iteration, table in enumerate((edited(DEFAULTS), {**DEFAULTS, "never": "trained"}, DEFAULTS)):
        train = train_of(tmp_path, iteration)
        train.mkdir(parents=True)
        (train / "pytorch_config.yaml").write_text(json.dumps(table))
    (train_of(tmp_path, 0) / "snapshot-best-200.pt").touch()
    return tmp_path


def train_of(project: Path, iteration: int, shuffle: int = 1) -> Path:
    return project / f"dlc-models-pytorch/iteration-{iteration}/tJan1-trainset95shuffle{shuffle}/train"


def order(project: Path, **changes: Any) -> Order:
    return replace(Order(str(project / "config.yaml"), "pytorch", 1), **changes)


def test_before_is_the_newest_trained_iteration_of_the_shuffle_or_what_weights_names(project: Path) -> None:
    train = train_of(project, 2)
    expected = train_of(project, 0) / "pytorch_config.yaml"
    assert find_before(order(project), train) == expected
    assert find_before(order(project, weights=str(project)), train) == expected
    assert find_before(order(project, shuffle=2), train_of(project, 2, 2)) is None
    other = train_of(project, 2, 5)
    other.mkdir(parents=True)
    (other / "pytorch_config.yaml").write_text(json.dumps(DEFAULTS))
    (other / "snapshot-010.pt").touch()
    assert find_before(order(project, weights=str(other)), train) == other / "pytorch_config.yaml"


def test_a_bundle_is_not_unpacked_for_its_settings(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unpack(*_: object) -> None:
        raise AssertionError("unpacked")

    monkeypatch.setattr(settings_before, "find_start_bundle", lambda *_: project)
    monkeypatch.setattr(settings_before, "find_asked", unpack)
    found = find_before(order(project, weights="mouse.dlcmodel"), train_of(project, 2))
    assert found == train_of(project, 0) / "pytorch_config.yaml"


def test_differences_are_told_and_nothing_is_changed_unless_asked(project: Path) -> None:
    train = train_of(project, 2)
    assert take_over(order(project), train, made=True) == EXPECTED
    assert take_over(order(project), train, made=False) == []
    assert read_yaml(train / "pytorch_config.yaml") == DEFAULTS


def test_settings_of_the_training_before(project: Path) -> None:
    train = train_of(project, 2)
    wanted = order(project, same_settings=True)
    assert take_over(wanted, train, made=False) == EXPECTED
    found = read_yaml(train / "pytorch_config.yaml")
    assert found["train_settings"] == {
        "epochs": 400, "batch_size": 32, "seed": 42, "weight_init": {"dataset": "a"}, "gone": 1
    }  # fmt: skip
    assert found["runner"]["optimizer"]["params"]["lr"] == 1e-5
    assert (found["model"], found["metadata"], found["net_type"]) == (
        DEFAULTS["model"], DEFAULTS["metadata"], "resnet_50",
    )  # fmt: skip
    assert take_over(wanted, train, made=False) == [], "the second time there is nothing to do"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "- 1\n",
        "net_type: [resn",
        "\0",
        "net_type: resnet_50\nrunner: 3\n",
        "net_type: resnet_50\ndata: {1: {2: x}}\n",
    ],
)
def test_a_configuration_before_that_is_damaged_hinders_nobody_who_does_not_ask_for_it(
    project: Path, text: str
) -> None:
    train = train_of(project, 2)
    (train_of(project, 0) / "pytorch_config.yaml").write_text(text)
    found = take_over(order(project), train, made=True)
    assert all(each.shown(taken=False) for each in found)
    with contextlib.suppress(DlcctrError):
        take_over(order(project, same_settings=True), train, made=True)
    assert read_yaml(train / "pytorch_config.yaml")["train_settings"] == DEFAULTS["train_settings"]


def test_same_settings_without_a_training_before(project: Path) -> None:
    with pytest.raises(UsageError, match="no training before"):
        take_over(order(project, shuffle=2, same_settings=True), train_of(project, 2, 2), made=True)
    file = train_of(project, 2) / "pytorch_config.yaml"
    file.write_text(json.dumps({**DEFAULTS, "net_type": "hrnet_w32"}))
    with pytest.raises(UsageError, match="hrnet_w32"):
        take_over(order(project, same_settings=True), train_of(project, 2), made=True)
