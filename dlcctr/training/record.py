"""State of a training, written in the image and read on the host: files in a shuffle's train folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path, PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model.curve.losses import LOSSES_FILENAME
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import list_shuffles
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.records import Open

TRAINING_FILENAME = "dlcctr-training.json"
"""File in a shuffle's train folder with the state of its training (`Training`)."""
CURVE_FILENAME = "dlcctr-losses.png"
"""Picture of the loss curve, made when a training ends or stops."""
TRIAL_FILENAME = "dlcctr-trial.json"
"""File beside it with what a short trial measured (`Trial`)."""
LOCKS_FOLDER = ".dlcctr-locks"
"""Folder of a project with the lock files of trainings; may be removed when none is running."""
EPOCH, ITERATION = "epoch", "iteration"
"""What is counted: passes over the training set (PyTorch), or batches (TensorFlow)."""


class Status(str, Enum):
    """State of a training; `RUNNING` also stands in the file of one that was killed."""

    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class StartWeights(Open):
    """Weights that a training started from.

    Parameters
    ----------
    kind : str
        ``file``, ``project`` (an earlier model of DeepLabCut's), ``bundle`` (one that was packed), ``cache`` (published
        weights found on this machine) or ``none`` (random).
    path : str
        Where they were found; the name of the published weights where the engine found them itself.
    sha256 : str
        Hash of that file; empty for random weights.
    """

    kind: str = "none"
    path: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class Training(Open):
    """One shuffle's training.

    Parameters
    ----------
    iteration : int
        DeepLabCut's iteration of the project (not a step of training).
    trainset_index : int
        Place in config.yaml's TrainingFraction.
    unit : str
        What `epochs_done` and `epochs_wanted` count: `EPOCH`, or `ITERATION` with TensorFlow.
    detector_done, detector_wanted : int
        The same of a top-down model's detector, which is trained first; 0 without one.
    epochs_asked : int
        As `--epochs` asked, which a schedule that ends earlier makes fewer; 0 where it did not.
    frames_train, frames_test : int
        Size of the training set's two parts.
    weights : str
        As `--weights` asked; `start` is what came of it.
    device : str
        ``cpu``, or the name of the GPU.
    seconds_per_epoch : float
        Mean over those done since the last start; 0 while there is none.
    host_mb, gpu_mb : float
        Most memory that was used; `gpu_mb` is 0 without a GPU.
    setup_s : float
        Seconds from the start to the first step.
    starts : int
        How often it was started, the first time included.
    started, changed : str
        UTC, ISO 8601: first start, and when this file was written.
    exit_code : int
        Of `dlc train`, where `status` is ``failed`` or ``interrupted``; `cause` and `hint` say why.
    snapshot : str
        File name of the newest snapshot; empty while there is none.
    """

    status: Status
    engine: str
    shuffle: int
    iteration: int
    trainset_index: int
    seed: int
    epochs_done: int
    epochs_wanted: int
    unit: str = EPOCH
    train_fraction: float = 0.0
    net_type: str = ""
    batch_size: int = 1
    detector_done: int = 0
    detector_wanted: int = 0
    frames_train: int = 0
    frames_test: int = 0
    epochs_asked: int = 0
    weights: str = ""
    start: StartWeights = field(default_factory=StartWeights)
    device: str = "cpu"
    precision: str = "float32"
    software: dict[str, str] = field(default_factory=dict)
    seconds_per_epoch: float = 0.0
    setup_s: float = 0.0
    host_mb: float = 0.0
    gpu_mb: float = 0.0
    starts: int = 1
    started: str = ""
    changed: str = ""
    host: str = ""
    pid: int = 0
    exit_code: int = 0
    cause: str = ""
    hint: str = ""
    snapshot: str = ""
    losses: str = LOSSES_FILENAME

    @property
    def seconds_left(self) -> float:
        """Estimate of what the epochs that are missing take; 0 while nothing is known."""
        return max(0, self.epochs_wanted - self.epochs_done) * self.seconds_per_epoch


@dataclass(frozen=True)
class Trial(Open):
    """What a short trial of a shuffle's training measured; nothing of it is kept in the snapshots.

    Parameters
    ----------
    seconds_per_epoch : float
        Of one epoch (`unit`) of the whole training set, from the steps that were tried without the first one.
    setup_s : float
        Seconds before the first step: imports, weights, network.
    host_mb, gpu_mb : float
        Most memory that was used; `gpu_mb` is 0 without a GPU.
    frames_train, frames_test : int
        Size of the training set's two parts.
    steps : int
        Batches that were tried.
    seconds_per_detector_epoch, detector_wanted : float, int
        Of a top-down model's detector; 0 without one.
    """

    engine: str
    shuffle: int
    iteration: int
    trainset_index: int
    seconds_per_epoch: float
    epochs_wanted: int
    host_mb: float
    gpu_mb: float
    frames_train: int
    frames_test: int
    unit: str = EPOCH
    net_type: str = ""
    batch_size: int = 1
    setup_s: float = 0.0
    steps: int = 0
    seconds_per_detector_epoch: float = 0.0
    detector_wanted: int = 0
    device: str = "cpu"
    precision: str = "float32"
    software: dict[str, str] = field(default_factory=dict)
    changed: str = ""

    @property
    def seconds_in_all(self) -> float:
        """Estimate of the whole training on this device."""
        epochs = self.epochs_wanted * self.seconds_per_epoch
        return self.setup_s + epochs + self.detector_wanted * self.seconds_per_detector_epoch


TRAININGS = StateFile(
    Training, "the state of a training", ModelError, hint="remove the file; `dlc train` goes on from the last snapshot"
)
TRIALS = StateFile(Trial, "a trial of a training", ModelError, hint="remove the file, then `dlc train PROJECT --trial`")


def find_training(train: Path) -> Training | None:
    """State of the training in a shuffle's train folder; None where none was started; `ModelError` if damaged."""
    return TRAININGS.find(train / TRAINING_FILENAME)


def find_trial(train: Path) -> Trial | None:
    """What the last trial in a shuffle's train folder measured; None without one; `ModelError` if damaged."""
    return TRIALS.find(train / TRIAL_FILENAME)


def lock_file(train: Path) -> Path:
    """File that is held locked while the shuffle of a train folder is trained (`dlcctr.system.kernel_locks.is_held`).

    A state that says `Status.RUNNING` while nobody holds it is that of a killed training.
    """
    top, iteration, shuffle = train.parts[-4:-1]
    return train.parents[3] / LOCKS_FOLDER / f"{top}-{iteration}-{shuffle}.lock"


def list_train_folders(project: Path, iteration: int | None = None) -> list[Path]:
    """Train folders of a project, of all engines; of one iteration where it is named.

    Raises
    ------
    ModelError
        The project cannot be read.
    """
    tree = open_tree(project)
    found = [each for each in list_shuffles(tree) if iteration is None or each.iteration == iteration]
    return [project / PurePosixPath(each.folder) / "train" for each in found]
