"""The hash of a model: all that decides results, independent of where the project is."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePosixPath
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.project.conditions import KEYS, Conditions
from dlcctr.model.project.shuffles import Shuffle, read_table, table_of

CONFIG_KEYS = (
    "Task", "date", "scorer", "multianimalproject", "identity", "bodyparts", "individuals", "uniquebodyparts",
    "multianimalbodyparts", "iteration", "default_track_method",
)  # fmt: skip
POSE_KEYS = ("method", "net_type", "model", "data", "inference", "with_center_keypoints")
DETECTOR_KEYS = ("model", "data", "inference")
PATH_KEYS = ("project_path", "pose_config_path", "init_weights", "dataset", "metadataset", "snapshot_prefix")
"""Keys for a project's place and its training data, which change no result."""
METADATA_KEYS = ("bodyparts", "unique_bodyparts", "individuals", "with_identity")


def hash_model(
    found: Shuffle, weights: dict[str, tuple[PurePosixPath, ...]], conditions: Conditions | None = None
) -> str:
    """SHA-256 over weights and configuration; `ModelError` where a file cannot be read or a table has no hash.

    Parameters
    ----------
    weights : dict
        Files of each snapshot, relative to the project, by its name.
    conditions : Conditions or None
        Bottom-up model of a conditional top-down model; it counts by its content, not by its name.
    """
    inference = found.folder / "test" / "inference_cfg.yaml"
    pose = found.pose if found.engine == "pytorch" else {}
    detector = table_of(pose.get("detector"))
    table: dict[str, Any] = {
        "engine": found.engine,
        "shuffle": [found.shuffle, found.fraction],
        "config": {key: found.config.get(key) for key in CONFIG_KEYS},
        "pose": {key: pose.get(key) for key in POSE_KEYS},
        "detector": {key: detector.get(key) for key in DETECTOR_KEYS},
        "test": {key: value for key, value in found.test.items() if key not in PATH_KEYS},
        "inference": read_table(found.tree, inference) if found.tree.is_file(inference) else None,
        "weights": {stem: [found.tree.sha256(file) for file in files] for stem, files in weights.items()},
    }
    if conditions:
        table["pose"][KEYS[0]] = {key: value for key, value in pose[KEYS[0]].items() if key != KEYS[1]}
        table["conditions"] = _table_of_conditions(conditions)
    try:
        text = json.dumps(table, sort_keys=True, ensure_ascii=True, default=str)
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"{found.tree.root}: a table in its YAML files has keys of several types ({error})",
            "copy config.yaml and the model folder's YAML files again from the trained project",
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()


def _table_of_conditions(conditions: Conditions) -> dict[str, Any]:
    pose = conditions.model.pose
    metadata = table_of(pose.get("metadata"))
    return {
        "pose": {key: pose.get(key) for key in POSE_KEYS},
        "metadata": {key: metadata.get(key) for key in METADATA_KEYS},
        "weights": {conditions.snapshot: conditions.model.tree.sha256(conditions.file)},
    }
