"""DeepLabCut's merge of all tables of labels, with what it does wrong put right: columns, and videos of Windows."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PureWindowsPath
from typing import Any

from dlcctr.labels.h5 import KEY
from dlcctr.labels.project import Project
from dlcctr.labels.table import TABLE_PREFIX


def merge_by_names(project: Project) -> None:
    """Let DeepLabCut's `create_training_dataset` find every folder, and have every column in its place.

    DeepLabCut goes by positions from here on. In a project of several animals it leaves columns in the order in which
    they come together (a body part that was added later stands at the end: every part after it is trained under
    another's name), and y before x where a table has it so (#684). Of paths of Windows it finds the folder only where
    all of video_sets are such paths (#920).
    """
    from deeplabcut.generate_training_dataset import multiple_individuals_trainingsetmanipulation as of_several
    from deeplabcut.generate_training_dataset import trainingsetmanipulation as of_one

    stock_merge, stock_names = of_one.merge_annotateddatasets, of_one.parse_video_filenames

    def merge(cfg: Any, folder: Any) -> Any:
        table = stock_merge(cfg, folder)
        if table is None:
            return None
        wanted = columns_of(project)
        if list(table.columns) != wanted:
            table = in_order(table, wanted)
            file = Path(folder) / f"{TABLE_PREFIX}{project.scorer}"
            table.to_hdf(f"{file}.h5", key=KEY, mode="w")
            table.to_csv(f"{file}.csv")
        return table

    def names(videos: Iterable[str]) -> Any:
        return stock_names([PureWindowsPath(video).name for video in videos])

    of_one.parse_video_filenames = names
    of_one.merge_annotateddatasets = of_several.merge_annotateddatasets = merge


def columns_of(project: Project) -> list[tuple[str, ...]]:
    """Columns of a training set's table: x and y of each point, in the project's order."""
    return [(project.scorer, *filter(None, part), coord) for part in project.parts for coord in "xy"]


def in_order(table: Any, wanted: list[tuple[str, ...]]) -> Any:
    """The same table with these columns; empty ones for those that it does not have, such as another animal's."""
    import pandas

    return table.reindex(columns=pandas.MultiIndex.from_tuples(wanted, names=table.columns.names))
