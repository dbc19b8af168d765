"""Shuffles of a DeepLabCut project: which exist, which one is meant and why, and what its files say."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import ROOT, ModelTree
from dlcctr.model.yaml.yaml12 import parse_yaml
from dlcctr.system.values.names import check_name

MODEL_FOLDERS = {name: engine.model_folder for name, engine in ENGINES.items()}
POSE_FILES = {name: engine.pose_file for name, engine in ENGINES.items()}
BOTTOM_UP = ("bu", "bottomup")
TOP_DOWN = ("td", "topdown")
CONDITIONAL = ("ctd", "condtopdown", "conditionaltopdown")
CONFIG = ROOT / "config.yaml"
SHOWN_CHARS = 60
_ON = frozenset({"true", "1", "1.0", "yes", "on", "y", "t"})
_OFF = frozenset({"none", "false", "0", "0.0", "no", "off", "n", "f"})
"""What DeepLabCut's configuration takes for a switch, in lower case."""


@dataclass(frozen=True)
class ModelFolder:
    """A shuffle's folder, by its name."""

    folder: PurePosixPath
    engine: str
    iteration: int
    percent: int
    shuffle: int


@dataclass(frozen=True)
class Shuffle:
    """A shuffle that was chosen and read, before its snapshot is chosen.

    Parameters
    ----------
    folder : PurePosixPath
        Relative to the project, as all names here.
    engine_reason : str
        File and key that decide the engine.
    pose, test : dict
        The train folder's pytorch_config.yaml or pose_cfg.yaml, and the test folder's pose_cfg.yaml.
    """

    tree: ModelTree
    config: dict[str, Any]
    shuffle: int
    trainset_index: int
    fraction: float
    engine: str
    engine_reason: str
    folder: PurePosixPath
    pose: dict[str, Any]
    test: dict[str, Any]

    @property
    def train(self) -> PurePosixPath:
        """Folder of the snapshots."""
        return self.folder / "train"

    @property
    def pose_file(self) -> PurePosixPath:
        """Configuration that the network was trained with."""
        return self.train / POSE_FILES[self.engine]

    @property
    def test_file(self) -> PurePosixPath:
        """File that DeepLabCut also reads for an analysis."""
        return self.folder / "test" / "pose_cfg.yaml"

    @property
    def method(self) -> str:
        """``bu`` for bottom-up and single-animal networks."""
        return str(self.pose.get("method", "bu")).lower() if self.engine == "pytorch" else "bu"

    @property
    def top_down(self) -> bool:
        """Whether it needs a detector."""
        return self.method in TOP_DOWN

    @property
    def conditional(self) -> bool:
        """Whether it needs the poses of a bottom-up model (`dlcctr.model.project.conditions`)."""
        return self.method in CONDITIONAL

    @property
    def multianimal(self) -> bool:
        """Whether config.yaml says that the project has several animals."""
        return is_on(self.config.get("multianimalproject"))

    @property
    def unique_bodyparts(self) -> tuple[str, ...]:
        """config.yaml's body parts that no individual has."""
        return names_of(self.config.get("uniquebodyparts")) if self.multianimal else ()

    @property
    def bodyparts(self) -> tuple[str, ...]:
        """config.yaml's body parts, each individual's in a multi-animal project."""
        return names_of(self.config.get("multianimalbodyparts" if self.multianimal else "bodyparts"))

    @property
    def trained_parts(self) -> dict[PurePosixPath, tuple[str, ...]]:
        """Body parts and then unique ones, as each file of the trained network has them."""
        held = {self.test_file: names_of(self.test.get("all_joints_names"))}
        if self.engine == "pytorch":
            metadata = table_of(self.pose.get("metadata"))
            held[self.pose_file] = names_of(metadata.get("bodyparts")) + names_of(metadata.get("unique_bodyparts"))
        elif "all_joints_names" in self.pose:
            held[self.pose_file] = names_of(self.pose["all_joints_names"])
        return held


def is_on(value: Any) -> bool:
    """Whether a switch of config.yaml is on, as DeepLabCut reads it: ``no`` and ``"False"`` are texts, and off."""
    return str(value).lower() in _ON


def names_of(value: Any) -> tuple[str, ...]:
    """Names in a YAML list; empty if it is not a list (``MULTI!``)."""
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def read_table(tree: ModelTree, name: PurePosixPath) -> dict[str, Any]:
    """Read one of a model's YAML files as DeepLabCut does, values and all; `ModelError` where that cannot be."""
    tensorflow = ENGINES["tensorflow"]
    is_1_1 = name.parts[0] == tensorflow.model_folder and name.name == tensorflow.pose_file
    return parse_yaml(tree.text(name), tree.root / name, aliases=tree.listing is None, version_1_1=is_1_1)


def no_config(root: Path) -> ModelError:
    """The error of a project without config.yaml, or that is not there."""
    what = "has no config.yaml" if root.exists() else "no such folder"
    return ModelError(f"{root}: {what}", "give the DeepLabCut project folder, the one that holds config.yaml")


def read_config(tree: ModelTree) -> dict[str, Any]:
    """Read config.yaml; `ModelError` if it is missing or lacks keys that locate a model."""
    if not tree.is_file(CONFIG):
        raise no_config(tree.root)
    config = read_table(tree, CONFIG)
    lacking = [key for key in ("Task", "date", "TrainingFraction", "iteration") if config.get(key) in (None, "")]
    if lacking:
        raise ModelError(
            f"{tree.root / CONFIG}: lacks {', '.join(lacking)}", "copy config.yaml again from the trained project"
        )
    for key, (fits, wanted) in _VALUES.items():
        if not fits(config.get(key)):
            raise ModelError(
                f"{tree.root / CONFIG}: {key} is {repr(config.get(key))[:SHOWN_CHARS]}; it must be {wanted}",
                "fix that line, or copy config.yaml again from the trained project",
            )
    try:  # these become names of folders
        check_name(f"{config['Task']}{config['date']}", "the start of a folder's name (Task and date)")
        check_name(f"iteration-{config['iteration']}", "the folder of an iteration")
    except ValueError as error:
        raise ModelError(f"{tree.root / CONFIG}: {error}", "copy config.yaml again from the trained project") from error
    return config


def _is_name(value: Any) -> bool:
    """Whether a value can be part of a folder's name."""
    return isinstance(value, (str, int, float, date)) and not set("/\0") & set(str(value))


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_fractions(value: Any) -> bool:
    return isinstance(value, list) and all(type(each) in (int, float) and math.isfinite(each) for each in value)


_VALUES = {
    "Task": (_is_name, "a name without /"),
    "date": (_is_name, "a date without /"),
    "iteration": (_is_count, "a whole number of 0 or more"),
    "TrainingFraction": (_is_fractions, "a list of numbers, as in [0.95]"),
    "multianimalproject": (lambda value: str(value).lower() in _ON | _OFF, "true or false"),
    "batch_size": (lambda value: value is None or (_is_count(value) and value > 0), "a whole number of 1 or more"),
}
"""Values of config.yaml that are used in folder names or as numbers: the test of each, and its description."""


def table_of(value: Any) -> dict[str, Any]:
    """A value that should be a table; an empty table if it is not."""
    return value if isinstance(value, dict) else {}


def list_shuffles(tree: ModelTree) -> list[ModelFolder]:
    """All model folders of a project, of all iterations and both engines."""
    found = []
    for engine, top in MODEL_FOLDERS.items():
        for iteration in tree.names(ROOT / top):
            number = re.fullmatch(r"iteration-(\d+)", iteration)
            for name in tree.names(ROOT / top / iteration) if number else ():
                if number and (match := re.fullmatch(r".*-trainset(\d+)shuffle(\d+)", name)):
                    folder = ROOT / top / iteration / name
                    found.append(ModelFolder(folder, engine, int(number[1]), int(match[1]), int(match[2])))
    return sorted(found, key=lambda each: (each.engine, each.iteration, each.percent, each.shuffle))


def find_shuffle(
    tree: ModelTree, config: dict[str, Any], *, shuffle: int, trainset_index: int, engine: str = ""
) -> Shuffle:
    """Find and read the folder of a shuffle.

    Parameters
    ----------
    engine : str
        Engine to look for; empty for the one that the project's files name.

    Raises
    ------
    ModelError
        There is no such shuffle, or one of its files is missing or broken.
    """
    fraction = _train_fraction(tree, config, trainset_index)
    # int() of the product, as DeepLabCut does: 0.29 gives 28
    name = f"{config['Task']}{config['date']}-trainset{int(fraction * 100)}shuffle{shuffle}"
    folders = {engine: ROOT / top / f"iteration-{config['iteration']}" / name for engine, top in MODEL_FOLDERS.items()}
    there = [each for each, folder in folders.items() if tree.names(folder) and engine in ("", each)]
    if not there:
        others = [str(each.folder) for each in list_shuffles(tree)]
        raise ModelError(
            f"{tree.root}: no model folder {name} of iteration {config['iteration']}; "
            + (f"it has: {', '.join(others)}" if others else "it has none"),
            "choose with --shuffle and --trainset-index, or copy the project's dlc-models folder too",
        )
    chosen, reason = _choose_engine(tree, config, fraction, shuffle, there)
    folder = folders[chosen]
    return Shuffle(
        tree, config, shuffle, trainset_index, fraction,
        engine=chosen, engine_reason=reason, folder=folder,
        pose=read_table(tree, folder / "train" / POSE_FILES[chosen]),
        test=read_table(tree, folder / "test" / "pose_cfg.yaml"),
    )  # fmt: skip


def _train_fraction(tree: ModelTree, config: dict[str, Any], trainset_index: int) -> float:
    fractions = config["TrainingFraction"]
    if not isinstance(fractions, list) or not 0 <= trainset_index < len(fractions):
        raise ModelError(
            f"{tree.root / CONFIG}: no training set index {trainset_index}; TrainingFraction is {fractions}",
            "choose with --trainset-index",
        )
    return float(fractions[trainset_index])


def _choose_engine(
    tree: ModelTree, config: dict[str, Any], fraction: float, shuffle: int, there: list[str]
) -> tuple[str, str]:
    """Engine, and which key of which file says so."""
    file = metadata_file(config)
    said = {
        f"{file}: the shuffle's `engine`": engine_by_metadata(tree, config, fraction, shuffle),
        f"{CONFIG}: `engine`": str(config.get("engine") or ""),
    }
    for reason, engine in said.items():
        if engine in there:
            return engine, reason
        if engine:
            break
    return there[0], f"it has a folder in {MODEL_FOLDERS[there[0]]}" + (" only" if len(there) == 1 else "")


def metadata_file(config: dict[str, Any]) -> PurePosixPath:
    """Where DeepLabCut 3 keeps the engine of each shuffle; 2.x has no such file."""
    data_set = f"UnaugmentedDataSet_{config['Task']}{config['date']}"
    return ROOT / "training-datasets" / f"iteration-{config['iteration']}" / data_set / "metadata.yaml"


def engine_by_metadata(tree: ModelTree, config: dict[str, Any], fraction: float, shuffle: int) -> str:
    """Engine that metadata.yaml gives a shuffle; empty where it says nothing."""
    file = metadata_file(config)
    if not tree.is_file(file):
        return ""
    shuffles = read_table(tree, file).get("shuffles")
    for entry in shuffles.values() if isinstance(shuffles, dict) else ():
        if isinstance(entry, dict) and entry.get("train_fraction") == fraction and entry.get("index") == shuffle:
            engine = str(entry.get("engine", "")).lower()
            return {"torch": "pytorch", "tf": "tensorflow"}.get(engine, engine)
    return ""
