"""Fetch shuffles that were trained on another machine, with their training sets and evaluations."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dlcctr.contract import PRIVATE_PREFIX, ExitCode
from dlcctr.errors import DlcctrError, UsageError
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import read_config
from dlcctr.model.yaml.yaml12 import read_text
from dlcctr.system import locks
from dlcctr.system.disk import output_error, place_of
from dlcctr.system.files import absolute, sha256_file, write_bytes_atomic, write_text_atomic
from dlcctr.training.paths import TrainingPaths
from dlcctr.training.project import TrainedShuffle, read_train_project
from dlcctr.training.record import TRAINING_FILENAME, Status, Training, find_training
from dlcctr.transfer.remote import rsync
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.folder import PRIVATE, RemoteFolder, open_remote_folder
from dlcctr.transfer.training.hashes import files_below, hashes_here, hashes_there, is_hidden
from dlcctr.transfer.training.place import place_folder, settle_folders
from dlcctr.transfer.training.project_files import different_keys, merge_metadata
from dlcctr.transfer.training.push import CONFIG, DATASETS, METADATA

STATES = (
    f"--exclude={PRIVATE}", "--exclude=/labeled-data/", "--exclude=/videos/", "--exclude=/training-datasets/",
    "--include=*/", f"--include=/{CONFIG}", f"--include={TRAINING_FILENAME}", "--exclude=*",
)  # fmt: skip
"""rsync filters that let config.yaml and the state of each training through."""
ALL = (f"--exclude={PRIVATE}",)
SNAPSHOTS = ("snapshot*.pt", "snapshot*.index")
AGAIN = "run the same command again"


@dataclass(frozen=True)
class FetchTraining:
    """What to fetch: `shuffles` of the present iteration there; all that are trained where it is empty."""

    project: Path
    remote: Remote
    ssh: tuple[str, ...]
    shuffles: tuple[int, ...] = ()


@dataclass(frozen=True)
class TakenShuffle:
    """A shuffle that was fetched; `epochs` in its training's `unit`."""

    shuffle: int
    folder: str
    files: int
    n_bytes: int
    epochs: int
    unit: str
    evaluated: bool


@dataclass
class FetchedTraining:
    """What was fetched.

    Parameters
    ----------
    here : list of int
        Shuffles that are here already, byte for byte.
    waiting : dict
        Shuffles that are not trained there yet, and how far they are.
    refused : dict
        Shuffles that were left there, and why.
    """

    remote: Remote
    iteration: int = 0
    taken: list[TakenShuffle] = field(default_factory=list)
    here: list[int] = field(default_factory=list)
    waiting: dict[int, str] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def exit_code(self) -> ExitCode:
        """8 if one was refused, else 0."""
        return ExitCode.OUTPUT if self.refused else ExitCode.OK


def fetch_training(options: FetchTraining, *, say: Callable[[str], None] = lambda _: None) -> FetchedTraining:
    """Fetch the trained shuffles; a different training that is here is never replaced, and nothing is removed there.

    Raises
    ------
    DlcctrError
        There is no such project, or another one; or see `dlcctr.transfer.remote.ssh`. Each shuffle is here whole, or
        not at all.
    """
    folder = absolute(options.project.parent if options.project.name == CONFIG else options.project)
    config = read_config(open_tree(folder))
    private, began = folder / f"{PRIVATE_PREFIX}fetch", time.monotonic()
    with (
        locks.transfer_lock(TrainingPaths(folder).transfer_lock, busy="another transfer of this project runs") as lock,
        open_remote_folder(options.remote, options.ssh, rsync.find_rsync(), make=False, lock=lock) as far,
    ):
        done = FetchedTraining(far.remote)
        if not far.place.exists:
            raise UsageError(f"{far.remote}: there is no such folder", "name the folder that the project was pushed to")
        try:
            states = private / "states"
            far.mirror(far.remote.folder, states, STATES)
            if not (states / CONFIG).is_file():
                raise UsageError(f"{far.remote}: no DeepLabCut project is there", "name the project's folder")
            there = read_train_project(states)
            if keys := different_keys(config, read_config(open_tree(states))):
                raise UsageError(f"{far.remote}: another project is there ({', '.join(keys)})", "fetch into that one")
            done.iteration = there.iteration
            for each in _choose(there.shuffles, options.shuffles, done):
                say(f"taking shuffle {each.shuffle} ({each.folder})")
                _fetch(far, folder, private, each, done)
        except OSError as error:
            raise output_error(error, place_of(error) or folder) from error
        shutil.rmtree(private, ignore_errors=True)
    done.seconds = time.monotonic() - began
    return done


def _choose(found: Sequence[TrainedShuffle], wanted: Sequence[int], done: FetchedTraining) -> list[TrainedShuffle]:
    """Shuffles that are trained there; what is not is noted."""
    numbers = {each.shuffle for each in found}
    if missing := sorted(set(wanted) - numbers):
        raise UsageError(
            f"{done.remote}: iteration {done.iteration} has no shuffle {', '.join(map(str, missing))}",
            f"it has: {', '.join(map(str, sorted(numbers))) or 'none'}",
        )
    chosen = []
    for each in found:
        if wanted and each.shuffle not in wanted:
            continue
        if each.is_finished:
            chosen.append(each)
        else:
            state = each.training
            far = f"{state.status.value}, {state.epochs_done} of {state.epochs_wanted}" if state else "not begun"
            done.waiting[each.shuffle] = far
    return chosen


def _fetch(far: RemoteFolder, folder: Path, private: Path, each: TrainedShuffle, done: FetchedTraining) -> None:
    """Take one shuffle into the private folder, verify it, and put it in place."""
    evaluation = f"{ENGINES[each.engine].evaluation_folder}/iteration-{done.iteration}/{each.folder.name}"
    datasets = f"{DATASETS}/iteration-{done.iteration}"
    names = [name for name, content in zip((str(each.folder), datasets, evaluation),
             far.read([str(each.folder), datasets, evaluation]), strict=True) if content is not None]  # fmt: skip
    incoming = private / "incoming"
    for name in names:
        far.mirror(far.path(name), incoming / name, ALL)
    if problem := _verify(far, incoming, names, each):
        shutil.rmtree(incoming)  # rsync goes by size and time: what has these and is wrong would never be taken again
        done.refused[each.shuffle] = problem
        return
    settle_folders((folder / each.folder).parent)
    fresh = find_training(incoming / each.folder / "train")
    assert fresh is not None
    outcome = compare(folder / each.folder, incoming / each.folder, fresh)
    problem = outcome if outcome not in ("", HERE) else different_split(folder, incoming, datasets, each.shuffle)
    if problem:
        done.refused[each.shuffle] = problem
        return
    done.notes += place_datasets(folder, incoming, datasets, each.shuffle)
    files = files_below(incoming / each.folder)
    size = sum((incoming / each.folder / name).stat().st_size for name in files)
    if outcome == HERE:
        done.here.append(each.shuffle)
    else:
        place_folder(incoming / each.folder, folder / each.folder)
    evaluated = evaluation in names
    if evaluated and not (folder / evaluation).exists():
        place_folder(incoming / evaluation, folder / evaluation)
    elif evaluated and hashes_here(folder / evaluation) != hashes_here(incoming / evaluation):
        done.notes.append(f"shuffle {each.shuffle}: another evaluation is here already, and stays: {evaluation}")
    if outcome != HERE:
        trained = (fresh.epochs_done, fresh.unit)
        done.taken.append(TakenShuffle(each.shuffle, str(each.folder), len(files), size, *trained, evaluated))
    shutil.rmtree(incoming, ignore_errors=True)


def _verify(far: RemoteFolder, incoming: Path, names: Sequence[str], each: TrainedShuffle) -> str:
    """Compare what has arrived with what is there, to the last byte; what is wrong with it, or nothing."""
    here = {name: digest for name, digest in hashes_here(incoming).items()
            if any(name.startswith(f"{top}/") for top in names)}  # fmt: skip
    there = hashes_there(far, list(here))
    wrong = sorted(name for name, digest in here.items() if there[name] != digest)
    if wrong:
        return f"{len(wrong)} of its files have changed while they were fetched, such as {wrong[0]}; {AGAIN}"
    state = find_training(incoming / each.folder / "train")
    if state is None or state != each.training or state.status is not Status.DONE:
        return f"it was trained again there while it was fetched; {AGAIN}"
    if not has_snapshots(incoming / each.folder / "train"):
        return "its state says that it is trained, but there is no snapshot"
    return ""


HERE = "here"
"""It is here already, byte for byte."""


def compare(ours: Path, new: Path, fresh: Training) -> str:
    """Whether a shuffle's folder may be replaced by the fetched one.

    Returns
    -------
    str
        Empty if it may: there is none, it was never trained, or it is an earlier state of the same training. `HERE` if
        it is the same one. Else why not.
    """
    if not ours.exists():
        return ""
    mine, theirs = hashes_here(ours), hashes_here(new)
    if all(mine.get(name) == digest for name, digest in theirs.items()):
        return HERE
    try:
        state = find_training(ours / "train")
    except DlcctrError as error:
        return f"{error.message}: nothing is replaced"
    if state is None and not has_snapshots(ours / "train"):
        only_here = sorted(name for name in set(mine) - set(theirs) if not is_hidden(PurePosixPath(name)))
        return f"there are files here that are not there, such as {ours / only_here[0]}" if only_here else ""
    same = state is not None and (state.started, state.seed, state.start) == (fresh.started, fresh.seed, fresh.start)
    if state is not None and same and state.started and state.epochs_done <= fresh.epochs_done:
        return ""
    return f"another training is here already, and stays: {ours}; move it away, or fetch into a copy of the project"


def has_snapshots(train: Path) -> bool:
    """Whether a train folder has weights."""
    return any(any(train.glob(pattern)) for pattern in SNAPSHOTS)


def _is_of(name: str, shuffle: int) -> bool:
    """Whether a file of a training set is of one shuffle: ``Documentation_data-mouse_95shuffle1.pickle``."""
    return re.search(rf"shuffle{shuffle}\.\w+$", name) is not None


def different_split(folder: Path, incoming: Path, datasets: str, shuffle: int) -> str:
    """Why the training set of a shuffle cannot be put in place; empty if it can."""
    for name in files_below(incoming / datasets):
        ours = folder / datasets / name
        if _is_of(name, shuffle) and ours.exists() and sha256_file(ours) != sha256_file(incoming / datasets / name):
            return f"another training set of this shuffle is here already, and stays: {ours}"
    return ""


def place_datasets(folder: Path, incoming: Path, datasets: str, shuffle: int) -> list[str]:
    """Put the files of a shuffle's training set in place, and add it to metadata.yaml; returns remarks.

    Labels of all shuffles (``CollectedData_…``) come along where there are none.

    Raises
    ------
    OutputError
        A file cannot be written.
    """
    notes = []
    for name in files_below(incoming / datasets):
        new, ours = incoming / datasets / name, folder / datasets / name
        if Path(name).name == METADATA:
            merged = merge_metadata(read_text(ours), read_text(new), ours) if ours.exists() else read_text(new)
            if not ours.exists() or merged != read_text(ours):
                write_text_atomic(ours, merged)
        elif not (_is_of(name, shuffle) or Path(name).name.startswith("CollectedData_")):
            continue
        elif not ours.exists():
            write_bytes_atomic(ours, new.read_bytes())
        elif sha256_file(ours) != sha256_file(new):
            notes.append(f"{datasets}/{name}: differs from the one there, and stays")
    return notes
