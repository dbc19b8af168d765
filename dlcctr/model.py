"""What a trained DeepLabCut project holds: engine, snapshot, body parts, and a hash of all that decides results."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.snapshots import choose_snapshot, digest_weights, list_snapshots, weight_files
from dlcctr.yamlfile import read_yaml

COORDS = ("x", "y", "likelihood")
MODEL_FOLDERS = {"pytorch": "dlc-models-pytorch", "tensorflow": "dlc-models"}
POSE_FILES = {"pytorch": "pytorch_config.yaml", "tensorflow": "pose_cfg.yaml"}
TOP_DOWN = ("td", "topdown")
CONDITIONAL = ("ctd", "condtopdown", "conditionaltopdown")

CONFIG_KEYS = (
    "Task", "date", "scorer", "multianimalproject", "identity", "bodyparts", "individuals", "uniquebodyparts",
    "multianimalbodyparts", "iteration", "default_track_method",
)  # fmt: skip
POSE_KEYS = ("method", "net_type", "model", "data", "inference", "with_center_keypoints")
PATH_KEYS = ("project_path", "pose_config_path", "init_weights", "dataset", "metadataset", "snapshot_prefix")
"""Keys that tell where a project lies, or what it was trained from: they change no result."""


@dataclass(frozen=True)
class ModelInfo:
    """One trained model: one shuffle of a project with one snapshot.

    Parameters
    ----------
    id : str
        Folder name of its results: ``<Task><date>-shuffle<N>-<snapshot>-<first 8 digits of hash>``.
    hash : str
        SHA-256 over weights and configuration, independent of where the project lies.
    snapshot : str
        File name without its ending, ``snapshot-best-120``.
    bodyparts, individuals, unique_bodyparts : tuple of str
        In the model's order; the last two are empty for single-animal projects.
    batch_size : int or None
        The project's own.
    crop : tuple of int or None
        The project's own ``(x1, x2, y1, y2)`` in px, where its `cropping` is on.
    folder : Path
        Model folder, relative to the project.
    num_outputs : int
        Points per body part (TensorFlow only); 1 but for exotic projects.
    """

    project: Path
    engine: str
    id: str
    hash: str
    task: str
    date: str
    iteration: int
    snapshot: str
    snapshot_files: tuple[Path, ...]
    detector_snapshot: str
    detector_files: tuple[Path, ...]
    multianimal: bool
    top_down: bool
    bodyparts: tuple[str, ...]
    individuals: tuple[str, ...]
    unique_bodyparts: tuple[str, ...]
    shuffle: int
    trainset_index: int
    train_fraction: float
    batch_size: int | None
    crop: tuple[int, int, int, int] | None
    net_type: str
    folder: Path
    num_outputs: int = 1

    @property
    def columns(self) -> list[tuple[str, ...]]:
        """Columns of its .h5, in order and without the scorer: (individual,) body part, coordinate."""
        if not self.multianimal:
            coords = [c + ("" if n == 0 else str(n + 1)) for n in range(self.num_outputs) for c in COORDS]
            return [(part, coord) for part in self.bodyparts for coord in coords]
        tracked: list[tuple[str, ...]] = [
            (who, part, coord) for who in self.individuals for part in self.bodyparts for coord in COORDS
        ]
        return tracked + [("single", part, coord) for part in self.unique_bodyparts for coord in COORDS]


@dataclass(frozen=True)
class _Shuffle:
    """A model folder of a project, found and read, before its snapshot is chosen."""

    project: Path
    config: dict[str, Any]
    shuffle: int
    fraction: float
    engine: str
    folder: Path
    pose: dict[str, Any]
    test: dict[str, Any]

    @property
    def train(self) -> Path:
        return self.project / self.folder / "train"

    @property
    def method(self) -> str:
        return str(self.pose.get("method", "bu")).lower() if self.engine == "pytorch" else "bu"

    @property
    def top_down(self) -> bool:
        return self.method in TOP_DOWN


def inspect_model(project: Path, *, shuffle: int = 1, trainset_index: int = 0, snapshot: str = "") -> ModelInfo:
    """Read a trained project without importing DeepLabCut and without unpickling anything.

    Parameters
    ----------
    project : Path
        Project folder, or its config.yaml.
    snapshot : str
        Name (``snapshot-200``), number of iterations or epochs (``200``), ``best``, or an index as in
        DeepLabCut's `snapshotindex`, in this order; empty for what config.yaml says.

    Raises
    ------
    ModelError
        Something is missing or contradicts itself; the message names the file and the remedy.
    """
    project = project.parent if project.name == "config.yaml" else project
    project = project.absolute()
    config = _read_config(project)
    fraction = _train_fraction(project, config, trainset_index)
    found = _find_shuffle(project, config, fraction, shuffle)
    _refuse_conditional(found)
    names = list_snapshots(found.train, found.engine)
    chosen = choose_snapshot(found.train, names, snapshot, config.get("snapshotindex"))
    detector = ""
    if found.top_down:
        names = list_snapshots(found.train, found.engine, detector=True)
        detector = choose_snapshot(
            found.train, names, "", config.get("detector_snapshotindex"), what="detector snapshot"
        )
    return _describe(found, chosen, detector, trainset_index)


def _read_config(project: Path) -> dict[str, Any]:
    file = project / "config.yaml"
    if not file.is_file():
        hint = "give the DeepLabCut project folder, the one that holds config.yaml"
        raise ModelError(f"{project}: {'has no config.yaml' if project.is_dir() else 'no such folder'}", hint)
    config = read_yaml(file)
    lacking = [key for key in ("Task", "date", "TrainingFraction", "iteration") if config.get(key) in (None, "")]
    if lacking:
        raise ModelError(f"{file}: lacks {', '.join(lacking)}", "copy config.yaml again from the trained project")
    return config


def _train_fraction(project: Path, config: dict[str, Any], trainset_index: int) -> float:
    fractions = config["TrainingFraction"]
    if not isinstance(fractions, list) or not 0 <= trainset_index < len(fractions):
        raise ModelError(
            f"{project / 'config.yaml'}: no training set index {trainset_index}; TrainingFraction is {fractions}",
            "choose with --trainset-index",
        )
    return float(fractions[trainset_index])


def _find_shuffle(project: Path, config: dict[str, Any], fraction: float, shuffle: int) -> _Shuffle:
    # int() of the product, as DeepLabCut does: 0.29 gives 28
    name = f"{config['Task']}{config['date']}-trainset{int(fraction * 100)}shuffle{shuffle}"
    folders = {e: Path(f) / f"iteration-{config['iteration']}" / name for e, f in MODEL_FOLDERS.items()}
    there = [engine for engine, folder in folders.items() if (project / folder).is_dir()]
    if not there:
        others = sorted(
            f"{folder.parent.parent.name}/{folder.parent.name}/{folder.name}"
            for top in MODEL_FOLDERS.values()
            for folder in project.glob(f"{top}/iteration-*/*shuffle*")
        )
        raise ModelError(
            f"{project}: no model folder {name} of iteration {config['iteration']}; "
            + (f"there are: {', '.join(others)}" if others else "there is none at all"),
            "choose with --shuffle and --trainset-index, or copy the project's dlc-models folder too",
        )
    wanted = _engine_by_metadata(project, config, fraction, shuffle) or str(config.get("engine") or "")
    engine = wanted if wanted in there else there[0]
    base = project / folders[engine]
    pose = read_yaml(base / "train" / POSE_FILES[engine])
    test = read_yaml(base / "test" / "pose_cfg.yaml")
    return _Shuffle(project, config, shuffle, fraction, engine=engine, folder=folders[engine], pose=pose, test=test)


def _engine_by_metadata(project: Path, config: dict[str, Any], fraction: float, shuffle: int) -> str:
    data_set = f"UnaugmentedDataSet_{config['Task']}{config['date']}"
    file = project / "training-datasets" / f"iteration-{config['iteration']}" / data_set / "metadata.yaml"
    if not file.is_file():
        return ""
    shuffles = read_yaml(file).get("shuffles")
    for entry in shuffles.values() if isinstance(shuffles, dict) else ():
        if entry.get("train_fraction") == fraction and entry.get("index") == shuffle:
            engine = str(entry.get("engine", "")).lower()
            return {"torch": "pytorch", "tf": "tensorflow"}.get(engine, engine)
    return ""


def _refuse_conditional(found: _Shuffle) -> None:
    if found.method in CONDITIONAL:
        raise ModelError(
            f"{found.train / POSE_FILES[found.engine]}: a conditional top-down model, which needs a second model "
            "and is not supported",
            "use a bottom-up or a top-down model",
        )


def _describe(found: _Shuffle, snapshot: str, detector: str, trainset_index: int) -> ModelInfo:
    config, multianimal = found.config, bool(found.config.get("multianimalproject", False))
    bodyparts, unique = _parts(found, multianimal)
    weights = {name: weight_files(found.train, found.engine, name) for name in (snapshot, detector) if name}
    digest = _hash(found, weights)
    label = f"{config['Task']}{config['date']}-shuffle{found.shuffle}-{snapshot}-{digest[:8]}"
    several = found.test.get("num_outputs") if found.engine == "tensorflow" and not multianimal else None
    return ModelInfo(
        project=found.project,
        engine=found.engine,
        id=re.sub(r"[^A-Za-z0-9._-]+", "_", label).lstrip(".-"),
        hash=digest,
        task=str(config["Task"]),
        date=str(config["date"]),
        iteration=int(config["iteration"]),
        snapshot=snapshot,
        snapshot_files=weights[snapshot],
        detector_snapshot=detector,
        detector_files=weights.get(detector, ()),
        multianimal=multianimal,
        top_down=found.top_down,
        bodyparts=bodyparts,
        individuals=_names(config.get("individuals")) if multianimal else (),
        unique_bodyparts=unique,
        shuffle=found.shuffle,
        trainset_index=trainset_index,
        train_fraction=found.fraction,
        batch_size=config.get("batch_size"),
        crop=_own_crop(config),
        net_type=str(found.pose.get("net_type", "")),
        folder=found.folder,
        num_outputs=int(several or 1),
    )


def _parts(found: _Shuffle, multianimal: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Body parts and unique ones, as the trained model has them; config.yaml must say the same."""
    config = found.config
    if multianimal:
        parts, unique = _names(config.get("multianimalbodyparts")), _names(config.get("uniquebodyparts"))
    else:
        parts, unique = _names(config.get("bodyparts")), ()
    pose_file = found.train / POSE_FILES[found.engine]
    held = {found.train.parent / "test" / "pose_cfg.yaml": _names(found.test.get("all_joints_names"))}
    if found.engine == "pytorch":
        metadata = found.pose.get("metadata") or {}
        held[pose_file] = _names(metadata.get("bodyparts")) + _names(metadata.get("unique_bodyparts"))
    for file, names in held.items():
        if names != parts + unique:
            raise ModelError(
                f"body parts differ: {found.project / 'config.yaml'} has {', '.join(parts + unique) or 'none'}; "
                f"the trained model in {file} has {', '.join(names) or 'none'}",
                "make config.yaml's list equal to the model's, in the model's order (or train a new shuffle)",
            )
    return parts, unique


def _names(value: Any) -> tuple[str, ...]:
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _own_crop(config: dict[str, Any]) -> tuple[int, int, int, int] | None:
    if not config.get("cropping"):
        return None
    try:
        return int(config["x1"]), int(config["x2"]), int(config["y1"]), int(config["y2"])
    except (KeyError, TypeError, ValueError):
        raise ModelError(
            "config.yaml: cropping is on, but x1, x2, y1, y2 are not all set", "set them, or cropping: false"
        ) from None


def _hash(found: _Shuffle, weights: dict[str, tuple[Path, ...]]) -> str:
    inference = found.train.parent / "test" / "inference_cfg.yaml"
    pose = found.pose if found.engine == "pytorch" else {}
    detector = pose.get("detector") or {}
    table = {
        "engine": found.engine,
        "shuffle": [found.shuffle, found.fraction],
        "config": {key: found.config.get(key) for key in CONFIG_KEYS},
        "pose": {key: pose.get(key) for key in POSE_KEYS},
        "detector": {key: detector.get(key) for key in ("model", "data", "inference")},
        "test": {key: value for key, value in found.test.items() if key not in PATH_KEYS},
        "inference": read_yaml(inference) if inference.is_file() else None,
        "weights": {stem: [digest_weights(file) for file in files] for stem, files in weights.items()},
    }
    text = json.dumps(table, sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
