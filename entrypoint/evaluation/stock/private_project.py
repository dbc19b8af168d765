"""A project of its own for one evaluation: a model, and labels that need not be those that it was trained on.

DeepLabCut evaluates a model on the training set of its own iteration only, and changes config.yaml and metadata.yaml
while it does. In a private project both can be chosen, and the user's files stay as they are.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dlcctr.labels.h5 import KEY
from dlcctr.model.inference_project import make_inference_project, metadata_name
from dlcctr.model.inspection import ModelInfo
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.model.project.shuffles import CONFIG, POSE_FILES
from dlcctr.model.yaml.yaml12 import dump_yaml, read_yaml
from dlcctr.results.h5.h5_file import import_pandas
from dlcctr.training.set_files import Frame, documentation_name
from dlcctr.training.split import Split
from entrypoint.evaluation.training_set import points_of


def make_evaluation_project(
    model: ModelInfo, root: Path, frames: tuple[Frame, ...], xy: Any, split: Split, *, scorer: str, pcutoff: float
) -> Path:
    """Make the project.

    Parameters
    ----------
    frames : tuple of (str, str)
        Folder and picture.
    xy : ndarray (n_frames, n_points, 2)
        Labels in px, of the model's points in the model's order.

    Returns
    -------
    Path
        Its config.yaml.
    """
    config = make_inference_project(model, root)
    percent = int(model.train_fraction * 100)
    values = {
        "scorer": scorer,
        "iteration": model.iteration,
        "TrainingFraction": [model.train_fraction],
        "pcutoff": pcutoff,
        **_names(model),
    }
    table = _change(config, values)
    (root / LABELS_FOLDER).symlink_to((model.project / LABELS_FOLDER).resolve(), target_is_directory=True)
    sets = (root / metadata_name(model)).parent
    documentation = sets / documentation_name(table, percent, model.shuffle)
    documentation.write_bytes(pickle.dumps([[], list(split.train), list(split.test), model.train_fraction]))
    if model.engine == "tensorflow":
        pose = root / model.folder / "train" / POSE_FILES[model.engine]
        _change(pose, {"metadataset": documentation.relative_to(root).as_posix()})
    _labels_table(frames, xy, model, scorer).to_hdf(sets / f"CollectedData_{scorer}.h5", key=KEY, mode="w")
    return root / CONFIG


def _names(model: ModelInfo) -> dict[str, Any]:
    """config.yaml's names of what the model was trained on."""
    if not model.multianimal:
        return {"bodyparts": list(model.bodyparts)}
    return {"multianimalbodyparts": list(model.bodyparts), "uniquebodyparts": list(model.unique_bodyparts)}


def _change(file: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    table = {**read_yaml(file), **values}
    file.write_text(dump_yaml(table), encoding="utf-8")
    return table


def _labels_table(frames: tuple[Frame, ...], xy: Any, model: ModelInfo, scorer: str) -> Any:
    pandas = import_pandas()
    columns = pandas.MultiIndex.from_tuples(
        [(scorer, *point, coord) for point in points_of(model) for coord in "xy"],
        names=["scorer", "individuals", "bodyparts", "coords"],
    )
    if not model.multianimal:
        columns = columns.droplevel("individuals")
    index = pandas.MultiIndex.from_tuples([(LABELS_FOLDER, *frame) for frame in frames])
    return pandas.DataFrame(xy.reshape(len(frames), -1), index=index, columns=columns)
