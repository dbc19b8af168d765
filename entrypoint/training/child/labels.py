"""Labels of a project as a training set needs them: tables that DeepLabCut takes whole, and pictures that are there."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, ModelError
from dlcctr.labels.h5 import compare, h5_bytes
from dlcctr.labels.pictures import read_size
from dlcctr.labels.project import ENTER_LABELS, Project, read_project
from dlcctr.labels.table import TABLE_PREFIX, PartName, Table, parse_table
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.results.h5.h5_file import read_table
from dlcctr.system.files import read_text_bounded, visible_entries, write_bytes_atomic
from dlcctr.training.set_files import Frame

MAX_BYTES = 64 << 20
SHOWN = 5
UNLISTED_HINT = f"enter them there: {ENTER_LABELS}"
LABEL_HINT = (
    "label frames with DeepLabCut (napari-deeplabcut), or add labels that came back: dlcctr labels add PROJECT FOLDER"
)
CHECK_HINT = "dlcctr labels check FOLDER --project PROJECT says more"


@dataclass(frozen=True)
class Labelled:
    """What there is to train with.

    Parameters
    ----------
    pictures : tuple of (str, str)
        Labelled pictures, by folder and name.
    made : tuple of Path
        Tables that were missing as .h5, and were made from the .csv.
    unlisted : tuple of str
        Folders with labels that are not used: config.yaml's `video_sets` does not name them.
    others : tuple of str
        Folders with labels of other scorers only, which are not used.
    """

    pictures: tuple[Frame, ...]
    made: tuple[Path, ...]
    unlisted: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Head:
    """What a table says of itself: whose labels, of which points, and the path of each picture below the project."""

    scorers: frozenset[str]
    is_of_several: bool
    parts: frozenset[PartName]
    paths: tuple[tuple[str, ...], ...]


def prepare_labels(config: Path, fraction: float) -> Labelled:
    """Make the .h5 files that are missing, and check that DeepLabCut will take all of what they name.

    Raises
    ------
    ModelError
        There are no labels or too few, a table cannot be read or would be left out, or pictures are missing or damaged.
    OutputError
        An .h5 cannot be written.
    """
    project = read_project(config)
    made, pictures, skipped, parts = [], list[Frame](), list[str](), set[PartName]()
    for folder in _folders(project):
        table = folder / f"{TABLE_PREFIX}{project.scorer}.h5"
        if not project.has_video(folder.name):
            skipped.append(folder.name)
            continue
        made += [] if table.exists() else [table]
        head = _check_h5(table, folder, project) if table.exists() else _make_h5(table, folder, project)
        pictures += [(folder.name, path[-1]) for path in head.paths]
        parts |= head.parts
    if not pictures:
        there = f" (not in video_sets of config.yaml: {', '.join(skipped[:SHOWN])})" if skipped else ""
        raise ModelError(
            f"{project.labels}: no labels of {project.scorer!r}{there}", UNLISTED_HINT if skipped else LABEL_HINT
        )
    _check_parts(project, parts)
    _check_pictures([project.labels.joinpath(*each) for each in pictures])
    _check_number(project, len(pictures), fraction)
    return Labelled(tuple(pictures), tuple(made), tuple(skipped), tuple(_of_others(project)))


def _check_h5(table: Path, folder: Path, project: Project) -> _Head:
    head = _head_of_h5(table)
    _check_same_as_csv(table)
    _check_head(table, head, folder, project)
    return head


def _make_h5(table: Path, folder: Path, project: Project) -> _Head:
    """Make the .h5 of a sound .csv."""
    csv = table.with_suffix(".csv")
    text, read = _read_csv(csv)
    head = _head_of_csv(read, folder)
    _check_head(csv, head, folder, project)
    write_bytes_atomic(table, _from_csv(csv, text))
    return head


def _check_number(project: Project, number: int, fraction: float) -> None:
    n_train = int(number * fraction)
    if not 0 < n_train < number:
        raise ModelError(
            f"{project.labels}: {number} labelled pictures, of which {n_train} would train and {number - n_train} "
            "test; both need one at least",
            "label more, or change TrainingFraction in config.yaml",
        )


def _folders(project: Project) -> Iterator[Path]:
    """Folders with labels of the project's scorer; those without any are not complained about, as in DeepLabCut."""
    if not project.labels.is_dir():
        return
    for folder in visible_entries(project.labels):
        name = folder / f"{TABLE_PREFIX}{project.scorer}"
        if any(name.with_name(f"{name.name}{ending}").is_file() for ending in (".h5", ".csv")):
            yield folder


def _of_others(project: Project) -> Iterator[str]:
    """Folders that only other people have labelled."""
    used = {folder.name for folder in _folders(project)}
    for folder in visible_entries(project.labels):
        if folder.is_dir() and folder.name not in used and any(folder.glob(f"{TABLE_PREFIX}*.[ch][s5]*")):
            yield folder.name


def _read_csv(file: Path) -> tuple[str, Table]:
    try:
        text = read_text_bounded(file, MAX_BYTES, utf16=True)
        if text is None:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        return text, parse_table(text)
    except (OSError, ValueError) as error:
        raise ModelError(f"{file}: cannot be read as labels ({error})", CHECK_HINT) from error


def _from_csv(file: Path, text: str) -> bytes:
    try:
        return h5_bytes(text, file.parent.name)
    except (ValueError, DlcctrError) as error:
        raise ModelError(f"{file}: cannot be read as labels ({error})", CHECK_HINT) from error


def _head_of_csv(table: Table, folder: Path) -> _Head:
    paths = tuple((LABELS_FOLDER, row.folder or folder.name, row.picture) for row in table.rows)
    return _Head(frozenset(table.scorers), table.is_of_several, frozenset(table.parts), paths)


def _head_of_h5(file: Path) -> _Head:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame: Any = read_table(file)
        columns = [tuple(map(str, column)) for column in frame.columns]
        is_of_several = "individuals" in frame.columns.names
        parts = frozenset((column[1] if is_of_several else "", column[-2]) for column in columns)
        return _Head(frozenset(column[0] for column in columns), is_of_several, parts, tuple(map(_path, frame.index)))
    except Exception as error:  # of many kinds, by PyTables
        raise ModelError(
            f"{file}: cannot be read as labels ({type(error).__name__}: {str(error)[:80]})",
            "remove it where a .csv lies beside it: it is made from that",
        ) from error


def _path(index: Any) -> tuple[str, ...]:
    """Words of a picture's path; older tables have one text, of Windows too."""
    return tuple(map(str, index)) if isinstance(index, tuple) else tuple(re.split(r"[\\/]", str(index)))


def _check_same_as_csv(h5: Path) -> None:
    """People correct the .csv, and DeepLabCut trains from the .h5."""
    file = h5.with_suffix(".csv")
    if not file.is_file():
        return
    found = compare(h5, _read_csv(file)[1])
    if found:
        raise ModelError(
            f"{h5}: {found[1]}. DeepLabCut trains from the .h5, and would leave out what was corrected in the .csv",
            "remove the .h5 if the .csv is right: it is made from it; else save the folder again in napari-deeplabcut, "
            "which writes both",
        )


def _check_head(file: Path, head: _Head, folder: Path, project: Project) -> None:
    """What DeepLabCut would leave out in silence, look for elsewhere, or take twice."""
    if head.scorers != {project.scorer}:
        others = ", ".join(map(repr, sorted(head.scorers)[:SHOWN]))
        raise ModelError(
            f"{file}: labels of {others}, and config.yaml's scorer is {project.scorer!r}: DeepLabCut would leave them "
            "out without a word",
            f"take them as this scorer's: {ENTER_LABELS} --any-scorer",
        )
    if head.is_of_several != project.is_of_several:
        kinds = {True: "several animals", False: "one animal"}
        raise ModelError(
            f"{file}: a table of {kinds[head.is_of_several]}, and config.yaml is of {kinds[project.is_of_several]}",
            "correct multianimalproject in config.yaml, or label anew (DeepLabCut's convert2_maDLC converts tables)",
        )
    wrong = next((path for path in head.paths if path[:-1] != (LABELS_FOLDER, folder.name)), None)
    if wrong:
        raise ModelError(
            f"{file}: names {'/'.join(wrong)[:120]!r}, and lies in {LABELS_FOLDER}/{folder.name}: DeepLabCut would "
            "look for the picture there",
            "give the folder the name that its table has (and video_sets, too), or correct the .csv and remove the "
            ".h5, which is made from it",
        )
    twice = next((path for path, count in Counter(head.paths).items() if count > 1), None)
    if twice:
        raise ModelError(
            f"{file}: has {twice[-1]!r} twice: one of both could train and the other one test",
            "keep one line of it in the .csv, and remove the .h5, which is made from it "
            "(or deeplabcut.dropduplicatesinannotatinfiles)",
        )


def _check_parts(project: Project, found: set[PartName]) -> None:
    """A body part that no table has: added to config.yaml, or renamed there."""
    names = {part for _, part in found}
    lacking = [part for part in dict.fromkeys(part for _, part in project.parts) if part not in names]
    if lacking:
        known = {part for _, part in project.parts}
        others = ", ".join(map(repr, sorted(names - known)[:SHOWN]))
        raise ModelError(
            f"{project.labels}: no table has a column of {', '.join(map(repr, lacking[:SHOWN]))}, which config.yaml "
            "lists" + (f"; they have {others}, which it does not list" if others else ""),
            "give it the name that the tables have, remove it from config.yaml, or label it in one folder at least",
        )


def _check_pictures(pictures: list[Path]) -> None:
    bad = []
    for each in pictures:
        try:
            read_size(each)
        except FileNotFoundError:
            bad.append(f"{each}: not there")
        except (OSError, ValueError) as error:
            bad.append(f"{each}: {error}")
    if bad:
        more = f"\nand {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise ModelError(
            f"{len(bad)} of {len(pictures)} labelled pictures cannot be used:\n" + "\n".join(bad[:SHOWN]) + more,
            "copy labeled-data again from where it was labelled, pictures too",
        )
