"""Evaluate a trained shuffle, and the one before on the same frames; write what came out beside DeepLabCut's files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.contract import ExitCode
from dlcctr.errors import ModelError, UsageError
from dlcctr.model.curve.losses import LossRow
from dlcctr.model.curve.of_model import curve_of
from dlcctr.model.project.shuffles import CONFIG
from dlcctr.system.disk import disk_errors, try_writing
from dlcctr.system.files import write_text_atomic
from dlcctr.system.terminal.console import envelope, print_lines, print_script
from dlcctr.system.values.records import to_table
from entrypoint.environment.scratch import open_scratch
from entrypoint.evaluation import record
from entrypoint.evaluation.both import Both, evaluate_both, evaluation_folder, has_both
from entrypoint.evaluation.choose import Chosen, Project, choose, choose_before, open_project
from entrypoint.evaluation.figures import parse_threshold
from entrypoint.evaluation.record import BEFORE, NOW, Evaluation
from entrypoint.evaluation.report.curves import Curve
from entrypoint.evaluation.report.page import page_text
from entrypoint.evaluation.report.pictures import worst_frames
from entrypoint.evaluation.report.tables import points_text
from entrypoint.evaluation.report.terminal import evaluation_lines
from entrypoint.evaluation.stock.run_deeplabcut import Wish, check_engine
from entrypoint.evaluation.summary import added_frames, known_to_before, summarise
from entrypoint.evaluation.training_set import TrainingSet, picture_sizes

PCUTOFF = 0.6
"""DeepLabCut's own, where config.yaml says nothing."""
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class EvaluateRequest:
    """What to evaluate.

    Parameters
    ----------
    iteration, shuffle, trainset_index : int or None
        See `entrypoint.evaluation.choose.choose`.
    beside : str
        ``ITERATION``, ``ITERATION:SHUFFLE``, ``none``; empty for the iteration before.
    pcutoff : float or None
        config.yaml's own where it is None.
    pck : str
        Threshold of PCK: px, or below 1 a share of the animal's size.
    pictures : int
        How many of the worst frames the page shows.
    """

    project: Path
    iteration: int | None = None
    shuffle: int | None = None
    trainset_index: int | None = None
    snapshot: str = ""
    beside: str = ""
    pcutoff: float | None = None
    pck: str = "5"
    device: str = "auto"
    pictures: int = 12
    scratch: Path | None = None
    as_json: bool = False


def run_evaluation(request: EvaluateRequest) -> ExitCode:
    """Evaluate, write and print.

    Raises
    ------
    DlcctrError
        Something is missing, DeepLabCut failed, or the project cannot be written.
    """
    if request.device not in DEVICES:
        raise UsageError(f"--device {request.device[:20]!r}: none of {', '.join(DEVICES)}", "for example --device cpu")
    threshold = parse_threshold(request.pck)
    project = open_project(request.project)
    pcutoff = _pcutoff(project, request.pcutoff)
    now, held = choose(
        project, iteration=request.iteration, shuffle=request.shuffle, trainset_index=request.trainset_index,
        snapshot=request.snapshot,
    )  # fmt: skip
    _check_split(now, held)
    check_engine(now.model.engine)
    before, why = choose_before(project, now, request.beside)
    sizes = picture_sizes(project.root, held.frames)
    out = evaluation_folder(project.root, now.model)
    with disk_errors(out, "a project that is mounted read-only cannot take the files: make it writable"):
        out.mkdir(parents=True, exist_ok=True)
        try_writing(out)
    with open_scratch(request.scratch, out) as scratch:
        wish = Wish(str(project.config["scorer"]), pcutoff, request.device, scratch)
        both = evaluate_both(project, now, held, before, why=why, sizes=sizes, wish=wish)
    evaluation = summarise(project.root.resolve().name, both, pcutoff, threshold)
    text = json.dumps(envelope("evaluate", **to_table(evaluation)), indent=1) + "\n"
    _write(out, project, both, evaluation, text=text, n_worst=request.pictures)
    if request.as_json:
        print_script(text)
    else:
        print_lines(evaluation_lines(evaluation))
        print_lines([f"{out / 'evaluation.html'} shows it; evaluation.csv and .json beside it have every point"])
    return ExitCode.OK


def _pcutoff(project: Project, given: float | None) -> float:
    value = project.config.get("pcutoff") if given is None else given
    if value is None:
        return PCUTOFF
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ModelError(
            f"{project.root / CONFIG}: pcutoff is {str(value)[:40]!r}, not a number from 0 to 1",
            "correct it, or name one: --pcutoff 0.6",
        )
    return float(value)


def _check_split(now: Chosen, held: TrainingSet) -> None:
    if not held.split.train and not held.split.test:
        raise ModelError(
            f"{held.file}: no frame of it is in the training or the test set of {now.name}",
            "make a training set anew, and train: dlcctr train run PROJECT (in the image: dlc train PROJECT)",
        )
    if len(held.frames) < 2 and not has_both(now.model, held.split):
        raise ModelError(f"{held.file}: a single labelled frame says nothing", "label more frames")


def _write(out: Path, project: Project, both: Both, evaluation: Evaluation, *, text: str, n_worst: int) -> None:
    held = both.training_set
    splits = {held.frames[n]: name for name in (record.TRAIN, record.TEST) for n in getattr(held.split, name)}
    table = points_text(both.points, both.xy, splits, added_frames(both), known_to_before(both))
    worst = worst_frames(project.root, both.points[NOW], [splits.get(frame, "") for frame in held.frames], n_worst)
    page = page_text(evaluation, list(_curves(both)), list(worst), _losses(project, both))
    with disk_errors(out):
        for ending, content in (("csv", table), ("html", page), ("json", text)):
            write_text_atomic(out / f"evaluation.{ending}", content)


def _losses(project: Project, both: Both) -> dict[str, list[LossRow]]:
    models = {NOW: both.now.model, **({BEFORE: both.before.model} if both.before else {})}
    return {name: curve_of(project.tree, PurePosixPath(each.folder) / "train") for name, each in models.items()}


def _curves(both: Both) -> Iterator[Curve]:
    import numpy

    titles = {NOW: "now", BEFORE: "before"} if BEFORE in both.points else {NOW: ""}
    for side in (record.TEST, record.TRAIN):
        for model, title in titles.items():
            errors = both.points[model].error[list(getattr(both.training_set.split, side))]
            yield Curve(f"{side} {title}".strip(), errors[numpy.isfinite(errors)])
