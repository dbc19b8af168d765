from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.errors import ModelError, UsageError
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.inspection import inspect_model
from entrypoint.training.child import start_network
from entrypoint.training.child.start_network import as_net_type, network_of_set, network_of_start
from entrypoint.training.events import Order
from tests.unit.support.projects import pytorch_project, tensorflow_project

KNOWN = {"resnet_50", "resnet_101", "top_down_resnet_101", "rtmpose_s"}


TENSORFLOW = {"resnet_50", "mobilenet_v2_1.0"}


@pytest.fixture(autouse=True)
def deeplabcuts_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start_network, "_names", lambda engine: sorted(KNOWN if engine == "pytorch" else TENSORFLOW))
    monkeypatch.setattr(start_network, "_takes", lambda engine, name: name in (*start_network._names(engine), "old"))


def before(project: Path, configuration: str, engine: str = "pytorch") -> Path:
    """A project with a trained network of an earlier iteration."""
    (project / "config.yaml").write_text("Task: t\ndate: Jan1\nTrainingFraction: [0.95]\niteration: 1\n")
    top, name, end = {
        "pytorch": ("dlc-models-pytorch", "pytorch_config.yaml", ".pt"),
        "tensorflow": ("dlc-models", "pose_cfg.yaml", ".index"),
    }[engine]
    train = project / top / "iteration-0/tJan1-trainset95shuffle1/train"
    train.mkdir(parents=True)
    (train / name).write_text(configuration)
    (train / f"snapshot-040{end}").touch()
    return train


def network(project: Path, weights: Path | str, engine: str = "pytorch") -> str:
    order = Order(str(project / "config.yaml"), engine, 1, weights=str(weights), places=["/nowhere"])
    return network_of_start(order, project / "iteration-1" / "train")


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("net_type: resnet_101\nmethod: bu\n", "resnet_101"),
        ("net_type: resnet_101\nmethod: td\n", "top_down_resnet_101"),
        ("net_type: rtmpose_s\nmethod: td\n", "rtmpose_s"),
        ("net_type: resnet_101\nmethod: ctd\n", ""),
        ("net_type: of_a_lab\n", ""),
        ("method: bu\n", ""),
    ],
)
def test_a_new_set_is_for_the_network_of_the_model_before(tmp_path: Path, configuration: str, expected: str) -> None:
    train = before(tmp_path, configuration)
    assert network(tmp_path, tmp_path) == network(tmp_path, train) == expected


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        ("net_type: mobilenet_v2_1.0\ndataset_type: imgaug\n", "mobilenet_v2_1.0"),
        ("net_type: resnet_50\ndataset_type: multi-animal-imgaug\nmulti_stage: true\n", ""),
    ],
)
def test_with_tensorflow_where_its_name_tells_all(tmp_path: Path, configuration: str, expected: str) -> None:
    before(tmp_path, configuration, "tensorflow")
    assert network(tmp_path, tmp_path, "tensorflow") == expected


@pytest.mark.parametrize("weights", ["", "none"])
def test_without_a_model_config_yaml_decides(tmp_path: Path, weights: str) -> None:
    before(tmp_path, "net_type: resnet_101\n")
    assert network(tmp_path, weights) == ""


def test_a_file_of_weights_does_not_tell(tmp_path: Path) -> None:
    train = before(tmp_path, "net_type: resnet_101\n")
    assert network(tmp_path, train / "snapshot-040.pt") == ""


def test_a_model_that_is_not_there_is_said_before_a_set_is_made(tmp_path: Path) -> None:
    before(tmp_path, "net_type: resnet_101\n")
    with pytest.raises(ModelError, match="no such file or folder"):
        network(tmp_path, tmp_path / "nothing")


@pytest.mark.parametrize(("engine", "make"), [("pytorch", pytorch_project), ("tensorflow", tensorflow_project)])
def test_a_bundle_knows_its_network(tmp_path: Path, engine: str, make: object) -> None:
    project = make(tmp_path / "mouse")  # type: ignore[operator]
    bundle = tmp_path / "mouse.dlcmodel"
    pack_model(project, bundle)
    own = inspect_model(project).net_type
    assert own and network(tmp_path, bundle, engine) == own


@pytest.mark.parametrize("key", ["net_type", "method", "dataset_type"])
@pytest.mark.parametrize("value", ["", "null", "7", "1.5", "yes", "[resnet_50, 1]", "{a: {b: c}}", "'\\0'"])
def test_any_value_in_the_configuration_is_a_network_or_none(tmp_path: Path, key: str, value: str) -> None:
    others = {"net_type": "resnet_101", "method": "bu", "dataset_type": "imgaug"}
    before(tmp_path, "".join(f"{name}: {value if name == key else own}\n" for name, own in others.items()))
    assert network(tmp_path, tmp_path) in ("", "resnet_101")


@pytest.mark.parametrize("text", ["", "- 1\n", "net_type: [resn", "net_type: a\nnet_type: b\n", "\0"])
def test_a_configuration_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    train = before(tmp_path, text)
    with pytest.raises(ModelError, match="pytorch_config"):
        network(tmp_path, train)


def test_names_are_deeplabcuts() -> None:
    assert as_net_type("resnet_50", top_down=True, known=KNOWN) == "resnet_50"
    assert as_net_type("resnet_50", top_down=False, known=None) == "resnet_50"
    assert as_net_type("other", top_down=False, known=KNOWN) == ""


@pytest.mark.parametrize(("engine", "title"), [("pytorch", "PyTorch"), ("tensorflow", "TensorFlow")])
def test_a_network_that_deeplabcut_does_not_have_is_named_with_those_that_it_has(
    tmp_path: Path, engine: str, title: str
) -> None:
    before(tmp_path, "net_type: resnet_50\nmethod: bu\n", engine)
    train = tmp_path / "iteration-1" / "train"
    order = Order(str(tmp_path / "config.yaml"), engine, 1, places=["/nowhere"])
    with pytest.raises(UsageError, match=f"--net-type resnet_18: .*{title}") as caught:
        network_of_set(replace(order, net_type="resnet_18"), train, "")
    assert "resnet_50" in caught.value.hint
    with pytest.raises(ModelError, match=rf"config.yaml: default_net_type is resnet_18, .*{title}"):
        network_of_set(order, train, "resnet_18")
    assert network_of_set(replace(order, weights=str(tmp_path)), train, "resnet_18") == "resnet_50"
    assert network_of_set(replace(order, net_type="old"), train, "resnet_18") == "old"
    assert network_of_set(order, train, "resnet_50") == network_of_set(order, train, "") == ""
