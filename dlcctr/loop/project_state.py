"""What a project's files say of its present iteration: labels, training set, trainings, evaluation."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.errors import DlcctrError
from dlcctr.labels.project import TRAINING_SETS, read_project
from dlcctr.labels.table import TABLE_PREFIX
from dlcctr.loop.labels import LabelFolder, count_labelled, read_folders, total
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import open_tree
from dlcctr.model.inspection import inspect_model
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.model.project.shuffles import ModelFolder, list_shuffles, read_config
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.system.terminal.console import plural
from dlcctr.training.project import read_train_project
from dlcctr.training.record import Status, Training, find_training, find_trial

EVALUATION_FILENAME = "evaluation.json"
"""What `dlc evaluate` writes beside DeepLabCut's own results of an evaluation."""
SHOWN = 3
"""Most folders that a note names."""
UNTRAINED, TRAINED = "untrained", "trained"
"""States of a shuffle that `dlc train` has not touched."""


@dataclass(frozen=True)
class ShuffleState:
    """One shuffle of the present iteration.

    Parameters
    ----------
    state : str
        Of its training: `UNTRAINED`, `TRAINED` (by whatever means), or a `Status` of `dlc train`.
    done, wanted : int or None
        Epochs or iterations; None where only DeepLabCut knows them.
    evaluated : str
        ``yes`` with a page of `dlc evaluate`, ``by DeepLabCut``, or empty.
    model_hash : str
        Of the model that an analysis would use; empty where there is none.
    tried : bool
        Whether a short trial has measured its time and memory.
    trainset_index : int
        Place of its fraction in TrainingFraction; 0 where it is not there.
    """

    shuffle: int
    engine: str
    percent: int
    state: str
    done: int | None = None
    wanted: int | None = None
    unit: str = ""
    cause: str = ""
    hint: str = ""
    evaluated: str = ""
    model_hash: str = ""
    tried: bool = False
    trainset_index: int = 0

    @property
    def is_trained(self) -> bool:
        """Whether its training has come to its end."""
        return self.state in (TRAINED, Status.DONE.value)


@dataclass(frozen=True)
class ProjectState:
    """A project in its round.

    Parameters
    ----------
    folders : tuple of LabelFolder
        By name.
    in_training_set : int or None
        Labelled frames in the iteration's training set; None without one, or where it cannot be read.
    has_training_set : bool
        Whether there is one.
    shuffles : tuple of ShuffleState
        Of the present iteration.
    earlier : tuple of int
        Iterations before with trained models.
    notes : tuple of str
        What is wrong or odd.
    is_of_several : bool
        Whether it is a project of several animals.
    unlisted : tuple of str
        Folders of labels that config.yaml's `video_sets` does not name, so that DeepLabCut does not find them.
    has_start : bool
        Whether one of `earlier` is of the engine that new shuffles have, so that a training can start from it.
    """

    folder: Path
    iteration: int
    folders: tuple[LabelFolder, ...]
    has_training_set: bool
    in_training_set: int | None
    shuffles: tuple[ShuffleState, ...]
    earlier: tuple[int, ...]
    notes: tuple[str, ...] = ()
    is_of_several: bool = False
    unlisted: tuple[str, ...] = ()
    has_start: bool = False

    @property
    def labelled(self) -> int:
        """Labelled frames."""
        return total(list(self.folders))

    @property
    def lacking(self) -> int:
        """Labelled frames that are not in the iteration's training set; 0 where there is none."""
        return 0 if self.in_training_set is None else max(0, self.labelled - self.in_training_set)

    @property
    def waiting(self) -> tuple[LabelFolder, ...]:
        """Folders whose machine labels have to be corrected."""
        return tuple(each for each in self.folders if each.waits)

    @property
    def trained(self) -> tuple[ShuffleState, ...]:
        """Shuffles whose training has come to its end."""
        return tuple(each for each in self.shuffles if each.is_trained)

    @property
    def model_hashes(self) -> frozenset[str]:
        """Hashes of the iteration's models."""
        return frozenset(each.model_hash for each in self.trained if each.model_hash)


def read_state(folder: Path) -> ProjectState:
    """Read a project, given as its folder or its config.yaml; nothing is written.

    Raises
    ------
    ModelError
        config.yaml cannot be read.
    """
    project = read_project(folder)
    root = project.folder
    folders = read_folders(project.labels, project.scorer)
    top = root / TRAINING_SETS / f"iteration-{project.iteration}"
    sets = sorted(top.glob(f"*/{TABLE_PREFIX}*.csv"))
    in_set = count_labelled(sets[0])[0] if sets else None
    shuffles, earlier, notes = _shuffles(root, project.iteration)
    lost = [each.name for each in folders if each.labelled and not project.has_video(each.name)]
    if lost:
        notes.append(
            f"not in config.yaml's video_sets, so that DeepLabCut does not find their labels: "
            f"{', '.join(lost[:SHOWN])}{f' and {len(lost) - SHOWN} more' if lost[SHOWN:] else ''}"
        )
    state = ProjectState(
        root, project.iteration, tuple(folders), any(top.glob("*")), in_set, tuple(shuffles), tuple(earlier),
        is_of_several=project.is_of_several, unlisted=tuple(lost),
        has_start=_has_start(root),
    )  # fmt: skip
    if state.lacking:
        notes.append(
            f"{plural(state.lacking, 'labelled frame')} {'is' if state.lacking == 1 else 'are'} not in the training "
            f"set of iteration {project.iteration}; for a new one: {new_iteration(state)}"
        )
    notes += [each.problem for each in folders if each.problem][:3]
    return replace(state, notes=tuple(notes))


def new_iteration(project: ProjectState) -> str:
    """Command that counts up a project's iteration, so that its next training set has all labels."""
    folder, labels = (shlex.quote(str(each)) for each in (project.folder, project.folder / LABELS_FOLDER))
    return f"dlcctr labels add {folder} {labels} --new-iteration"


def _shuffles(root: Path, iteration: int) -> tuple[list[ShuffleState], list[int], list[str]]:
    notes: list[str] = []
    found: list[ShuffleState] = []
    all_of_them = list_shuffles(open_tree(root))
    for each in all_of_them:
        if each.iteration == iteration:
            try:
                found.append(_shuffle(root, each))
            except DlcctrError as error:
                notes.append(error.message)
    before = [each for each in all_of_them if each.iteration < iteration]
    trained = {each.iteration for each in before if list_snapshots(_names(root / each.folder / "train"), each.engine)}
    return found, sorted(trained), notes


def _has_start(root: Path) -> bool:
    try:
        return read_train_project(root).has_before
    except DlcctrError:  # which is told elsewhere
        return False


def _shuffle(root: Path, each: ModelFolder) -> ShuffleState:
    train = root / each.folder / "train"
    training = find_training(train)
    names = _names(train)
    state = training.status.value if training else TRAINED if list_snapshots(names, each.engine) else UNTRAINED
    made = ShuffleState(
        each.shuffle, each.engine, each.percent, state, evaluated=_evaluated(root, each),
        tried=find_trial(train) is not None,
    )  # fmt: skip
    if training:
        made = _with_record(made, training)
    if not made.is_trained:
        return made
    place = _place(root, each)
    return replace(made, model_hash=_model_hash(root, each, place), trainset_index=place)


def _with_record(made: ShuffleState, training: Training) -> ShuffleState:
    return replace(
        made,
        done=training.epochs_done,
        wanted=training.epochs_wanted,
        unit=training.unit,
        cause=training.cause,
        hint=training.hint,
    )


def _names(folder: Path) -> list[str]:
    try:
        return sorted(each.name for each in folder.iterdir())
    except OSError:
        return []


def _evaluated(root: Path, each: ModelFolder) -> str:
    top = root / ENGINES[each.engine].evaluation_folder / f"iteration-{each.iteration}"
    names = _names(top / each.folder.name)
    if EVALUATION_FILENAME in names:
        return "yes"
    return "by DeepLabCut" if any(name.endswith((".csv", ".h5")) for name in names) else ""


def _place(root: Path, each: ModelFolder) -> int:
    """Place of a shuffle's fraction in TrainingFraction; 0 where it is not there any more."""
    try:
        fractions = read_config(open_tree(root))["TrainingFraction"]
    except DlcctrError:
        return 0
    return next((n for n, fraction in enumerate(fractions) if int(fraction * 100) == each.percent), 0)


def _model_hash(root: Path, each: ModelFolder, place: int) -> str:
    """Hash of a shuffle's model as an analysis would use it; empty where that cannot be told."""
    try:
        return inspect_model(root, shuffle=each.shuffle, trainset_index=place).hash
    except (DlcctrError, TypeError, ValueError):
        return ""
