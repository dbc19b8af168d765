"""Checks of a trained project for what would ruin a campaign later."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.model.files import ROOT, ModelTree
from dlcctr.model.project.shuffles import CONFIG, MODEL_FOLDERS, Shuffle, engine_by_metadata, is_on, metadata_file
from dlcctr.model.project.snapshots import code_in
from dlcctr.model.project.trust import OPTION, find_unsafe_loading
from dlcctr.model.yaml.yaml12 import is_absolute

SHOWN = 3


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or may be.

    Parameters
    ----------
    error : bool
        The model cannot be used as it is; otherwise it is worth a look.
    file : str
        Relative to the project; empty where it is about several.
    remedy : str
        What to do about it; empty where it does no harm.
    expected, found : tuple of str
        Two lists that should be the same; empty where it is not about lists.
    """

    error: bool
    file: str
    text: str
    remedy: str
    expected: tuple[str, ...] = ()
    found: tuple[str, ...] = ()


def find_all(found: Shuffle) -> list[Finding]:
    """All findings but those about snapshots, errors first."""
    every = [
        *_trained_parts(found),
        *_label_parts(found),
        *_joint_number(found),
        *_engines(found),
        *_metadata(found),
        *_crop(found),
        *_places(found),
        *_loading(found),
    ]
    return sorted(every, key=lambda each: not each.error)


def find_in_conditions(model: Shuffle) -> list[Finding]:
    """Findings on the bottom-up model that a conditional one needs, without those on the whole project."""
    return [*_trained_parts(model), *_places(model, of_project=False), *_loading(model)]


def _trained_parts(found: Shuffle) -> Iterator[Finding]:
    wanted = found.bodyparts + found.unique_bodyparts
    for file, names in found.trained_parts.items():
        if names != wanted:
            yield Finding(
                True, str(file), f"the network was trained with {_difference(wanted, names)}",
                "make config.yaml's list equal to the network's, in its order, or train a new shuffle", wanted, names,
            )  # fmt: skip


def _label_parts(found: Shuffle) -> Iterator[Finding]:
    """One finding for each way in which labels differ, however many files are affected."""
    wanted = found.bodyparts + found.unique_bodyparts
    files: dict[tuple[str, ...], list[PurePosixPath]] = {}
    for file, names in labelled_parts(found.tree, int(found.config["iteration"])).items():
        if names != wanted:
            files.setdefault(names, []).append(file)
    for names, where in files.items():
        more = f" (and {len(where) - 1} more files)" if len(where) > 1 else ""
        yield Finding(
            False, str(where[0]), f"the labels{more} have {_difference(wanted, names)}",
            "check whether a body part was added or moved after labelling; results are in the network's order",
            wanted, names,
        )  # fmt: skip


def _difference(wanted: Sequence[str], names: Sequence[str]) -> str:
    if len(names) != len(wanted):
        return f"{len(names)} body parts, {CONFIG} has {len(wanted)}"
    same = sorted(names) == sorted(wanted)
    return f"the same body parts as {CONFIG} in another order" if same else f"other body parts than {CONFIG}"


def _joint_number(found: Shuffle) -> Iterator[Finding]:
    number, names = found.test.get("num_joints"), found.trained_parts[found.test_file]
    if isinstance(number, int) and number != len(names):
        yield Finding(
            False, str(found.test_file), f"num_joints is {number}, but all_joints_names has {len(names)} names",
            "copy the file again from where the network was trained",
        )  # fmt: skip


def _engines(found: Shuffle) -> Iterator[Finding]:
    tree, config = found.tree, found.config
    said = {
        metadata_file(config): engine_by_metadata(tree, config, found.fraction, found.shuffle),
        CONFIG: str(config.get("engine") or ""),
    }
    for file, engine in said.items():
        if engine and engine != found.engine:
            yield Finding(
                False, str(file), f"says {engine}, but the shuffle is used with {found.engine}: {found.engine_reason}",
                f"if {engine} is meant, copy the shuffle's folder in {MODEL_FOLDERS.get(engine, 'its engine')} too",
            )  # fmt: skip
    both = [top for top in MODEL_FOLDERS.values() if tree.names(PurePosixPath(top, *found.folder.parts[1:]))]
    if len(both) > 1:
        yield Finding(
            False, str(found.folder), f"this shuffle exists twice, in {' and '.join(both)}: {found.engine} is used",
            "metadata.yaml decides, then `engine` in config.yaml",
        )  # fmt: skip


def _metadata(found: Shuffle) -> Iterator[Finding]:
    if not found.tree.is_file(metadata_file(found.config)):
        yield Finding(
            False, str(metadata_file(found.config)), "is missing, as in projects of DeepLabCut 2, where DeepLabCut 3 "
            "would unpickle old files of the project to write it; dlcctr and its bundles include their own", "",
        )  # fmt: skip


def _crop(found: Shuffle) -> Iterator[Finding]:
    config = found.config
    if is_on(config.get("cropping")):
        corners = ", ".join(f"{key} {config.get(key)}" for key in ("x1", "x2", "y1", "y2"))
        yield Finding(
            False, str(CONFIG), f"cropping is on ({corners} px): every video is analysed in that part only",
            "set cropping: false if that was meant for one video only",
        )  # fmt: skip


def _places(found: Shuffle, *, of_project: bool = True) -> Iterator[Finding]:
    """Paths of the machine where the network was trained: one finding for all files, since it is harmless."""
    tables = {found.pose_file: found.pose, found.test_file: found.test}
    if of_project:
        tables = {CONFIG: found.config, **tables}
    files, paths = [], list[str]()
    for file, table in tables.items():
        lost = [text for text in _texts(table) if is_absolute(text) and not _leads_here(text, found.tree)]
        files += [str(file)] if lost else []
        paths += [text for text in lost if text not in paths]
    if paths:
        windows = " (from Windows)" if any(not text.startswith("/") for text in paths) else ""
        more = f", and {len(paths) - SHOWN} more" if len(paths) > SHOWN else ""
        yield Finding(
            False, files[0] if len(files) == 1 else "", f"paths that do not exist here{windows}, which is harmless: "
            f"{', '.join(paths[:SHOWN])}{more}", "",
        )  # fmt: skip


def _leads_here(text: str, tree: ModelTree) -> bool:
    try:
        return text.startswith("/") and (Path(text) == tree.root or Path(text).exists())
    except (OSError, ValueError):
        return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield str(key)
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value


def _loading(found: Shuffle) -> Iterator[Finding]:
    if place := find_unsafe_loading(found):
        file, _, line = place.removeprefix(f"{found.tree.root}/").partition(", ")
        yield Finding(
            False, file, f"load_weights_only is false{line and f' ({line})'}: code in the snapshot would run",
            f"set it to true, or pack the project: bundles are read as weights only; else each analysis needs {OPTION}",
        )  # fmt: skip


def weight_findings(tree: ModelTree, files: Sequence[PurePosixPath]) -> Iterator[Finding]:
    """PyTorch snapshots that contain more than weights; nothing of one that cannot be read, which is said elsewhere."""
    for name in files if tree.root.is_dir() else ():
        if calls := _calls_of(tree.root / name):
            yield Finding(
                False, str(name), f"holds more than weights: loading it would call {', '.join(calls[:SHOWN])}",
                "such a snapshot cannot be packed; save its 'model' and 'metadata' again where it was trained",
            )  # fmt: skip


def _calls_of(file: Path) -> list[str]:
    try:
        return code_in(file) if file.suffix == ".pt" else []
    except ModelError:
        return []


HEAD_LINES = 4
SINGLE = "single"
"""DeepLabCut's name for the individual that unique body parts belong to."""


def labelled_parts(tree: ModelTree, iteration: int) -> dict[PurePosixPath, tuple[str, ...]]:
    """Body parts and then unique ones of every CollectedData_*.csv: of the labels and of the training data set."""
    return {file: parts for file in _files(tree, iteration) if (parts := _parts(tree, file))}


def _files(tree: ModelTree, iteration: int) -> list[PurePosixPath]:
    found = []
    for top in (ROOT / "labeled-data", ROOT / "training-datasets" / f"iteration-{iteration}"):
        for folder in tree.names(top):
            found += [top / folder / name for name in tree.names(top / folder)
                      if name.startswith("CollectedData_") and name.endswith(".csv")]  # fmt: skip
    return found


def _parts(tree: ModelTree, file: PurePosixPath) -> tuple[str, ...]:
    try:
        lines = list(csv.reader(tree.text(file).splitlines()[:HEAD_LINES]))
    except (ModelError, csv.Error):
        return ()
    rows = {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines if line}
    parts = rows.get("bodyparts", [])
    owners = rows.get("individuals", [""] * len(parts))
    shared = [part for part, owner in zip(parts, owners, strict=False) if part and owner != SINGLE]
    unique = [part for part, owner in zip(parts, owners, strict=False) if part and owner == SINGLE]
    return tuple(dict.fromkeys(shared)) + tuple(dict.fromkeys(unique))
