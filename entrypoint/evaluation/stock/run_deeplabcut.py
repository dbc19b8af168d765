"""Let DeepLabCut evaluate a model in a process of its own, and read what it wrote."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import AnalysisError, DlcctrError, GpuError, ToolMissingError
from dlcctr.model.engines import ENGINES
from dlcctr.model.inference_project import metadata_name
from dlcctr.model.inspection import ModelInfo
from dlcctr.results.h5.h5_file import read_table
from dlcctr.system import processes
from dlcctr.system.cpus import cpu_count, thread_environment
from dlcctr.system.gpus import gpu_environment
from dlcctr.system.values.records import to_table
from dlcctr.training.set_files import Frame
from dlcctr.training.split import Split
from entrypoint.engines.gpu_failures import is_gpu_failure, is_gpu_memory
from entrypoint.environment.scratch import private_environment
from entrypoint.evaluation.stock.child import EvaluationJob, Several
from entrypoint.evaluation.stock.predictions import read_predictions
from entrypoint.evaluation.stock.private_project import make_evaluation_project
from entrypoint.evaluation.training_set import points_of

ROOT = Path(__file__).resolve().parents[3]
BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from entrypoint.evaluation.stock.child import main; main(sys.argv[2])"
)
LOG_LINES = 15
NAMES = {
    "pytorch": {"rmse": "{} rmse", "rmse_sure": "{} rmse_pcutoff"},
    "tensorflow": {"rmse": " {} error(px)", "rmse_sure": "{} error with p-cutoff"},
}
"""DeepLabCut's columns of its own figures; the first words of TensorFlow's begin with capitals."""
PRECISIONS = {"mAP": "{} mAP", "mAR": "{} mAR"}
"""The same of whole animals, in percent."""


@dataclass(frozen=True)
class Wish:
    """How to evaluate.

    Parameters
    ----------
    scorer : str
        Of the labels.
    pcutoff : float
        Likelihood from which a point counts as sure.
    device : str
        ``cuda``, ``cpu`` or ``auto``.
    scratch : Path
        Private folder.
    """

    scorer: str
    pcutoff: float
    device: str
    scratch: Path


@dataclass(frozen=True)
class Labelled:
    """Frames and labels that a model is compared with.

    Parameters
    ----------
    xy : ndarray (n_frames, n_points, 2)
        In px, of the model's points in the model's order.
    split : Split
        What DeepLabCut takes for train and test; neither side may be empty with PyTorch.
    counted : ndarray (n_frames, n_points, 2)
        Labels that DeepLabCut counts, NaN for others.
    """

    frames: tuple[Frame, ...]
    xy: Any
    split: Split
    counted: Any


@dataclass(frozen=True)
class Evaluated:
    """What DeepLabCut found.

    Parameters
    ----------
    predicted : ndarray (n_frames, n_points, 3)
        x, y in px, likelihood; of the model's points in the model's order. With several animals that of the labelled
        one which DeepLabCut takes it for.
    folder : Path
        Where its files lie until the private project is removed.
    own_figures : dict
        Its own errors in px, ``train rmse``, ``test rmse``, and with ``_sure`` those with p-cutoff; with several
        animals ``train mAP``, ``test mAR`` and the others in percent.
    device : str
        ``cuda`` or ``cpu``.
    """

    predicted: Any
    folder: Path
    own_figures: dict[str, float]
    device: str


def evaluate_model(
    model: ModelInfo,
    labels: Labelled,
    wish: Wish,
    *,
    name: str,
    by_bodypart: bool = False,
    combined: Path | None = None,
) -> Evaluated:
    """Evaluate a model on labelled frames.

    Parameters
    ----------
    name : str
        Of the private folder in `wish.scratch`.
    by_bodypart : bool
        Let DeepLabCut write its errors by body part, too.
    combined : Path or None
        The project's table of all its evaluations, to which DeepLabCut adds a line.

    Raises
    ------
    DlcctrError
        DeepLabCut failed; its last lines are in the message.
    """
    check_engine(model.engine)
    root = wish.scratch / name / "project"
    root.parent.mkdir()
    config = make_evaluation_project(
        model, root, labels.frames, labels.xy, labels.split, scorer=wish.scorer, pcutoff=wish.pcutoff
    )
    sets = (root / metadata_name(model)).parent
    ending = "pickle" if model.multianimal else "mat"
    copy = sets / f"{model.task}_{wish.scorer}{int(model.train_fraction * 100)}shuffle{model.shuffle}.{ending}"
    top = root / ENGINES[model.engine].evaluation_folder / f"iteration-{model.iteration}"
    if combined and combined.is_file():
        top.mkdir(parents=True)
        (top / combined.name).write_bytes(combined.read_bytes())
    job = EvaluationJob(
        str(config), model.shuffle, model.engine, wish.pcutoff, wish.device, cpu_count(),
        table=str(sets / f"CollectedData_{wish.scorer}.h5"), copy=str(copy) if model.engine == "pytorch" else "",
        results=str(top / model.folder.name), by_bodypart=by_bodypart, answer=str(root.parent / "answer.json"),
        several=_several(model, labels, root.parent) if model.multianimal else None,
    )  # fmt: skip
    _run(job, root.parent)
    folder = Path(job.results)
    used = str(json.loads(Path(job.answer).read_text(encoding="utf-8"))["device"])
    own = _own_figures(folder, model.engine, several=model.multianimal)
    return Evaluated(_predicted(job, model, labels), folder, own, used)


def _several(model: ModelInfo, labels: Labelled, folder: Path) -> Several:
    import numpy

    found = Several(
        list(model.individuals), list(model.bodyparts), [list(each) for each in points_of(model)],
        str(folder / "labels.npy"), str(folder / "predicted.npy"),
    )  # fmt: skip
    numpy.save(found.labels, labels.counted)
    return found


def _predicted(job: EvaluationJob, model: ModelInfo, labels: Labelled) -> Any:
    import numpy

    if job.several:
        return numpy.load(job.several.predicted)
    (table,) = Path(job.results).glob("*.h5")
    return read_predictions(read_table(table), labels.frames, points_of(model))


def check_engine(engine: str) -> None:
    """Raise `ToolMissingError` for a model of an engine that is not here."""
    from importlib.util import find_spec

    if not find_spec(ENGINES[engine].package):
        title = ENGINES[engine].title
        raise ToolMissingError(f"the model is one of {title}, which is not here", f"use an image of {title}'s flavour")


def _run(job: EvaluationJob, folder: Path) -> None:
    file, log = folder / "job.json", folder / "log"
    file.write_text(json.dumps(to_table(job)), encoding="utf-8")
    environment = {**os.environ, **private_environment(folder), **thread_environment(job.threads)}
    mask = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0].strip() or "0"
    environment["CUDA_VISIBLE_DEVICES"] = "-1" if job.device == "cpu" else mask
    environment |= gpu_environment(os.environ)
    argv = [sys.executable, "-I", "-u", "-X", "utf8", "-c", BOOT, str(ROOT), str(file)]
    with log.open("wb") as output:
        process = processes.start(argv, output=output, env=environment, cwd=folder)
        try:
            code = process.wait()
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        raise _failure(code, log.read_text(encoding="utf-8", errors="replace"))


def _failure(code: int, text: str) -> DlcctrError:
    lines = [line.rpartition("\r")[2] for line in text.splitlines() if line.strip()]
    shown = "\n".join(line[:200] for line in lines[-LOG_LINES:])
    last = lines[-1] if lines else ""
    if code == -signal.SIGKILL:
        return AnalysisError(
            "the evaluation was killed by the system, most likely because it ran out of memory",
            "give the job more memory (Slurm: --mem, Docker: --memory)",
        )
    if "no GPU can be used" in last or is_gpu_memory(last) or is_gpu_failure(last):
        return GpuError(
            f"the GPU cannot be used: {last[:200]}", "see `dlc doctor`, or evaluate on the CPU: --device cpu"
        )
    return AnalysisError(f"DeepLabCut's evaluate_network failed:\n{shown}", "its last lines say why")


def _own_figures(folder: Path, engine: str, *, several: bool) -> dict[str, float]:
    """DeepLabCut's own errors; of those that it did not write there are none."""
    file = next((each for each in folder.glob("*-results.csv") if "keypoint" not in each.name), None)
    if file is None:
        return {}
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8"))))
    row: Mapping[str, str] = rows[-1] if rows else {}
    found, names = {}, {**NAMES[engine], **(PRECISIONS if several else {})}
    for side in ("train", "test"):
        for key, name in names.items():
            title = name.format(side if engine == "pytorch" else side.capitalize())
            with_number = _number(row.get(title, ""))
            if with_number is not None:
                found[f"{side} {key}"] = with_number
    return found


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
