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
from dlcctr.training.split import Split
from entrypoint.evaluation.choose import Chosen, Project
from entrypoint.evaluation.figures import Points, counted_labels, matched_labels
from entrypoint.evaluation.record import BEFORE, NOW
from entrypoint.evaluation.stock.run_deeplabcut import Evaluated, Labelled, Wish, evaluate_model
from entrypoint.evaluation.training_set import TrainingSet, points_of

COMBINED = "CombinedEvaluation-results.csv"


@dataclass(frozen=True)
class Both:
    """A model and perhaps another one on the same frames.

    Parameters
    ----------
    before : Chosen or None
        None where no other model is beside it, for the reason in `why`.
    xy : ndarray (n_frames, n_points, 2)
        All labels in px, also those that do not count.
    counted : ndarray (n_frames, n_points, 2)
        Those that DeepLabCut counts.
    points, devices : dict
        By name of the model, ``now`` and ``before``.
    own_figures : dict
        By name of the model: DeepLabCut's own figures, where it was told the true split.
    """

    now: Chosen
    training_set: TrainingSet
    before: Chosen | None
    why: str
    xy: Any
    counted: Any
    points: dict[str, Points]
    devices: dict[str, str]
    own_figures: dict[str, dict[str, float]]


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
    points, labels = points_of(now.model), _labels_for(now.model, held, sizes)
    label = matched_labels(labels.counted, points)
    warn(f"evaluating {now.name}: {plural(len(held.frames), 'labelled frame')}")
    found = _evaluate_now(project, now.model, labels, label, wish, is_true=labels.split is held.split)
    held_points = {NOW: Points(held.frames, points, label, found.predicted)}
    own = {NOW: found.own_figures}
    both = Both(now, held, None, why, labels.xy, labels.counted, held_points, {NOW: found.device}, own)
    return _with_before(both, before, sizes, wish) if before else both


def _with_before(both: Both, before: Chosen, sizes: Any, wish: Wish) -> Both:
    warn(f"evaluating {before.name}, on the same frames")
    labels = _labels_for(before.model, both.training_set, sizes)
    try:
        found = evaluate_model(before.model, labels, wish, name=BEFORE)
    except DlcctrError as error:
        if before.is_named:
            raise
        return replace(both, why=f"{before.name} could not be evaluated beside it: {error.message}")
    import numpy

    theirs, points = points_of(before.model), both.points[NOW].points
    predicted = numpy.full((len(both.xy), len(points), 3), numpy.nan)
    for place, point in enumerate(points):
        if point in theirs:
            predicted[:, place] = found.predicted[:, theirs.index(point)]
    lacking = frozenset(part for _, part in points) - {part for _, part in theirs}
    return replace(
        both,
        before=before,
        points={**both.points, BEFORE: replace(both.points[NOW], predicted=predicted, lacking=lacking)},
        devices={**both.devices, BEFORE: found.device},
        own_figures={**both.own_figures, BEFORE: found.own_figures if labels.split is both.training_set.split else {}},
    )


def _labels_for(model: ModelInfo, held: TrainingSet, sizes: Any) -> Labelled:
    """Labels of a model's body parts; none of a part that the training set does not have."""
    xy = held.only(points_of(model))
    # DeepLabCut is told the true split, or where it cannot take that, any that has all frames
    split = held.split if has_both(model, held.split) else Split(tuple(range(1, len(held.frames))), (0,))
    return Labelled(held.frames, xy, split, counted_labels(xy, sizes, model.engine))


def _evaluate_now(
    project: Project, model: ModelInfo, labels: Labelled, label: Any, wish: Wish, *, is_true: bool
) -> Evaluated:
    import numpy

    out = evaluation_folder(project.root, model)
    there = numpy.isfinite(label).all(axis=2).any(axis=1)
    has_labels = all(there[list(side)].any() for side in (labels.split.train, labels.split.test))
    by_bodypart = has_labels or model.engine == "tensorflow"
    found = evaluate_model(model, labels, wish, name=NOW, by_bodypart=by_bodypart, combined=out.parent / COMBINED)
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
