"""Shuffles of a project's present iteration, with what their trainings have left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.errors import UsageError
from dlcctr.model.files import ROOT, open_tree
from dlcctr.model.project.shuffles import MODEL_FOLDERS, list_shuffles, read_config
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.system.files import absolute
from dlcctr.training.record import Status, Training, Trial, find_training, find_trial
from dlcctr.training.tasks import TrainOptions, TrainTask


@dataclass(frozen=True)
class TrainedShuffle:
    """One shuffle's folder.

    Parameters
    ----------
    folder : PurePosixPath
        Relative to the project.
    training, trial
        None where there is none.
    percent : int
        Training fraction in its folder's name.
    """

    shuffle: int
    engine: str
    folder: PurePosixPath
    training: Training | None = None
    trial: Trial | None = None
    percent: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing is left to train."""
        return self.training is not None and self.training.status is Status.DONE

    def refusal(self, task: TrainTask, options: TrainOptions) -> str:
        """Why `dlc train` would not do this with what was begun; empty if it would."""
        begun = self.training
        if begun is None or options.trial:
            return ""
        if self.is_finished:
            if options.epochs in (None, begun.epochs_wanted):
                return ""
            return (
                f"is trained for {begun.epochs_wanted} {begun.unit}s; for another number train another shuffle, "
                "with --weights and this project"
            )
        given = {"--seed": (task.seed, begun.seed), "--batch-size": (options.batch_size, begun.batch_size)}
        for name, (wanted, had) in given.items():
            if wanted not in (None, had):
                return f"was begun with {name} {had}, not {wanted}: leave {name} out, and it goes on"
        if options.epochs is not None and options.epochs < begun.epochs_done:
            return f"has {begun.epochs_done} {begun.unit}s already: leave --epochs out, and it goes on"
        return ""


@dataclass(frozen=True)
class TrainProject:
    """A project as far as its training needs it.

    Parameters
    ----------
    folder : Path
        Absolute.
    engine : str
        Engine of new shuffles: config.yaml's, else that of the folders there are, else TensorFlow, as DeepLabCut says.
    shuffles : tuple of TrainedShuffle
        Those of the present iteration that have a folder.
    has_before : bool
        Whether an earlier iteration has a trained model of this engine, to start from.
    percent : int
        Training fraction of what is trained here: config.yaml's first.
    """

    folder: Path
    name: str
    iteration: int
    engine: str
    shuffles: tuple[TrainedShuffle, ...]
    has_before: bool = False
    percent: int = 0

    def left_of(self, tasks: Sequence[TrainTask], options: TrainOptions) -> tuple[TrainTask, ...]:
        """Tasks that are not finished; a trial of a finished one is left, too.

        Raises
        ------
        UsageError
            One of them was begun otherwise, so that it cannot go on like this.
        """
        left = []
        for task in tasks:
            there = self.find(task.shuffle)
            if there is not None and (why := there.refusal(task, options)):
                raise UsageError(f"{self.folder}: shuffle {task.shuffle} {why}", "or train another --shuffle")
            if there is None or not there.is_finished or options.trial:
                left.append(task)
        return tuple(left)

    def find(self, shuffle: int) -> TrainedShuffle | None:
        """Folder of a shuffle: of the project's engine and first training fraction before others; None without one."""
        found = [each for each in self.shuffles if each.shuffle == shuffle]
        return min(found, key=lambda each: (each.engine != self.engine, each.percent != self.percent), default=None)


def read_train_project(project: Path) -> TrainProject:
    """Read a project, given as its folder or its config.yaml.

    Raises
    ------
    ModelError
        It is no project, or a training's state is damaged.
    """
    folder = absolute(project.parent if project.name == "config.yaml" else project)
    tree = open_tree(folder)
    config = read_config(tree)
    iteration = int(config["iteration"])
    folders = list_shuffles(tree)
    there = [each for each in folders if each.iteration == iteration]
    engine = str(config.get("engine") or "").lower()
    if engine not in MODEL_FOLDERS:
        engine = there[0].engine if there else "tensorflow"
    shuffles = []
    for each in there:
        train = folder / each.folder / "train"
        shuffles.append(
            TrainedShuffle(
                each.shuffle, each.engine, ROOT / each.folder, find_training(train), find_trial(train), each.percent
            )
        )
    before = [
        tree.names(each.folder / "train") for each in folders if each.iteration < iteration and each.engine == engine
    ]
    has_before = any(list_snapshots(names, engine) for names in before)
    fractions = config["TrainingFraction"]
    return TrainProject(
        folder, f"{config['Task']}{config['date']}", iteration, engine, tuple(shuffles), has_before,
        int(fractions[0] * 100) if fractions else 0,
    )  # fmt: skip
