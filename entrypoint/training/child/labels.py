"""Labels of a project as a training set needs them: tables in HDF5, and pictures that are there."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, ModelError
from dlcctr.labels.h5 import h5_bytes
from dlcctr.labels.pictures import read_size
from dlcctr.labels.project import ENTER_LABELS, Project, read_project
from dlcctr.labels.table import TABLE_PREFIX
from dlcctr.results.h5.h5_file import read_table
from dlcctr.system.files import read_text_bounded, visible_entries, write_bytes_atomic

MAX_BYTES = 64 << 20
SHOWN = 5
UNLISTED_HINT = f"enter them there: {ENTER_LABELS}"
LABEL_HINT = (
    "label frames with DeepLabCut (napari-deeplabcut), or add labels that came back: dlcctr labels add PROJECT FOLDER"
)


@dataclass(frozen=True)
class Labelled:
    """What there is to train with.

    Parameters
    ----------
    frames : int
        Labelled pictures.
    made : tuple of Path
        Tables that were missing as .h5, and were made from the .csv.
    unlisted : tuple of str
        Folders with labels that are not used: config.yaml's `video_sets` does not name them.
    """

    frames: int
    made: tuple[Path, ...]
    unlisted: tuple[str, ...] = ()


def prepare_labels(config: Path, fraction: float) -> Labelled:
    """Make the .h5 files that are missing, and check that what they name is there.

    Raises
    ------
    ModelError
        There are no labels or too few, a table cannot be read, or pictures are missing or damaged.
    OutputError
        An .h5 cannot be written.
    """
    project = read_project(config)
    made, pictures, skipped = [], list[Path](), list[str]()
    for folder in _folders(project):
        table = folder / f"{TABLE_PREFIX}{project.scorer}.h5"
        if not project.has_video(folder.name):
            skipped.append(folder.name)
            continue
        if not table.exists():
            write_bytes_atomic(table, _from_csv(table.with_suffix(".csv")))
            made.append(table)
        pictures += [folder / name for name in _pictures(table)]
    if not pictures:
        there = f" (not in video_sets of config.yaml: {', '.join(skipped[:SHOWN])})" if skipped else ""
        raise ModelError(
            f"{project.labels}: no labels of {project.scorer!r}{there}", UNLISTED_HINT if skipped else LABEL_HINT
        )
    _check_pictures(pictures)
    n_train = int(len(pictures) * fraction)
    if not 0 < n_train < len(pictures):
        raise ModelError(
            f"{project.labels}: {len(pictures)} labelled pictures, of which {n_train} would train and "
            f"{len(pictures) - n_train} test; both need one at least",
            "label more, or change TrainingFraction in config.yaml",
        )
    return Labelled(len(pictures), tuple(made), tuple(skipped))


def _folders(project: Project) -> Iterator[Path]:
    """Folders with labels of the project's scorer; those without any are not complained about, as in DeepLabCut."""
    if not project.labels.is_dir():
        return
    for folder in visible_entries(project.labels):
        name = folder / f"{TABLE_PREFIX}{project.scorer}"
        if any(name.with_name(f"{name.name}{ending}").is_file() for ending in (".h5", ".csv")):
            yield folder


def _from_csv(file: Path) -> bytes:
    try:
        text = read_text_bounded(file, MAX_BYTES)
        if text is None:
            raise ValueError(f"more than {MAX_BYTES:,} bytes")
        return h5_bytes(text)
    except (OSError, ValueError, DlcctrError) as error:
        raise ModelError(
            f"{file}: cannot be read as labels ({error})", "check it: dlcctr labels check FOLDER --project PROJECT"
        ) from error


def _pictures(table: Path) -> list[str]:
    """Names of the pictures of a table."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame: Any = read_table(table)
        return [_name(index) for index in frame.index]
    except Exception as error:  # of many kinds, by PyTables
        raise ModelError(
            f"{table}: cannot be read as labels ({type(error).__name__}: {str(error)[:80]})",
            "remove it where a .csv lies beside it: it is made from that",
        ) from error


def _name(index: Any) -> str:
    return str(index[-1]) if isinstance(index, tuple) else str(index).replace("\\", "/").rpartition("/")[2]


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
