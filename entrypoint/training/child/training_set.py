"""The training set of a shuffle: made by DeepLabCut where there is none, never over one that is there."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.contract import PRIVATE_PREFIX
from dlcctr.errors import AnalysisError, ModelError
from dlcctr.labels.project import NEW_ITERATION, read_project
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import list_shuffles, read_config, table_of
from dlcctr.model.yaml.yaml12 import parse_yaml, read_text
from dlcctr.system.files import write_text_atomic
from dlcctr.system.kernel_locks import TRANSFER_WAIT_S
from dlcctr.system.locks import transfer_lock
from dlcctr.training.record import LOCKS_FOLDER
from entrypoint.training.child.labels import Labelled, prepare_labels
from entrypoint.training.child.merged_labels import merge_by_names
from entrypoint.training.child.set_on_disk import check_set, find_set
from entrypoint.training.child.settings_before import Difference, take_over
from entrypoint.training.child.start_network import network_of_set
from entrypoint.training.events import Order

DEFAULT_SEED = 42
"""Of a split where none was given, as in DeepLabCut's own configuration of a network."""
SET_WAIT_S = 20 * TRANSFER_WAIT_S


@dataclass(frozen=True)
class TrainingSet:
    """A shuffle's training set.

    Parameters
    ----------
    train : Path
        Folder of its snapshots.
    pose : dict
        Its pytorch_config.yaml or pose_cfg.yaml.
    labelled : Labelled or None
        Labels that it was made from just now; None where it was there.
    settings : tuple of Difference
        Of the training before; see `entrypoint.training.child.settings_before.take_over`.
    """

    train: Path
    pose: dict[str, Any]
    frames_train: int
    frames_test: int
    labelled: Labelled | None = None
    settings: tuple[Difference, ...] = ()


def find_or_make(order: Order) -> TrainingSet:
    """Training set of the shuffle in the project's present iteration.

    Raises
    ------
    ModelError
        Project, labels or training set cannot be used.
    """
    config = Path(order.config)
    train, fraction = train_folder(config.parent, order)
    lock = config.parent / LOCKS_FOLDER / "training-set.lock"
    with transfer_lock(lock, wait_s=SET_WAIT_S, busy="another process is making a training set of this project"):
        labelled = None
        if not is_whole(train, order.engine):
            others = _check_new(config, train, order)
            labelled = prepare_labels(config, fraction)
            if others:
                _check_same(config, labelled)
            _make(config, order, train)
            if not is_whole(train, order.engine):
                raise AnalysisError(
                    f"{train}: DeepLabCut made no training set there", "its last output is in the log above"
                )
        settings = take_over(order, train, made=labelled is not None)
        file = train / ENGINES[order.engine].pose_file
        pose = _read_whole(file, version_1_1=order.engine == "tensorflow", keep=not order.trial)
        n_train, n_test = check_set(config, percent=int(fraction * 100), shuffle=order.shuffle, engine=order.engine)
    return TrainingSet(train, pose, n_train, n_test, labelled, tuple(settings))


def train_folder(project: Path, order: Order) -> tuple[Path, float]:
    """Folder of the shuffle's snapshots, there or not, and its training fraction; `ModelError` as `read_config`."""
    config = read_config(open_tree(project))
    fractions = config["TrainingFraction"]
    if not 0 <= order.trainset_index < len(fractions):
        raise ModelError(
            f"{project / 'config.yaml'}: no training set index {order.trainset_index}; TrainingFraction is {fractions}",
            "choose with --trainset-index" if fractions else "give one there, such as TrainingFraction: [0.95]",
        )
    fraction = float(fractions[order.trainset_index])
    # int() of the product, as DeepLabCut does: 0.29 gives 28
    name = f"{config['Task']}{config['date']}-trainset{int(fraction * 100)}shuffle{order.shuffle}"
    top = ENGINES[order.engine].model_folder
    return project / top / f"iteration-{config['iteration']}" / name / "train", fraction


def is_whole(train: Path, engine: str) -> bool:
    """Whether a shuffle's training set was made to its end: its test folder's file is DeepLabCut's last one."""
    return (train / ENGINES[engine].pose_file).is_file() and (train.parent / "test" / "pose_cfg.yaml").is_file()


def _check_new(config: Path, train: Path, order: Order) -> bool:
    """Refuse to make a shuffle of which DeepLabCut would overwrite another fraction's, or another engine's.

    Returns
    -------
    bool
        Whether the iteration has other shuffles, which share the table of labels.
    """
    tree = open_tree(config.parent)
    iteration = int(read_config(tree)["iteration"])
    has_others = False
    for each in list_shuffles(tree):
        other = config.parent / each.folder / "train"
        if each.iteration != iteration or other == train or not any(is_whole(other, engine) for engine in ENGINES):
            continue
        has_others = True
        if each.shuffle == order.shuffle:
            raise ModelError(
                f"{config.parent / each.folder}: shuffle {order.shuffle} is there, for {each.engine} and "
                f"{each.percent} % of the labels; making {train.parent.name} would overwrite its split",
                "choose another --shuffle, which is free",
            )
    return has_others


def _check_same(config: Path, labelled: Labelled) -> None:
    """Refuse to make a set of other frames than those of the iteration's other shuffles.

    DeepLabCut writes the table that they share anew, and what they know of it are numbers of its rows.
    """
    found = find_set(config)
    if found is None or set(found.frames) == set(labelled.pictures):
        return
    new, gone = len(set(labelled.pictures) - set(found.frames)), len(set(found.frames) - set(labelled.pictures))
    what = " and ".join(f"{count} {word}" for count, word in ((new, "more"), (gone, "fewer")) if count)
    raise ModelError(
        f"{found.file}: the other shuffles of this iteration were made of {len(found.frames)} labelled pictures; "
        f"labeled-data has {what} now. A set of those would take the place of this table, and the others' splits are "
        "about its rows",
        f"count up the iteration: {NEW_ITERATION}",
    )


def _make(config: Path, order: Order, train: Path) -> None:
    import deeplabcut
    import numpy as np
    from deeplabcut.core.engine import Engine

    merge_by_names(read_project(config))
    usual = str(read_config(open_tree(config.parent)).get("default_net_type") or "")
    seed = DEFAULT_SEED if order.seed is None else order.seed
    random.seed(seed)
    np.random.seed([seed, order.shuffle])
    deeplabcut.create_training_dataset(
        str(config),
        Shuffles=[order.shuffle],
        net_type=network_of_set(order, train, usual) or None,
        engine=Engine.PYTORCH if order.engine == "pytorch" else Engine.TF,
        userfeedback=False,
    )


def _read_whole(file: Path, *, version_1_1: bool, keep: bool) -> dict[str, Any]:
    """Read a network's configuration; from a copy where DeepLabCut was killed while it wrote the file anew."""
    copy = file.with_name(f"{PRIVATE_PREFIX}{file.name}")
    try:
        text = read_text(file)
        table = parse_yaml(text, file, version_1_1=version_1_1)
    except ModelError:
        if not copy.is_file():
            raise
        text = read_text(copy)
        table = parse_yaml(text, copy, version_1_1=version_1_1)
        write_text_atomic(file, text)
    if keep:
        write_text_atomic(copy, text)
    return table


def setting(pose: dict[str, Any], *keys: str, default: Any = None) -> Any:
    """Value deep in a configuration; the default where a table on the way is missing."""
    table: Any = pose
    for key in keys[:-1]:
        table = table_of(table).get(key)
    value = table_of(table).get(keys[-1])
    return default if value is None else value
