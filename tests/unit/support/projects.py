"""DeepLabCut projects whose weights are a few bytes: all that dlcctr reads of a project without DeepLabCut."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

NAME = "mouseJan1-trainset95shuffle1"
PARTS = ["snout", "tail"]


def write_json(file: Path, table: dict[str, Any]) -> Path:
    """JSON is YAML."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(table, indent=1), encoding="utf-8")
    return file


def config(**changes: Any) -> dict[str, Any]:
    """A single-animal config.yaml."""
    return {
        "Task": "mouse",
        "scorer": "lab",
        "date": "Jan1",
        "multianimalproject": False,
        "project_path": "C:\\Users\\lab\\mouse",
        "video_sets": {"C:\\videos\\a.avi": {"crop": "0, 640, 0, 480"}},
        "bodyparts": PARTS,
        "TrainingFraction": [0.95],
        "iteration": 0,
        "snapshotindex": -1,
        "batch_size": 8,
        **changes,
    }


def pytorch_project(root: Path, *, snapshots: tuple[str, ...] = ("snapshot-200",), **changes: Any) -> Path:
    """A PyTorch project; `changes` go into its config.yaml."""
    write_json(root / "config.yaml", config(engine="pytorch", **changes))
    folder = root / "dlc-models-pytorch" / "iteration-0" / NAME
    metadata = {
        "project_path": "C:\\Users\\lab\\mouse",
        "bodyparts": PARTS,
        "unique_bodyparts": [],
        "individuals": ["i"],
    }
    write_json(
        folder / "train" / "pytorch_config.yaml",
        {"method": "bu", "net_type": "resnet_50", "metadata": metadata, "model": {"backbone": {"type": "ResNet"}}},
    )
    write_json(folder / "test" / "pose_cfg.yaml", {"dataset": "C:\\Users\\lab\\mouse", "all_joints_names": PARTS})
    for name in snapshots:
        (folder / "train" / f"{name}.pt").write_bytes(name.encode())
    return root


def tensorflow_project(root: Path, *, steps: tuple[int, ...] = (200,), **changes: Any) -> Path:
    """A TensorFlow project of DeepLabCut 2.x: no engine and no metadata.yaml."""
    write_json(root / "config.yaml", config(**changes))
    folder = root / "dlc-models" / "iteration-0" / NAME
    pose = {"all_joints_names": PARTS, "net_type": "resnet_50", "init_weights": "C:\\nowhere\\resnet_v1_50.ckpt"}
    write_json(folder / "train" / "pose_cfg.yaml", {**pose, "project_path": "C:\\Users\\lab\\mouse"})
    write_json(folder / "test" / "pose_cfg.yaml", pose)
    for step in steps:
        for ending in (".index", ".meta", ".data-00000-of-00001"):
            (folder / "train" / f"snapshot-{step}{ending}").write_bytes(f"{step}{ending}".encode())
    return root


def edit_json(file: Path, **changes: Any) -> None:
    """Change top-level keys of a file written by `write_json`."""
    write_json(file, {**json.loads(file.read_text(encoding="utf-8")), **changes})


def train_folder(project: Path) -> Path:
    """Where its snapshots lie."""
    (folder,) = project.glob("dlc-models*/iteration-0/*/train")
    return folder


ODD_PARTS = [
    "off",
    "no",
    "y",
    "on",
    "010",
    "10",
    "1e-4",
    "0.0001",
    "~",
    "True",
    "2018-10-30",
    "a: b",
    "- c",
    "# d",
    "nü 🐭",
]
_ODD_LIST = "[off, no, y, 'on', \"010\", 010, '1e-4', 1e-4, '~', True, '2018-10-30', 'a: b', '- c', '# d', nü 🐭]"
_ODD_CONFIG = """\ufeff# Project definitions (do not edit)
Task: mouse
scorer: 'yes'   # a text
date: Jan1
multianimalproject:
identity: ~

# Project path (change when moving around)
project_path: C:\\Users\\lab\\mouse  # of another computer
engine: pytorch
video_sets:
  C:\\videos\\a.avi:
    crop: 0, 640, 0, 480
  ? /a/very/long/name/of/a/video/which/makes/a/writer/break/the/line/so/that/its/key/is/complex/one/two/three/four.mp4
  : crop: 0, 640, 0, 480
bodyparts: &parts %s
start: 0
stop: 1
alphavalue: 0.70
pcutoff: 1.0e-05
skeleton:
- - off
  - no
TrainingFraction:
- 0.95
iteration: 00
default_net_type: resnet_50
snapshotindex: -1
batch_size: 0x8
cropping: false
again: *parts
"""
_ODD_POSE = """defaults: &defaults
  pretrained: true
  freeze: off
  rate: 1e-05
  deep: &deep {x: [[[1, [2.5, {y: null}]]]], 'z': "q\\tr\\u2028"}
data:
  <<: *defaults
  freeze: 'off'
  colormode: RGB
metadata:
  project_path: C:\\Users\\lab\\mouse
  pose_config_path: C:\\Users\\lab\\mouse\\pytorch_config.yaml
  bodyparts: %s
  unique_bodyparts: []
method: bu
model:
  more: *deep
  text: |
    two
    lines
  folded: >-
    one
    line
net_type: resnet_50
runner:
  load_weights_only: false
  optimizer: {lr: 1.0e-4, betas: !!python/tuple [0.9, 0.999]}
"""
_ODD_TEST = """dataset: C:\\Users\\lab\\mouse
all_joints_names: %s
all_joints: !!python/tuple [[0], [1]]
scoremap_dir: !!python/unicode 'test'
num_joints: 15
"""


def odd_project(root: Path) -> Path:
    """A PyTorch project whose files, by a Windows editor, hold what YAML readers and writers disagree on."""
    folder = root / "dlc-models-pytorch" / "iteration-0" / NAME
    files = {"config.yaml": _ODD_CONFIG % _ODD_LIST, folder / "train" / "pytorch_config.yaml": _ODD_POSE % _ODD_LIST,
             folder / "test" / "pose_cfg.yaml": _ODD_TEST % _ODD_LIST}  # fmt: skip
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(text.replace("\n", "\r\n").encode("utf-8"))
    (folder / "train" / "snapshot-200.pt").write_bytes(b"snapshot-200")
    return root


def top_down_project(root: Path) -> Path:
    """A PyTorch project with a detector, of whose weights it says that code may run."""
    project = pytorch_project(root, snapshots=("snapshot-9", "snapshot-best-7", "snapshot-detector-5"))
    runner = {"load_weights_only": False, "snapshot_prefix": "/home/lab/x"}
    detector = {"model": {"type": "SSDLite", "pretrained": True}, "runner": dict(runner), "init": "/home/lab/w.pt"}
    edit_json(train_folder(project) / "pytorch_config.yaml", method="td", runner=runner, detector=detector)
    write_json(train_folder(project).parent / "test" / "inference_cfg.yaml", {"pcutoff": 0.5, "off": "1e-4"})
    return project


def shuffle_folder(project: Path, shuffle: int) -> Path:
    """Model folder of one shuffle of a PyTorch project."""
    return project / "dlc-models-pytorch" / "iteration-0" / NAME.replace("shuffle1", f"shuffle{shuffle}")


def conditional_project(root: Path, **changes: Any) -> Path:
    """A PyTorch project whose shuffle 1 is a conditional top-down model that begins with the poses of its shuffle 2.

    `changes` go into its config.yaml.
    """
    project = pytorch_project(root, snapshots=("snapshot-30",), **changes)
    shutil.copytree(shuffle_folder(project, 1), shuffle_folder(project, 2))
    for name in ("snapshot-30", "snapshot-10", "snapshot-best-20"):
        (shuffle_folder(project, 2) / "train" / f"{name}.pt").write_bytes(b"bottom-up " + name.encode())
    runner = {"load_weights_only": False, "snapshot_prefix": "/home/lab/x"}
    edit_json(shuffle_folder(project, 2) / "train" / "pytorch_config.yaml", net_type="dlcrnet_50", runner=runner)
    set_conditions(project, {"shuffle": 2, "snapshot": "snapshot-10.pt"})
    return project


def set_conditions(project: Path, conditions: Any) -> None:
    """Say in the conditional model's pytorch_config.yaml where its poses come from."""
    inference = {"autocast": {"enabled": False}, "conditions": conditions}
    file = shuffle_folder(project, 1) / "train" / "pytorch_config.yaml"
    edit_json(file, method="ctd", net_type="ctd_coam_w32", inference=inference)
