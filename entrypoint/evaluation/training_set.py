"""A training set of a project: the labels that it was made of, and which of them a shuffle was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.labels.pictures import read_size
from dlcctr.model.inspection import ModelInfo
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.model.project.shuffles import is_on
from dlcctr.results.h5.h5_file import read_table
from dlcctr.training.set_files import Frame, documentation_name, frame_of, training_set_folder
from dlcctr.training.split import NO_SPLIT, Split, read_split

Point = tuple[str, str]
"""Individual, empty in a project of one animal, and body part."""
SHOWN = 3


@dataclass(frozen=True)
class TrainingSet:
    """Labels of one iteration, and one shuffle's split of them.

    Parameters
    ----------
    points : tuple of (str, str)
        Individual and body part of each column of `xy`.
    frames : tuple of (str, str)
        In the table's order.
    xy : ndarray (n_frames, n_points, 2)
        Labels in px; NaN where a part is not labelled.
    """

    file: Path
    points: tuple[Point, ...]
    frames: tuple[Frame, ...]
    xy: Any
    split: Split

    @property
    def train(self) -> frozenset[Frame]:
        """Frames that the shuffle was trained on."""
        return frozenset(self.frames[number] for number in self.split.train)

    def only(self, points: Sequence[Point]) -> Any:
        """Labels (n_frames, len(points), 2) of some points, in the order that is asked for; NaN for unknown ones."""
        import numpy

        xy = numpy.full((len(self.frames), len(points), 2), numpy.nan)
        for place, point in enumerate(points):
            if point in self.points:
                xy[:, place] = self.xy[:, self.points.index(point)]
        return xy


def points_of(model: ModelInfo) -> tuple[Point, ...]:
    """Individual and body part of each point that a model predicts, in DeepLabCut's order."""
    columns = model.columns(model.individuals)
    return tuple(dict.fromkeys((each[0], each[1]) if model.multianimal else ("", each[0]) for each in columns))


def read_training_set(
    project: Path, config: Mapping[str, Any], *, iteration: int, percent: int, shuffle: int
) -> TrainingSet:
    """Read the labels and the split of a shuffle; nothing in the files can run.

    Raises
    ------
    ModelError
        A file is missing, damaged, or of something else.
    """
    folder = training_set_folder(project, config, iteration)
    file = folder / f"CollectedData_{config.get('scorer')}.h5"
    if not file.is_file():
        raise ModelError(f"{file}: no such file: the labels of the training set are not known", NO_SPLIT)
    try:
        points, frames, xy = _labels(read_table(file), several=is_on(config.get("multianimalproject")))
    except ModelError:
        raise
    except Exception as error:  # of many kinds, by PyTables
        raise ModelError(f"{file}: cannot be read ({type(error).__name__}: {str(error)[:80]})", NO_SPLIT) from error
    if len(set(frames)) < len(frames):
        twice = next(frame for frame in frames if frames.count(frame) > 1)
        raise ModelError(
            f"{file}: has {'/'.join(twice)} twice",
            "remove the double entry from labeled-data (deeplabcut.dropduplicatesinannotatinfiles), and train anew",
        )
    split = read_split(folder / documentation_name(config, percent, shuffle), frames)
    return TrainingSet(file, points, frames, xy, split)


def point_columns(table: Any) -> dict[tuple[Point, str], int]:
    """Column of each point's coordinate in one of DeepLabCut's tables; `ValueError` for another one."""
    names = list(table.columns.names)
    if "bodyparts" not in names or "coords" not in names:
        raise ValueError("its head has no bodyparts and coords")
    part, coord = names.index("bodyparts"), names.index("coords")
    who = names.index("individuals") if "individuals" in names else None
    return {
        (("" if who is None else str(each[who]), str(each[part])), str(each[coord])): n
        for n, each in enumerate(table.columns)
    }


def _labels(table: Any, *, several: bool) -> tuple[tuple[Point, ...], tuple[Frame, ...], Any]:
    import numpy

    places = point_columns(table)
    if several != ("individuals" in table.columns.names):
        raise ValueError(f"not a table of {'several animals' if several else 'one animal'}, as config.yaml says")
    points = tuple(dict.fromkeys(point for point, _ in places))
    columns = [places[point, coord] for point in points for coord in "xy"]
    values = table.to_numpy(dtype=float)[:, columns].reshape(len(table), len(points), 2)
    xy = numpy.where(numpy.isfinite(values).all(axis=2, keepdims=True), values, numpy.nan)
    return points, tuple(frame_of(index) for index in table.index), xy


def picture_sizes(project: Path, frames: Sequence[Frame]) -> Any:
    """Width and height of each picture, (n_frames, 2); NaN for kinds of pictures whose size is not known here.

    Raises
    ------
    ModelError
        A picture is missing, or is none.
    """
    import numpy

    sizes = numpy.full((len(frames), 2), numpy.nan)
    missing = []
    for number, frame in enumerate(frames):
        file = project.joinpath(LABELS_FOLDER, *frame)
        try:
            sizes[number] = read_size(file) or numpy.nan
        except FileNotFoundError:
            missing.append("/".join(frame))
        except (OSError, ValueError) as error:
            raise ModelError(f"{file}: cannot be read ({error})", "copy it again from where it was labelled") from error
    if missing:
        shown = ", ".join(missing[:SHOWN]) + (" …" if len(missing) > SHOWN else "")
        raise ModelError(
            f"{project / LABELS_FOLDER}: {len(missing)} of {len(frames)} labelled pictures are not there: {shown}",
            "copy the whole labeled-data folder: the network is evaluated on its pictures",
        )
    return sizes
