"""A private skeleton of a project: real folders, copied YAML, generated metadata, the weights alone as links.

DeepLabCut writes to a project while it only reads results from it (config.yaml, metadata.yaml, inference_cfg.yaml), so
parallel tasks race on it and a read-only model fails (#1027, #726, #686). It gets this skeleton instead.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dlcctr.model import POSE_FILES, ModelInfo
from dlcctr.yamlfile import read_text, replace_values

SKELETON = "project"
TEST_FILES = ("pose_cfg.yaml", "inference_cfg.yaml")


def make_skeleton(model: ModelInfo, scratch: Path) -> Path:
    """Make the skeleton of a model below `scratch`.

    Only the chosen snapshot is linked, so that `snapshotindex: -1` names it in every place that DeepLabCut looks.

    Returns
    -------
    Path
        Its config.yaml.

    Raises
    ------
    ModelError
        A YAML file of the model cannot be read.
    """
    root = scratch / SKELETON
    base = root / model.folder
    (base / "train").mkdir(parents=True)
    (base / "test").mkdir()
    weights = _link_weights(model, base / "train")
    _copy(model.project / "config.yaml", root / "config.yaml", _config_values(root), add=True)
    for file in _yaml_files(model):
        values = _pose_values(model, root, base, weights)
        _copy(model.project / model.folder / file, base / file, values)
    _write_metadata(model, root)
    return root / "config.yaml"


def _link_weights(model: ModelInfo, train: Path) -> Path:
    for file in model.snapshot_files + model.detector_files:
        (train / file.name).symlink_to(file)
    if model.engine == "tensorflow":
        meta = model.snapshot_files[0].with_suffix(".meta")
        if meta.is_file():
            (train / meta.name).symlink_to(meta)
        return train / model.snapshot
    return train / model.snapshot_files[0].name


def _yaml_files(model: ModelInfo) -> list[Path]:
    """YAML files below the model folder that DeepLabCut reads, as far as they are there."""
    names = [Path("train") / POSE_FILES[model.engine], *(Path("test") / name for name in TEST_FILES)]
    return [name for name in names if (model.project / model.folder / name).is_file()]


def _config_values(root: Path) -> dict[tuple[str, ...], Any]:
    return {("project_path",): str(root), ("snapshotindex",): -1, ("detector_snapshotindex",): -1}


def _pose_values(model: ModelInfo, root: Path, base: Path, weights: Path) -> dict[tuple[str, ...], Any]:
    return {
        ("project_path",): str(root),
        ("dataset",): str(root),
        ("init_weights",): str(weights),
        ("metadata", "project_path"): str(root),
        ("metadata", "pose_config_path"): str(base / "train" / POSE_FILES[model.engine]),
        # Both are downloads, and the snapshot replaces what they bring (#1828, #2985)
        ("detector", "model", "pretrained"): False,
        ("detector", "model", "pretrained_from_imagenet"): False,
    }


def _copy(source: Path, target: Path, values: dict[tuple[str, ...], Any], *, add: bool = False) -> None:
    target.write_text(replace_values(read_text(source), values, add=add), encoding="utf-8")


def _write_metadata(model: ModelInfo, root: Path) -> None:
    """Say which engine the shuffle has; DeepLabCut would unpickle a 2.x project's old files to find out."""
    folder = root / "training-datasets" / f"iteration-{model.iteration}"
    file = folder / f"UnaugmentedDataSet_{model.task}{model.date}" / "metadata.yaml"
    file.parent.mkdir(parents=True)
    entry = {
        "train_fraction": model.train_fraction,
        "index": model.shuffle,
        "split": 1,
        "engine": model.engine,
    }
    # JSON is YAML
    file.write_text(json.dumps({"shuffles": {model.folder.name: entry}}) + "\n", encoding="utf-8")
