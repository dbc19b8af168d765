"""DeepLabCut projects whose weights are a few bytes: all that dlcctr reads of a project without DeepLabCut."""

from __future__ import annotations

import json
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
