"""What `--weights` means: random, a file, a model that DeepLabCut trained, a bundle of one, or published weights."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model.files import ModelTree, open_tree
from dlcctr.model.inspection import inspect_model
from dlcctr.model.project.shuffles import CONFIG, ModelFolder, list_shuffles
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.system.files import sha256_file
from dlcctr.training.record import StartWeights
from dlcctr.training.start_bundle import find_start_bundle
from dlcctr.training.start_weights import RANDOM
from entrypoint.training.events import Order


@dataclass(frozen=True)
class Asked:
    """Where weights come from.

    Parameters
    ----------
    kind : str
        As in `StartWeights`.
    file : Path or None
        Snapshot, or file of weights; with TensorFlow its name without an ending.
    detector : Path or None
        Snapshot of the same model's detector.
    places : tuple of Path
        Folders in which to look for published weights.
    bundle : Path or None
        What `file` and `detector` were taken out of.
    """

    kind: str
    file: Path | None = None
    detector: Path | None = None
    places: tuple[Path, ...] = ()
    bundle: Path | None = None


def find_asked(order: Order, train: Path) -> Asked:
    """Find what `--weights` names; raises `ModelError` where that is nothing usable.

    Parameters
    ----------
    train : Path
        Folder of the snapshots that will be made, which is no model to start from.
    """
    places = tuple(map(Path, order.places))
    if order.weights in ("", RANDOM):
        return Asked("cache" if not order.weights else RANDOM, places=places)
    path = Path(order.weights)
    if tree := find_start_bundle(order.weights, order.engine):
        return _of_bundle(tree)
    if path.is_dir():
        return _of_folder(path, order, train)
    if order.engine == "tensorflow":
        stem = path.with_suffix("") if path.suffix in (".index", ".meta") or ".data-" in path.name else path
        if path.is_file() or stem.with_name(f"{stem.name}.index").is_file():
            return Asked("file", file=stem)
    elif path.is_file():
        return Asked("file", file=path)
    raise ModelError(
        f"{path}: no such file or folder",
        "name weights, a DeepLabCut project, a bundle or a folder of weights (bound into the container), or `none`",
    )


def _of_folder(path: Path, order: Order, train: Path) -> Asked:
    if (path / CONFIG.name).is_file():
        return _of_project(path, order, train)
    if names := list_snapshots([each.name for each in path.iterdir()], order.engine):
        return _of_train_folder(path, names, order)
    return Asked("cache", places=(path, *map(Path, order.places)))


def _of_bundle(tree: ModelTree) -> Asked:
    """Take the weights out of a bundle, into this process's private folder; every byte is checked against its hash."""
    model = inspect_model(tree.root)
    place = Path(tempfile.mkdtemp(prefix="weights-"))
    for file in (*model.snapshot_files, *model.detector_files):
        tree.link(PurePosixPath(file.relative_to(model.project)), place / file.name)
    ending = "" if model.engine == "tensorflow" else ".pt"
    detector = place / f"{model.detector_snapshot}.pt" if model.detector_snapshot else None
    return Asked("bundle", place / f"{model.snapshot}{ending}", detector, bundle=tree.root)


def _of_project(project: Path, order: Order, train: Path) -> Asked:
    """The newest trained shuffle of the engine: of its highest iteration, the one with the same number first."""
    tree = open_tree(project)

    def worth(each: ModelFolder) -> tuple[int, bool, int]:
        return each.iteration, each.shuffle == order.shuffle, -each.shuffle

    for each in sorted(list_shuffles(tree), key=worth, reverse=True):
        folder = project / PurePosixPath(each.folder) / "train"
        names = list_snapshots(tree.names(each.folder / "train"), each.engine)
        is_own = folder.resolve() == train.resolve()
        if each.engine == order.engine and names and not is_own:
            return _of_train_folder(folder, names, order)
    raise ModelError(
        f"{project}: has no trained {order.engine} network to start from",
        "copy its model folder with the snapshots too, or name another project, or --weights none",
    )


def _of_train_folder(folder: Path, names: list[str], order: Order) -> Asked:
    if order.engine == "tensorflow":
        return Asked("project", folder / names[-1])
    detectors = list_snapshots([each.name for each in folder.iterdir()], order.engine, detector=True)
    return Asked("project", folder / f"{names[-1]}.pt", folder / f"{detectors[-1]}.pt" if detectors else None)


def describe(kind: str, file: Path, bundle: Path | None = None) -> StartWeights:
    """Record of a file of weights, with its hash; of one from a bundle, the bundle's place."""
    index = file.with_name(f"{file.name}.index")
    shards = sorted(file.parent.glob(f"{file.name}.data-*"))
    hashed = file if file.is_file() else (shards or [index])[0]
    return StartWeights(kind, str(bundle or file), sha256_file(hashed) if hashed.is_file() else "")
