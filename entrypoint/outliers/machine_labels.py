"""Machine labels of one folder, as DeepLabCut's `extract_outlier_frames` writes them. Needs pandas and PyTables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.outliers.project import Project
from dlcctr.results.h5.h5_file import import_pandas
from dlcctr.results.h5.positions import KEY, PositionColumns


def label_table(folder: str, pictures: Sequence[str], scorer: str, project: Project, points: Any) -> Any:
    """Table of labels; with several animals it has a line for these in its head.

    Parameters
    ----------
    folder : str
        Name of the folder below `labeled-data`.
    scorer : str
        DeepLabCut's name of the model.
    points : array, (pictures, points of the project, 3)
        x and y in px of the whole picture, and likelihood.

    Returns
    -------
    pandas.DataFrame
        A row for each picture, whose index is ``(labeled-data, folder, picture)``.
    """
    pandas = import_pandas()
    columns = PositionColumns(scorer, project.points, project.is_of_several).header()
    index = pandas.MultiIndex.from_tuples([(LABELS_FOLDER, folder, picture) for picture in pictures])
    return pandas.DataFrame(points.reshape(len(pictures), -1), columns=columns, index=index)


def write_labels(place: Path, table: Any, iteration: int) -> None:
    """Write both files of machine labels into a folder; raises OSError."""
    table.to_hdf(place / f"machinelabels-iter{iteration}.h5", key=KEY, mode="w")
    table.to_csv(place / "machinelabels.csv")
