"""Child process that imports DeepLabCut and lets it evaluate one model; what it prints goes into a log."""

from __future__ import annotations

import json
import os
import pickle
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dlcctr.system.values.records import from_table, parse_object
from entrypoint.engines.base import get_engine
from entrypoint.environment.parent import die_with_parent
from entrypoint.evaluation.stock.matched import match_frames
from entrypoint.evaluation.stock.predictions import read_predictions


@dataclass(frozen=True)
class Several:
    """What is needed to tell which predicted animal is which labelled one.

    Parameters
    ----------
    individuals, bodyparts : list of str
        Of one animal, in the model's order; of parts that exist once DeepLabCut knows which is which.
    points : list of list of str
        Individual and body part of each column.
    labels : str
        File with the labels that DeepLabCut counts, (n_frames, n_points, 2) in px.
    predicted : str
        File that gets the predictions, (n_frames, n_points, 3), each beside its label.
    """

    individuals: list[str]
    bodyparts: list[str]
    points: list[list[str]]
    labels: str
    predicted: str


@dataclass(frozen=True)
class EvaluationJob:
    """What is evaluated, in a private project.

    Parameters
    ----------
    table : str
        The training set's table of labels, of which PyTorch wants a copy of another kind as well.
    copy : str
        Where that is written: a .mat, or with several animals a .pickle; empty for none.
    device : str
        ``cuda``, ``cpu`` or ``auto``: a GPU where the engine can use one.
    results : str
        Folder in which DeepLabCut puts its files.
    by_bodypart : bool
        Also DeepLabCut's errors by body part, which it cannot make where one side of the split has no label.
    answer : str
        File that gets the device.
    several : Several or None
        None for one animal.
    """

    config: str
    shuffle: int
    engine: str
    pcutoff: float
    device: str
    threads: int
    table: str
    copy: str
    results: str
    by_bodypart: bool
    answer: str
    several: Several | None = None


def main(file: str) -> None:
    """Do the job in a file."""
    die_with_parent()
    job = from_table(EvaluationJob, parse_object(Path(file).read_text(encoding="utf-8")))
    can_use_gpu = get_engine(job.engine).load(job.threads).cuda
    if job.device == "cuda" and not can_use_gpu:
        raise SystemExit("no GPU can be used here")
    device = "cuda" if can_use_gpu and job.device != "cpu" else "cpu"
    if job.copy:
        (_write_pickle if job.several else _write_mat)(Path(job.table), Path(job.copy))
    if job.several:
        _keep_graph()
    try:
        _evaluate(job, device)
    except AttributeError:
        # DeepLabCut 3.0.2 has no errors by body part where it found no animal at all
        if not (job.several and job.by_bodypart):
            raise
        _evaluate(replace(job, by_bodypart=False), device)
    if job.several:
        _match(job.several, Path(job.table), Path(job.results))
    Path(job.answer).write_text(json.dumps({"device": device}), encoding="utf-8")
    sys.stdout.flush()
    os._exit(0)  # interpreter shutdown of the big libraries takes seconds and can hang; all is written


def _evaluate(job: EvaluationJob, device: str) -> None:
    import deeplabcut
    from deeplabcut.core.engine import Engine

    options: dict[str, Any] = {"gputouse": 0 if device == "cuda" else None}
    if job.engine == "pytorch":
        options = {"device": "cuda:0" if device == "cuda" else "cpu", "pcutoff": job.pcutoff}
    deeplabcut.evaluate_network(
        job.config,
        shuffles=[job.shuffle],
        trainingsetindex=0,
        per_keypoint_evaluation=job.by_bodypart,
        engine=Engine.PYTORCH if job.engine == "pytorch" else Engine.TF,
        **options,
    )


def _match(several: Several, table: Path, results: Path) -> None:
    import numpy
    import pandas

    (file,) = results.glob("*.h5")
    frames = [(str(index[-2]), str(index[-1])) for index in pandas.read_hdf(table).index]
    points = [(who, part) for who, part in several.points]
    found = match_frames(
        numpy.load(several.labels),
        read_predictions(pandas.read_hdf(file), frames, points),
        n_animals=len(several.individuals),
        n_bodyparts=len(several.bodyparts),
    )
    numpy.save(several.predicted, found)


def _keep_graph() -> None:
    """Evaluate the network as it is analysed with.

    DeepLabCut's evaluation first tries which limbs of a bottom-up network are worth keeping, and writes them into
    pytorch_config.yaml. Here that would be a private copy, and the figures those of a network that nobody uses.
    """
    from deeplabcut.pose_estimation_pytorch.apis import prune_paf_graph

    prune_paf_graph.benchmark_paf_graphs = lambda *_, **__: []


def _write_pickle(table: Path, file: Path) -> None:
    """Write the .pickle that DeepLabCut's PyTorch engine opens with several animals, and of which it uses nothing."""
    import pandas

    pictures = [{"image": tuple(index), "size": (3, 1, 1), "joints": {}} for index in pandas.read_hdf(table).index]
    file.write_bytes(pickle.dumps(pictures))


def _write_mat(table: Path, mat: Path) -> None:
    """Write the .mat that DeepLabCut's PyTorch engine opens, in the form that it makes itself."""
    import numpy
    import pandas
    from scipy.io import savemat

    labels = pandas.read_hdf(table)
    rows = []
    for index, values in zip(labels.index, labels.to_numpy().reshape(len(labels), -1, 2), strict=True):
        there = numpy.flatnonzero(numpy.isfinite(values).all(axis=1))
        joints = numpy.column_stack([there, values[there]]).astype("int64")
        cell: Any = numpy.empty((1, 1), dtype=object)
        cell[0, 0] = joints
        rows.append((numpy.array(["/".join(index)]), numpy.array([[3, 1, 1]]), cell))
    kinds = [("image", object), ("size", object), ("joints", object)]
    savemat(mat, {"dataset": numpy.array(rows, dtype=kinds)})
