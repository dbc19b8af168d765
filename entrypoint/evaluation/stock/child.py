"""Child process that imports DeepLabCut and lets it evaluate one model; what it prints goes into a log."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.system.values.records import from_table, parse_object
from entrypoint.engines.base import get_engine
from entrypoint.environment.parent import die_with_parent


@dataclass(frozen=True)
class EvaluationJob:
    """What is evaluated, in a private project.

    Parameters
    ----------
    table : str
        The training set's table of labels, of which PyTorch wants a .mat as well.
    mat : str
        Where that is written; empty for none.
    device : str
        ``cuda``, ``cpu`` or ``auto``: a GPU where the engine can use one.
    by_bodypart : bool
        Also DeepLabCut's errors by body part, which it cannot make where one side of the split has no label.
    answer : str
        File that gets the device.
    """

    config: str
    shuffle: int
    engine: str
    pcutoff: float
    device: str
    threads: int
    table: str
    mat: str
    by_bodypart: bool
    answer: str


def main(file: str) -> None:
    """Do the job in a file."""
    die_with_parent()
    job = from_table(EvaluationJob, parse_object(Path(file).read_text(encoding="utf-8")))
    can_use_gpu = get_engine(job.engine).load(job.threads).cuda
    if job.device == "cuda" and not can_use_gpu:
        raise SystemExit("no GPU can be used here")
    device = "cuda" if can_use_gpu and job.device != "cpu" else "cpu"
    if job.mat:
        _write_mat(Path(job.table), Path(job.mat))
    _evaluate(job, device)
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
