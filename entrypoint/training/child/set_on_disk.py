"""A training set that is there: its size, and whether its files still say what DeepLabCut would train with."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.labels.project import NEW_ITERATION, read_project
from dlcctr.labels.table import COORDS, TABLE_PREFIX
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import read_config
from dlcctr.results.h5.h5_file import read_table
from dlcctr.training.set_files import Frame, documentation_name, frame_of, training_set_folder
from dlcctr.training.split import read_split
from entrypoint.training.child.merged_labels import columns_of

ANEW = f"train another --shuffle, or count up the iteration, whose set is made anew: {NEW_ITERATION}"


@dataclass(frozen=True)
class SetOnDisk:
    """The table that all shuffles of an iteration share.

    Parameters
    ----------
    frames : tuple of (str, str)
        Its rows.
    columns : list of tuple of str
        Scorer, individual where there are several, body part, coordinate.
    """

    file: Path
    frames: tuple[Frame, ...]
    columns: list[tuple[str, ...]]


def find_set(config: Path) -> SetOnDisk | None:
    """Table of the present iteration's training sets; None where there is none, or it cannot be read."""
    values = read_config(open_tree(config.parent))
    folder = training_set_folder(config.parent, values, int(values["iteration"]))
    file = folder / f"{TABLE_PREFIX}{values.get('scorer')}.h5"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table: Any = read_table(file)
        frames = tuple(frame_of(index) for index in table.index)
        return SetOnDisk(file, frames, [tuple(map(str, column)) for column in table.columns])
    except Exception:  # of many kinds: DeepLabCut itself says what is wrong with the file
        return None


def check_set(config: Path, *, percent: int, shuffle: int, engine: str) -> tuple[int, int]:
    """Compare a shuffle's split and its columns with the table that it is about.

    Returns
    -------
    tuple of int
        Number of pictures that train and test; 0 where the files do not tell.

    Raises
    ------
    ModelError
        The network would be trained with other frames, or under other names, than the files say.
    """
    found = find_set(config)
    if found is None:
        return 0, 0
    _check_columns(config, found, engine)
    values = read_config(open_tree(config.parent))
    try:
        split = read_split(found.file.parent / documentation_name(values, percent, shuffle), found.frames)
    except ModelError:  # DeepLabCut itself says what is wrong with the file
        return 0, 0
    if split.is_by_names and engine == "pytorch":  # TensorFlow's has the labels in a file of its own
        raise ModelError(
            f"{found.file}: was made anew after shuffle {shuffle}, of other frames, and its rows are not those that "
            "the shuffle's split was written for: it would be trained with frames that were to test",
            ANEW,
        )
    return len(split.train), len(split.test)


def _check_columns(config: Path, found: SetOnDisk, engine: str) -> None:
    """DeepLabCut takes points by their place among the columns of an animal, whatever the columns are called.

    Which animal it is, its PyTorch engine goes by the name; TensorFlow's by the place, too.
    """
    project = read_project(config)
    wanted = columns_of(project)
    columns = [column for column in found.columns if column[-1] in COORDS[:2]]
    known = set(columns)
    wanted = [column for column in wanted if column in known]
    if project.is_of_several and engine == "pytorch":
        animals = list(dict.fromkeys(column[1] for column in wanted))
        columns.sort(key=lambda column: animals.index(column[1]) if column[1] in animals else len(animals))
    if columns != wanted:
        pairs = zip_longest(columns, wanted, fillvalue=("", "nothing"))
        has, should = (" ".join(words[1:]) for words in next(pair for pair in pairs if pair[0] != pair[1]))
        raise ModelError(
            f"{found.file}: its columns are not those of config.yaml in their order: {has!r} where that has "
            f"{should!r}. DeepLabCut goes by their places, and would train one under the name of the other",
            ANEW,
        )
