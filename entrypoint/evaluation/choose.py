"""Which trained shuffle is evaluated, and which one beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, ModelError, UsageError
from dlcctr.model.files import ModelTree, open_tree
from dlcctr.model.inspection import ModelInfo, inspect_model
from dlcctr.model.project.shuffles import (
    CONFIG,
    ModelFolder,
    Shuffle,
    find_shuffle,
    list_shuffles,
    names_of,
    read_config,
    table_of,
)
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.system.values.names import check_name
from entrypoint.evaluation.training_set import TrainingSet, points_of, read_training_set

DEFAULT_SHUFFLE = 1
NONE = "none"


@dataclass(frozen=True)
class Project:
    """A project with its trained shuffles.

    Parameters
    ----------
    config : dict
        Values of config.yaml.
    trained : tuple of ModelFolder
        Shuffles with a snapshot, of all iterations.
    """

    root: Path
    config: dict[str, Any]
    tree: ModelTree
    trained: tuple[ModelFolder, ...]


@dataclass(frozen=True)
class Chosen:
    """A trained shuffle.

    Parameters
    ----------
    training_set : TrainingSet or None
        What it was trained on; None where that is not known, for the reason in `unknown`.
    is_named : bool
        A person asked for this very one.
    """

    model: ModelInfo
    training_set: TrainingSet | None
    unknown: str = ""
    is_named: bool = False

    @property
    def name(self) -> str:
        """``iteration 1, shuffle 2``."""
        return f"iteration {self.model.iteration}, shuffle {self.model.shuffle}"


def open_project(folder: Path) -> Project:
    """Read a project, given as its folder or config.yaml.

    Raises
    ------
    ModelError
        It is none.
    UsageError
        It is a bundle.
    """
    tree = open_tree(folder)
    config = read_config(tree)
    if tree.listing:
        raise UsageError(
            f"{tree.root}: a bundle has no labels to compare with", "give the project that its model was trained in"
        )
    try:
        check_name(f"CollectedData_{config.get('scorer')}.h5", "the name of a table of labels")
    except ValueError as error:
        raise ModelError(f"{tree.root / CONFIG}: scorer: {error}", "correct it") from error
    prefix = f"{config['Task']}{config['date']}-"
    trained = [
        each
        for each in list_shuffles(tree)
        if each.folder.name.startswith(prefix) and list_snapshots(tree.names(each.folder / "train"), each.engine)
    ]
    return Project(tree.root, config, tree, tuple(trained))


def choose(
    project: Project,
    *,
    iteration: int | None = None,
    shuffle: int | None = None,
    trainset_index: int | None = None,
    snapshot: str = "",
) -> tuple[Chosen, TrainingSet]:
    """Find the shuffle to evaluate, and what it was trained on; that of config.yaml's iteration where none is named.

    Raises
    ------
    ModelError
        It is not trained, or nobody knows what it was trained on.
    UsageError
        It is not clear which one is meant.
    """
    number = project.config["iteration"] if iteration is None else iteration
    folder = _pick(project, number, shuffle, _percent(project, trainset_index))
    model = inspect_model(project.root, shuffle=folder.shuffle, snapshot=snapshot, instead=_place(project, folder))
    _check_kind(model)
    found = read_training_set(
        project.root, project.config, iteration=number, percent=folder.percent, shuffle=folder.shuffle
    )
    lacking = [point for point in points_of(model) if point not in found.points]
    if lacking:
        names = [" of ".join(filter(None, (part, who))) for who, part in lacking[:5]]
        raise ModelError(
            f"{found.file}: has no labels of {', '.join(names)}, which the model was trained on",
            "copy the training-datasets folder again from where the model was trained",
        )
    return Chosen(model, found), found


def _check_kind(model: ModelInfo) -> None:
    """Refuse what DeepLabCut evaluates in another way than this program reads.

    Raises
    ------
    UsageError
        A model of several animals of the TensorFlow engine, or a conditional one.
    """
    if not model.multianimal or (model.engine == "pytorch" and not model.conditions):
        return
    kind = "a conditional top-down model" if model.conditions else "a TensorFlow model of several animals"
    raise UsageError(
        f"{model.project / model.folder}: {kind}, which evaluate is not for so far",
        "use DeepLabCut's own: deeplabcut.evaluate_network(CONFIG, Shuffles=[1], per_keypoint_evaluation=True)",
    )


def choose_before(project: Project, now: Chosen, wanted: str) -> tuple[Chosen | None, str]:
    """Find the model to show beside it: the one of the iteration before, unless another one is named.

    Parameters
    ----------
    wanted : str
        ``ITERATION``, ``ITERATION:SHUFFLE``, ``none``, or empty.

    Returns
    -------
    Chosen or None, str
        And why there is none. What a person has named raises instead.
    """
    if wanted.strip().lower() == NONE:
        return None, "no other model beside it: --beside none"
    named = re.fullmatch(r"(\d{1,6})(?::(\d{1,6}))?", wanted.strip())
    if wanted and not named:
        raise UsageError(
            f"--beside {wanted[:40]!r}: not ITERATION, ITERATION:SHUFFLE or none", "for example --beside 0"
        )
    if named:
        iteration, shuffle = int(named[1]), int(named[2]) if named[2] else None
    else:
        iteration = max(
            (each.iteration for each in project.trained if each.iteration < now.model.iteration), default=-1
        )
        if iteration < 0:
            return None, "no model of an earlier iteration is in the project"
        there = {each.shuffle for each in project.trained if each.iteration == iteration}
        shuffle = now.model.shuffle if now.model.shuffle in there else None
    try:
        before = _choose_before(project, iteration, shuffle, now)
    except DlcctrError as error:
        if named:
            raise
        return None, f"the model of iteration {iteration} is not evaluated beside it: {error.message}"
    if before.model.folder == now.model.folder:
        raise UsageError(f"--beside {wanted}: the same model as the one that is evaluated", "name another one")
    return replace(before, is_named=bool(named)), ""


def _choose_before(project: Project, iteration: int, shuffle: int | None, now: Chosen) -> Chosen:
    percents = {each.percent for each in _candidates(project, iteration, shuffle)}
    own = int(now.model.train_fraction * 100)
    folder = _pick(project, iteration, shuffle, own if own in percents else None)
    place = _place(project, folder)
    found = find_shuffle(project.tree, {**project.config, **place}, shuffle=folder.shuffle, trainset_index=0)
    model = inspect_model(project.root, shuffle=folder.shuffle, instead={**place, **_trained_with(found)})
    _check_kind(model)
    if not set(model.bodyparts) & set(now.model.bodyparts):
        raise ModelError(f"{folder.folder}: has no body part in common with the model", "name another one: --beside")
    try:
        known = read_training_set(
            project.root, project.config, iteration=iteration, percent=folder.percent, shuffle=folder.shuffle
        )
    except ModelError as error:
        return Chosen(model, None, error.message)
    return Chosen(model, known)


def _trained_with(found: Shuffle) -> dict[str, Any]:
    """Values of config.yaml with the body parts that a network was trained with, which it may not have any more."""
    if not found.multianimal:
        return {"bodyparts": list(found.trained_parts[found.pose_file])}
    own = table_of(found.pose.get("metadata"))
    return {
        "multianimalbodyparts": list(names_of(own.get("bodyparts"))),
        "uniquebodyparts": list(names_of(own.get("unique_bodyparts"))),
    }


def _percent(project: Project, trainset_index: int | None) -> int | None:
    fractions: Sequence[float] = project.config["TrainingFraction"]
    if trainset_index is None:
        return None
    if trainset_index >= len(fractions):
        raise ModelError(
            f"{project.root / CONFIG}: no training set index {trainset_index}; TrainingFraction is {fractions}",
            "choose with --trainset-index",
        )
    return int(fractions[trainset_index] * 100)


def _candidates(project: Project, iteration: int, shuffle: int | None) -> list[ModelFolder]:
    there = [each for each in project.trained if each.iteration == iteration]
    if shuffle is not None:
        return [each for each in there if each.shuffle == shuffle]
    numbers = {each.shuffle for each in there}
    only = numbers if len(numbers) == 1 else {DEFAULT_SHUFFLE}
    return [each for each in there if each.shuffle in only]


def _pick(project: Project, iteration: int, shuffle: int | None, percent: int | None) -> ModelFolder:
    there = [each for each in project.trained if each.iteration == iteration]
    if not there:
        others = sorted({each.iteration for each in project.trained})
        raise ModelError(
            f"{project.root}: no trained shuffle in iteration {iteration}; "
            + (f"iterations with one: {', '.join(map(str, others))}" if others else "there is none at all"),
            "train it first: dlcctr train run PROJECT (in the image: dlc train PROJECT)"
            + ("; or choose another with --iteration" if others else ""),
        )
    fitting = [each for each in _candidates(project, iteration, shuffle) if percent in (None, each.percent)]
    names = ", ".join(f"shuffle {each.shuffle} (trainset{each.percent})" for each in there)
    if not fitting:
        raise ModelError(
            f"{project.root}: iteration {iteration} has no such trained shuffle; it has {names}",
            "choose with --shuffle and --trainset-index",
        )
    if len({each.percent for each in fitting}) > 1:
        raise UsageError(
            f"{project.root}: shuffle {fitting[0].shuffle} is trained for several training fractions: {names}",
            f"choose with --trainset-index, the place in TrainingFraction: {project.config['TrainingFraction']}",
        )
    return fitting[0]


def _place(project: Project, folder: ModelFolder) -> dict[str, Any]:
    """Values of config.yaml with which a folder is found; its fraction may be gone from there since."""
    return {"iteration": folder.iteration, "TrainingFraction": [_fraction(project.config, folder.percent)]}


def _fraction(config: Mapping[str, Any], percent: int) -> float:
    known = [float(each) for each in config["TrainingFraction"] if int(each * 100) == percent]
    near = [percent / 100, (percent + 0.5) / 100]  # int(0.29 * 100) is 28
    return next(each for each in [*known, *near] if int(each * 100) == percent)
