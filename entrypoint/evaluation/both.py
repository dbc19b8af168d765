"""Both models' predictions of the frames of one training set, each by DeepLabCut's own evaluation."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError
from dlcctr.model.engines import ENGINES
from dlcctr.model.inspection import ModelInfo
from dlcctr.system.disk import disk_errors
from dlcctr.system.files import write_bytes_atomic
from dlcctr.system.terminal.console import plural, warn
from entrypoint.evaluation.choose import Chosen, Project
from entrypoint.evaluation.figures import Points, counted_labels
from entrypoint.evaluation.record import BEFORE, NOW
from entrypoint.evaluation.split import Split
from entrypoint.evaluation.stock.run_deeplabcut import Evaluated, Labelled, Wish, evaluate_model
from entrypoint.evaluation.training_set import TrainingSet

COMBINED = "CombinedEvaluation-results.csv"


@dataclass(frozen=True)
class Both:
    """A model and perhaps another one on the same frames.

    Parameters
    ----------
    before : Chosen or None
        None where no other model is beside it, for the reason in `why`.
    xy : ndarray (n_frames, n_bodyparts, 2)
        All labels in px, also those that do not count.
    points, devices : dict
        By name of the model, ``now`` and ``before``.
    own_figures : dict
        DeepLabCut's own figures of the model now.
    """

    now: Chosen
    training_set: TrainingSet
    before: Chosen | None
    why: str
    xy: Any
    points: dict[str, Points]
    devices: dict[str, str]
    own_figures: dict[str, float]


def has_both(model: ModelInfo, split: Split) -> bool:
    """Whether DeepLabCut can evaluate a split: its PyTorch engine fails where either side is empty."""
    return model.engine != "pytorch" or bool(split.train and split.test)


def evaluation_folder(project: Path, model: ModelInfo) -> Path:
    """Where DeepLabCut puts the files of a model's evaluation."""
    top = project / ENGINES[model.engine].evaluation_folder
    return top / f"iteration-{model.iteration}" / model.folder.name


def evaluate_both(
    project: Project, now: Chosen, held: TrainingSet, before: Chosen | None, *, why: str, sizes: Any, wish: Wish
) -> Both:
    """Evaluate one model or two; DeepLabCut's files about the first one go where it would have put them.

    Parameters
    ----------
    why : str
        Reason why there is no model before; empty where somebody has named it, so that its failure is one.
    sizes : ndarray (n_frames, 2)
        Width and height of the pictures in px.

    Raises
    ------
    DlcctrError
        DeepLabCut failed, or the project cannot be written.
    """
    xy = held.only(now.model.bodyparts)
    label = counted_labels(xy, sizes, now.model.engine)
    warn(f"evaluating {now.name}: {plural(len(held.frames), 'labelled frame')}")
    found = _evaluate_now(project, now.model, held, label, wish)
    points = {NOW: Points(held.frames, now.model.bodyparts, label, found.predicted)}
    both = Both(now, held, None, why, xy, points, {NOW: found.device}, found.own_figures)
    return _with_before(both, before, wish) if before else both


def _with_before(both: Both, before: Chosen, wish: Wish) -> Both:
    warn(f"evaluating {before.name}, on the same frames")
    model, now = before.model, both.now.model
    try:
        found = evaluate_model(model, _labels_for(model, both.training_set), wish, name=BEFORE)
    except DlcctrError as error:
        if before.is_named:
            raise
        return replace(both, why=f"{before.name} could not be evaluated beside it: {error.message}")
    import numpy

    predicted = numpy.full((len(both.xy), len(now.bodyparts), 3), numpy.nan)
    for place, part in enumerate(now.bodyparts):
        if part in model.bodyparts:
            predicted[:, place] = found.predicted[:, model.bodyparts.index(part)]
    points = {**both.points, BEFORE: replace(both.points[NOW], predicted=predicted)}
    return replace(both, before=before, points=points, devices={**both.devices, BEFORE: found.device})


def _labels_for(model: ModelInfo, held: TrainingSet) -> Labelled:
    """Labels of a model's body parts; none of a part that the training set does not have."""
    import numpy

    xy = numpy.full((len(held.frames), len(model.bodyparts), 2), numpy.nan)
    for place, part in enumerate(model.bodyparts):
        if part in held.bodyparts:
            xy[:, place] = held.xy[:, held.bodyparts.index(part)]
    # DeepLabCut is told the true split, or where it cannot take that, any that has all frames
    split = held.split if has_both(model, held.split) else Split(tuple(range(1, len(held.frames))), (0,))
    return Labelled(held.frames, xy, split)


def _evaluate_now(project: Project, model: ModelInfo, held: TrainingSet, label: Any, wish: Wish) -> Evaluated:
    import numpy

    labels, out = _labels_for(model, held), evaluation_folder(project.root, model)
    there = numpy.isfinite(label).all(axis=2).any(axis=1)
    has_labels = all(there[list(side)].any() for side in (labels.split.train, labels.split.test))
    by_bodypart = has_labels or model.engine == "tensorflow"
    found = evaluate_model(model, labels, wish, name=NOW, by_bodypart=by_bodypart, combined=out.parent / COMBINED)
    is_true = labels.split is held.split
    _bring_home(found, model, out, is_true=is_true)
    return found if is_true else replace(found, own_figures={})


def _bring_home(found: Evaluated, model: ModelInfo, out: Path, *, is_true: bool) -> None:
    """Copy DeepLabCut's files to their place; of a split that is not the true one, only the predictions."""
    with disk_errors(out):
        for file in sorted(found.folder.iterdir()):
            if file.is_file() and (is_true or file.suffix == ".h5"):
                write_bytes_atomic(out / file.name, file.read_bytes(), keep=True)
        combined = found.folder.parent / COMBINED
        if is_true and combined.is_file():
            data = combined.read_bytes()
            if model.engine == "tensorflow":  # which adds the same line once more
                data = _without_doubles(data)
            write_bytes_atomic(out.parent / COMBINED, data, keep=True)


def _without_doubles(data: bytes) -> bytes:
    import pandas

    table = pandas.read_csv(io.BytesIO(data), index_col=0).drop_duplicates(keep="last").reset_index(drop=True)
    return str(table.to_csv()).encode("utf-8")
