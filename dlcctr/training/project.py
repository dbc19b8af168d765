"""Shuffles of a project's present iteration, with what their trainings have left."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.model.files import ROOT, open_tree
from dlcctr.model.project.shuffles import MODEL_FOLDERS, list_shuffles, read_config
from dlcctr.system.files import absolute
from dlcctr.training.record import Status, Training, Trial, find_training, find_trial


@dataclass(frozen=True)
class TrainedShuffle:
    """One shuffle's folder.

    Parameters
    ----------
    folder : PurePosixPath
        Relative to the project.
    training, trial
        None where there is none.
    """

    shuffle: int
    engine: str
    folder: PurePosixPath
    training: Training | None = None
    trial: Trial | None = None

    def is_finished(self, epochs: int | None = None) -> bool:
        """Whether nothing is left to train, also of more epochs if they are asked for."""
        done = self.training
        return done is not None and done.status is Status.DONE and (epochs is None or done.epochs_done >= epochs)


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
    """

    folder: Path
    name: str
    iteration: int
    engine: str
    shuffles: tuple[TrainedShuffle, ...]

    def find(self, shuffle: int) -> TrainedShuffle | None:
        """Folder of a shuffle, of the project's engine before the other one; None where there is none."""
        found = [each for each in self.shuffles if each.shuffle == shuffle]
        return next((each for each in found if each.engine == self.engine), found[0] if found else None)


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
    there = [each for each in list_shuffles(tree) if each.iteration == iteration]
    engine = str(config.get("engine") or "").lower()
    if engine not in MODEL_FOLDERS:
        engine = there[0].engine if there else "tensorflow"
    shuffles = []
    for each in there:
        train = folder / each.folder / "train"
        shuffles.append(
            TrainedShuffle(each.shuffle, each.engine, ROOT / each.folder, find_training(train), find_trial(train))
        )
    return TrainProject(folder, f"{config['Task']}{config['date']}", iteration, engine, tuple(shuffles))
