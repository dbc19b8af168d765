from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dlcctr.model.inspection import inspect_model
from dlcctr.model.yaml.yaml12 import read_yaml
from entrypoint.analyze.row.jobs import make_skeleton
from tests.unit.support.projects import edit_json, odd_project, pytorch_project, tensorflow_project, train_folder


def snapshot_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(file.relative_to(folder)): (file.stat().st_mtime_ns, file.read_bytes())
        for file in folder.rglob("*")
        if file.is_file()
    }


def skeleton(project: Path, scratch: Path, **choices: Any) -> Path:
    scratch.mkdir()
    return make_skeleton(inspect_model(project, **choices), scratch).parent


@pytest.mark.parametrize("make", [pytorch_project, tensorflow_project])
def test_folders_are_real_and_only_weights_are_links(tmp_path: Path, make: Any) -> None:
    project = make(tmp_path / "p")
    before = snapshot_of(project)
    root = skeleton(project, tmp_path / "scratch")
    assert all(not path.is_symlink() for path in root.rglob("*") if path.is_dir())
    links = {path.name for path in root.rglob("*") if path.is_symlink()}
    wanted = {"snapshot-200.pt"} if make is pytorch_project else {
        "snapshot-200.index", "snapshot-200.data-00000-of-00001",
    }  # fmt: skip
    assert links == wanted
    for path in root.rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_text("whatever DeepLabCut writes")
    assert snapshot_of(project) == before


def test_paths_lead_into_the_skeleton(tmp_path: Path) -> None:
    root = skeleton(tensorflow_project(tmp_path / "p"), tmp_path / "scratch")
    config = read_yaml(root / "config.yaml")
    assert (config["project_path"], config["snapshotindex"]) == (str(root), -1)
    assert config["video_sets"] == {"C:\\videos\\a.avi": {"crop": "0, 640, 0, 480"}}
    train = read_yaml(train_folder(root) / "pose_cfg.yaml")
    assert train["project_path"] == str(root)
    assert train["init_weights"] == str(train_folder(root) / "snapshot-200")


def test_only_the_chosen_snapshot_is_there(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p", snapshots=("snapshot-1", "snapshot-2", "snapshot-best-1"))
    root = skeleton(project, tmp_path / "scratch", snapshot="snapshot-1")
    assert [file.name for file in train_folder(root).glob("*.pt")] == ["snapshot-1.pt"]


def test_metadata_is_made_where_it_lacks(tmp_path: Path) -> None:
    root = skeleton(tensorflow_project(tmp_path / "p"), tmp_path / "scratch")
    (file,) = root.glob("training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1/metadata.yaml")
    (entry,) = json.loads(file.read_text())["shuffles"].values()
    assert entry == {"train_fraction": 0.95, "index": 1, "split": 1, "engine": "tensorflow"}


def test_a_detector_is_built_as_it_was_trained(tmp_path: Path) -> None:
    """Without its weights of the first day, its layers are others; the engine fetches none."""
    project = pytorch_project(tmp_path / "p", snapshots=("snapshot-1", "snapshot-detector-1"))
    detector = {"model": {"type": "SSDLite", "pretrained": True, "pretrained_from_imagenet": True}}
    edit_json(train_folder(project) / "pytorch_config.yaml", method="td", detector=detector)
    root = skeleton(project, tmp_path / "scratch")
    held = read_yaml(train_folder(root) / "pytorch_config.yaml")["detector"]["model"]
    assert held == detector["model"]


def test_another_tracker(tmp_path: Path) -> None:
    model = inspect_model(pytorch_project(tmp_path / "p"))
    assert read_yaml(make_skeleton(model, tmp_path / "a", "box"))["default_track_method"] == "box"
    assert read_yaml(make_skeleton(model, tmp_path / "b")) == read_yaml(tmp_path / "p" / "config.yaml") | {
        "project_path": str(tmp_path / "b" / "project"), "snapshotindex": -1, "detector_snapshotindex": -1,
    }  # fmt: skip


def test_what_deeplabcut_reads_is_written_of_plain_values(tmp_path: Path) -> None:
    root = skeleton(odd_project(tmp_path / "p"), tmp_path / "scratch")
    for name in (root / "config.yaml", train_folder(root) / "pytorch_config.yaml"):
        text = name.read_text(encoding="utf-8")
        assert not re.search(r"(^|[\s\[{,])[&*!]\w|<<", text), text
        assert YAML(typ="safe", pure=True).load(text)
    held = read_yaml(train_folder(root) / "pytorch_config.yaml")
    assert held["runner"] == {"load_weights_only": True, "optimizer": {"lr": 1e-4, "betas": [0.9, 0.999]}}
    assert held["data"]["freeze"] == "off" and held["data"]["deep"] == held["model"]["more"]


@pytest.mark.parametrize(
    "text", ["runner: {load_weights_only: false}", "d: &d {load_weights_only: false}\nrunner: {<<: *d}"]
)
def test_weights_are_only_weights_unless_the_model_is_trusted(tmp_path: Path, text: str) -> None:
    project = pytorch_project(tmp_path / "p")
    file = train_folder(project) / "pytorch_config.yaml"
    plain = "method: bu\nnet_type: resnet_50\nmetadata: {bodyparts: [snout, tail]}\nmodel: {}\n"
    file.write_text(f"{text}\n{plain}")
    for trusted in (False, True):
        (tmp_path / str(trusted)).mkdir()
        root = make_skeleton(inspect_model(project), tmp_path / str(trusted), trusted=trusted).parent
        held = read_yaml(train_folder(root) / "pytorch_config.yaml")
        assert held["runner"]["load_weights_only"] is not trusted


def test_tensorflow_values_mean_what_they_meant(tmp_path: Path) -> None:
    """DeepLabCut reads pose_cfg.yaml as YAML 1.1, config.yaml as YAML 1.2."""
    project = tensorflow_project(tmp_path / "p")
    values = "mirror: yes\nshort: y\nrate: 1e-4\nother: 1.0e-4\nplace: 010\nscale: 1:30\n"
    for name in ("test", "train"):
        file = train_folder(project).parent / name / "pose_cfg.yaml"
        file.write_text(values + "all_joints_names: [snout, tail]\nnet_type: resnet_50\n")
    (project / "config.yaml").write_text((project / "config.yaml").read_text()[:-1].rstrip("}\n") + ', "odd": yes}\n')
    root = skeleton(project, tmp_path / "scratch")
    text = (train_folder(root).parent / "test" / "pose_cfg.yaml").read_text()
    assert text.startswith("mirror: true\nshort: 'y'\nrate: '1e-4'\nother: 0.0001\nplace: 8\nscale: 90\n")
    assert read_yaml(root / "config.yaml")["odd"] == "yes"


def test_a_read_only_model_is_enough(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p")
    for path in project.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    root = skeleton(project, tmp_path / "scratch")
    (root / "config.yaml").write_text("DeepLabCut may")
