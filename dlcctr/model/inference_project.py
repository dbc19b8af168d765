"""A project folder with only what inference needs: real folders, YAML and metadata of our own, weights.

DeepLabCut writes to a project while it only reads results from it (config.yaml, metadata.yaml, inference_cfg.yaml), so
parallel tasks race on it and a read-only model fails (#1027, #726, #686). It gets such a folder instead, whose files
hold the paths of that very folder. Its YAML is written from values that were read, never copied, so that no tag, alias
or merge of a file from outside reaches DeepLabCut.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from dlcctr.model.files import ModelTree, open_tree
from dlcctr.model.inspection import ModelInfo
from dlcctr.model.project.conditions import KEYS
from dlcctr.model.project.shuffles import CONFIG, POSE_FILES, metadata_file, read_table
from dlcctr.model.project.snapshots import check_unpacked_size
from dlcctr.model.project.trust import KEY
from dlcctr.model.yaml.yaml12 import dump_yaml, set_value

TEST_FILES = ("pose_cfg.yaml", "inference_cfg.yaml")
Values = dict[tuple[str, ...], Any]

WEIGHTS_ONLY: Values = {("runner", KEY): True, ("detector", "runner", KEY): True}
"""Settings in pytorch_config.yaml with which DeepLabCut runs no code from a snapshot."""


def make_inference_project(model: ModelInfo, root: Path, *, tracker: str = "", trusted: bool = False) -> Path:
    """Make a project for one analysis: its weights are links where the model is a folder.

    Parameters
    ----------
    tracker : str
        DeepLabCut's `default_track_method`; the project's own where it is empty.
    trusted : bool
        Keep the project's own setting for running code in snapshots; otherwise they are read as weights only.

    The others, and the errors, are those of `make_project`.
    """
    config: Values = {("default_track_method",): tracker} if tracker else {}
    return _make(model, root, root, config, {} if trusted else WEIGHTS_ONLY, link=True)


def make_project(model: ModelInfo, root: Path, told: Path) -> Path:
    """Make a project of one model with one snapshot, with no files but its own.

    Only the chosen snapshot is there, so that `snapshotindex: -1` names it in every place that DeepLabCut looks.

    Parameters
    ----------
    root : Path
        Folder of the project; it is created, with its parents.
    told : Path
        Project path written into its files, which may differ from `root`.

    Returns
    -------
    Path
        Its config.yaml.

    Raises
    ------
    ModelError
        A file of the model cannot be read.
    """
    return _make(model, root, told, {}, WEIGHTS_ONLY, link=False)


def _make(model: ModelInfo, root: Path, told: Path, config: Values, pose: Values, *, link: bool) -> Path:
    tree = open_tree(model.project)
    for folder in model_folders(model):
        (root / folder / "train").mkdir(parents=True)
        (root / folder / "test").mkdir()
    for name in weight_names(model):
        (tree.link if link else tree.copy)(name, root / name)
        if name.suffix == ".pt":
            check_unpacked_size(root / name)
    _write(tree, CONFIG, root, {}, {**config_values(str(told)), **config})
    for name in yaml_names(model, tree):
        _write(tree, name, root, pose_values(model, told, name), pose)
    metadata = root / metadata_name(model)
    metadata.parent.mkdir(parents=True)
    metadata.write_text(metadata_text(model), encoding="utf-8")
    return root / CONFIG


def weight_names(model: ModelInfo) -> list[PurePosixPath]:
    """Files of the snapshot, of its detector's and of the bottom-up model's, relative to the project."""
    files = [*model.snapshot_files, *model.detector_files]
    files += [model.conditions.snapshot_file] if model.conditions else []
    return [PurePosixPath(file.relative_to(model.project)) for file in files]


def yaml_names(model: ModelInfo, tree: ModelTree) -> list[PurePosixPath]:
    """Existing YAML files below the model folders that DeepLabCut reads."""
    names = []
    for base in map(PurePosixPath, model_folders(model)):
        names += [base / "train" / POSE_FILES[model.engine], *(base / "test" / name for name in TEST_FILES)]
    return [name for name in names if tree.is_file(name)]


def model_folders(model: ModelInfo) -> list[Path]:
    """The model's folder, and that of the bottom-up model which a conditional one needs; relative to the project."""
    return [model.folder, model.conditions.folder] if model.conditions else [model.folder]


def config_values(root: str) -> Values:
    """Values that config.yaml must have for a project in `root` with one snapshot."""
    return {("project_path",): root, ("snapshotindex",): -1, ("detector_snapshotindex",): -1}


def pose_values(model: ModelInfo, root: PurePath, name: PurePosixPath) -> Values:
    """Values that one of `yaml_names` must have for a project in `root`, if it has these keys."""
    folder, snapshot = Path(*name.parts[:-2]), model.snapshot_files[0]
    values: Values = {}
    if model.conditions and folder == model.conditions.folder:
        snapshot = model.conditions.snapshot_file
    elif model.conditions:
        values = {KEYS: model.conditions.reference}
    base = root / folder
    weights = model.snapshot if model.engine == "tensorflow" else snapshot.name
    return {
        ("project_path",): str(root),
        ("dataset",): str(root),
        ("init_weights",): str(base / "train" / weights),
        ("metadata", "project_path"): str(root),
        ("metadata", "pose_config_path"): str(base / "train" / POSE_FILES[model.engine]),
        **values,
    }


def metadata_name(model: ModelInfo) -> PurePosixPath:
    """Path of the file of `metadata_text`, relative to the project."""
    return metadata_file({"Task": model.task, "date": model.date, "iteration": model.iteration})


def metadata_text(model: ModelInfo) -> str:
    """Metadata that names the shuffles' engine; DeepLabCut would unpickle a 2.x project's old files to find out."""
    shuffles = {model.folder.name: _shuffle_entry(model.train_fraction, model.shuffle, model.engine)}
    if found := model.conditions:
        shuffles[found.folder.name] = _shuffle_entry(found.train_fraction, found.shuffle, model.engine)
    return json.dumps({"shuffles": shuffles}) + "\n"  # JSON is YAML


def _shuffle_entry(train_fraction: float, shuffle: int, engine: str) -> dict[str, Any]:
    return {"train_fraction": train_fraction, "index": shuffle, "split": 1, "engine": engine}


def _write(tree: ModelTree, name: PurePosixPath, root: Path, changed: Values, added: Values) -> None:
    """Write a file's values as they were read, with some changed if present and some set in any case."""
    table = read_table(tree, name)
    for values in (changed, added):
        for keys, value in values.items():
            set_value(table, keys, value, add=values is added)
    (root / name).write_text(dump_yaml(table), encoding="utf-8")
