"""Conditional top-down models: the bottom-up model of the same project whose poses they start from.

DeepLabCut 3 calls these poses conditions. `inference.conditions` of pytorch_config.yaml names where they come from, in
one of three forms (its config/ctd_conditions.py): a shuffle of a project, the paths of a pytorch_config.yaml and of a
snapshot, or a file of predictions, which it takes for evaluations only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

from dlcctr.errors import ModelError
from dlcctr.model.project.shuffles import BOTTOM_UP, CONFIG, MODEL_FOLDERS, POSE_FILES, Shuffle, find_shuffle, table_of
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.model.yaml.yaml12 import find_key, is_absolute

ENGINE = "pytorch"
KEYS = ("inference", "conditions")
SHOWN_CHARS = 200
NUMBER = r"(0|[1-9][0-9]{0,8})"
"""As DeepLabCut writes it into a folder's name, so that each folder has one number."""
NAME_IT = "name the bottom-up model by its shuffle and snapshot: `conditions: {shuffle: 1, snapshot: snapshot-250.pt}`"


@dataclass(frozen=True)
class Conditions:
    """The bottom-up model that a conditional top-down model needs.

    Parameters
    ----------
    model : Shuffle
        Its shuffle, of the same project.
    snapshot : str
        File name without its ending.
    by_place : bool
        The snapshot is named by its place among all of them; which one that is depends on all being there.
    """

    model: Shuffle
    snapshot: str
    by_place: bool = False

    @property
    def file(self) -> PurePosixPath:
        """The snapshot, relative to the project."""
        return self.model.train / f"{self.snapshot}.pt"

    @property
    def info(self) -> ConditionsInfo:
        """Facts about it that need none of its files."""
        return ConditionsInfo(
            self.model.shuffle, self.model.trainset_index, self.model.fraction, self.snapshot,
            snapshot_file=self.model.tree.root / self.file, folder=Path(self.model.folder), by_place=self.by_place,
        )  # fmt: skip


@dataclass(frozen=True)
class ConditionsInfo:
    """The bottom-up model of a conditional top-down model, as `dlcctr.model.inspection.ModelInfo` has it.

    Parameters
    ----------
    snapshot : str
        File name without its ending.
    snapshot_file : Path
        Below the project, which may be a file.
    folder : Path
        Model folder, relative to the project.
    by_place : bool
        As in `Conditions`.
    """

    shuffle: int
    trainset_index: int
    train_fraction: float
    snapshot: str
    snapshot_file: Path
    folder: Path
    by_place: bool = False

    @property
    def reference(self) -> dict[str, Any]:
        """Setting in pytorch_config.yaml with which DeepLabCut finds it, wherever the project is."""
        return {
            "shuffle": self.shuffle,
            "trainset_index": self.trainset_index,
            "snapshot": self.snapshot_file.name,
        }


def find_conditions(found: Shuffle) -> Conditions | None:
    """Find the bottom-up model that a shuffle needs; None for one that needs none.

    Raises
    ------
    ModelError
        It is not named, cannot be used for a new video, is outside the project, or is of another kind.
    """
    if not found.conditional:
        return None
    value = table_of(found.pose.get(KEYS[0])).get(KEYS[1])
    if value is None:
        _refuse(found, "names no bottom-up model; a conditional top-down model starts from its poses")
    file = value if isinstance(value, str) else table_of(value).get("filepath")
    if file is not None:
        _refuse(found, f"is a file of predictions ({_shown(file)}), which DeepLabCut takes for evaluations only: it "
                "holds nothing of a new video")  # fmt: skip
    table = {key: each for key, each in table_of(value).items() if each is not None}
    if "shuffle" in table:
        shuffle, place, names = _by_shuffle(found, table)
    elif "config_path" in table or "snapshot_path" in table:
        shuffle, place, names = _by_paths(found, table)
    else:
        _refuse(found, f"is {_shown(value)}, which names no bottom-up model")
    model = _bottom_up(found, shuffle, place)
    return _with_snapshot(found, model, names)


def _by_shuffle(found: Shuffle, table: dict[str, Any]) -> tuple[int, int, Any]:
    """Shuffle, index of the training set, and the snapshot's name or place."""
    shuffle, place = table["shuffle"], table.get("trainset_index", 0)
    snapshot = table.get("snapshot", table.get("snapshot_index", -1))
    fits = type(shuffle) is int and type(place) is int and place >= 0 and type(snapshot) in (int, str)
    if not fits:
        _refuse(found, f"is {_shown(table)}: shuffle, trainset_index and snapshot_index must be whole numbers")
    if table.get("modelprefix"):
        _refuse(found, f"has modelprefix {_shown(table['modelprefix'])}: only models of the project itself can be used",
                f"copy that {MODEL_FOLDERS[ENGINE]} folder into the project and remove `modelprefix`")  # fmt: skip
    config = table.get("config")
    if config is not None and not _is_project(found, str(config)):
        _refuse(found, f"has config {_shown(config)}, which is another project than {found.tree.root}", _copy_it(found))
    return shuffle, place, snapshot


def _by_paths(found: Shuffle, table: dict[str, Any]) -> tuple[int, int, Any]:
    """Shuffle, training set index and snapshot from two paths, perhaps of the computer where the project was before."""
    config, snapshot = (_parts(str(table.get(key, ""))) for key in ("config_path", "snapshot_path"))
    base = f"{found.config['Task']}{found.config['date']}-trainset"
    match = re.fullmatch(rf"{re.escape(base)}{NUMBER}shuffle{NUMBER}", config[-3] if len(config) > 4 else "")
    iteration = f"iteration-{found.config['iteration']}"
    below = (MODEL_FOLDERS[ENGINE], iteration, *config[-3:-1], POSE_FILES[ENGINE])
    here = found.tree.root / Path(*below)
    if not match or config[-5:] != below or snapshot[:-1] != config[:-1] or _lies_elsewhere("/".join(config), here):
        _refuse(found, f"is {_shown(table)}, which is not a model of {found.tree.root} and its {iteration}",
                _copy_it(found))  # fmt: skip
    percents = [int(float(each) * 100) for each in found.config["TrainingFraction"]]
    if int(match[1]) not in percents:
        _refuse(found, f"names training set {match[1]}, which TrainingFraction of {CONFIG} does not have")
    return int(match[2]), percents.index(int(match[1])), snapshot[-1]


def _bottom_up(found: Shuffle, shuffle: int, trainset_index: int) -> Shuffle:
    try:
        model = find_shuffle(
            found.tree, found.config, shuffle=shuffle, trainset_index=trainset_index, engine=ENGINE
        )  # as DeepLabCut does, whatever metadata.yaml says
    except ModelError as error:
        _refuse(found, f"names a bottom-up model that cannot be used: {error.message}",
                f"copy that shuffle's folder into the project too, or {NAME_IT}", error)  # fmt: skip
    if model.method not in BOTTOM_UP:
        _refuse(found, f"names shuffle {shuffle}, whose method is {_shown(model.method)}; it must be bottom-up (bu)")
    return model


def _with_snapshot(found: Shuffle, model: Shuffle, wanted: int | str) -> Conditions:
    names = list_snapshots(found.tree.names(model.train), ENGINE)
    if isinstance(wanted, str):
        chosen = [name for name in names if name == wanted.removesuffix(".pt")]
    else:
        chosen = names[wanted:][:1] if -len(names) <= wanted < len(names) else []
    if not chosen:
        there = f"there are: {', '.join(names)}" if names else "there is none"
        _refuse(found, f"names snapshot {_shown(wanted)}, which {found.tree.root / model.train} does not hold; {there}",
                f"copy that snapshot into the project too, or {NAME_IT}")  # fmt: skip
    return Conditions(model, chosen[0], by_place=type(wanted) is int and wanted != -1)


def _refuse(found: Shuffle, problem: str, hint: str = NAME_IT, cause: Exception | None = None) -> NoReturn:
    line = find_key(found.tree.text(found.pose_file), KEYS[1])
    place = f"{found.tree.root / found.pose_file}" + (f", line {line}" if line else "")
    raise ModelError(f"{place}: {'.'.join(KEYS)} {problem}", hint) from cause


def _copy_it(found: Shuffle) -> str:
    folder = f"{found.folder.parent}/{found.config['Task']}{found.config['date']}-trainset<percent>shuffle<N>"
    return f"copy the bottom-up model's folder into the project as {folder}, and {NAME_IT}"


def _is_project(found: Shuffle, config: str) -> bool:
    """Whether a path is the project's own config.yaml, here or where the project was before."""
    parts = _parts(config)
    if not is_absolute(config) or parts[-1] != CONFIG.name:
        return False
    known = {found.tree.root.name, _parts(str(found.config.get("project_path", "")))[-1]} - {""}
    return parts[-2] in known and not _lies_elsewhere("/".join(parts), found.tree.root / CONFIG)


def _lies_elsewhere(path: str, here: Path) -> bool:
    """Whether a path leads to a file of this machine that is another than `here`."""
    try:
        place = Path(path)
        return place.is_absolute() and place.exists() and not (here.exists() and place.samefile(here))
    except (OSError, ValueError):
        return False


def _parts(path: str) -> tuple[str, ...]:
    """Parts of a path of any system; a first one that is empty stands for the root."""
    return tuple(re.split(r"[\\/]+", path.rstrip("\\/")))


def _shown(value: Any) -> str:
    return repr(value)[:SHOWN_CHARS]
