"""Command line of the image: `analyze`, `doctor`, and the commands of dlcctr that need no container engine.

Module tops import the standard library and Typer only, so that --help and a finished row stay fast.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from dlcctr.commands.in_image import enter_image
from dlcctr.commands.program import ImageCommands, new_program
from dlcctr.commands.training.train import options as training
from dlcctr.errors import UsageError
from entrypoint import options
from entrypoint.analyze.request import (
    CHECKPOINT_EVERY_S,
    RowRequest,
    TaskRequest,
    find_index,
    find_task,
    parse_backend,
    parse_decode,
    parse_device,
    parse_path,
)
from entrypoint.training.events import CHECKPOINT_EVERY_S as TRAINING_CHECKPOINT_S

PROGRAM = "dlc"
PANEL = "Analyse"
"""Heading of the image's own commands in the help."""


def _image_facts() -> dict[str, Any]:
    from entrypoint.environment.image_info import read_image_info

    return read_image_info().as_dict()


app = new_program(
    PROGRAM,
    "DeepLabCut in production: one manifest row in, one verified result out.",
    ImageCommands,
    _image_facts,
    add_completion=False,  # it would be installed inside the container
    epilog="Every option of `analyze` can also be set as DLCCTR_<OPTION>, for example DLCCTR_BATCH_SIZE=4.",
)


@app.command(rich_help_panel=PANEL)
def analyze(
    *,
    manifest: options.Manifest,
    index: options.Index = None,
    plan: options.Plan = None,
    task: options.Task = None,
    model: options.Model = None,
    out: options.Out = None,
    video_root: options.VideoRoot = None,
    csv: options.Csv = None,
    batch_size: options.BatchSize = None,
    snapshot: options.Snapshot = None,
    shuffle: options.Shuffle = None,
    trainset_index: options.TrainsetIndex = None,
    crop: options.Crop = "",
    device: options.Device = "auto",
    allow_cpu: options.AllowCpu = False,
    overwrite: options.Overwrite = False,
    trust_model: options.TrustModel = False,
    scratch: options.Scratch = None,
    path: options.AnalysisPath = "auto",
    backend: options.Backend = "auto",
    precision: options.Precision = "",
    decode: options.Decode = "auto",
    checkpoint_s: options.CheckpointS = None,
    part_s: options.PartS = None,
    steps: options.Steps = True,
) -> None:
    """Analyse one row of a manifest, or one task of a plan: DeepLabCut's files and receipts that prove them whole."""
    from dlcctr.campaign.rows import parse_crop_option, parse_precision

    _check_row_or_task(index, plan, task)
    given = [seconds for seconds in (checkpoint_s, part_s) if seconds is not None]
    request = RowRequest(
        manifest=manifest, index=find_index(index) if plan is None else 0, model=model, out=out, video_root=video_root,
        csv=csv, batch_size=batch_size, snapshot=snapshot or None, shuffle=shuffle, trainset_index=trainset_index,
        crop=parse_crop_option(crop), device=parse_device(device), allow_cpu=allow_cpu, overwrite=overwrite,
        scratch=scratch, path=parse_path(path), backend=parse_backend(backend, path),
        checkpoint_s=[*given, CHECKPOINT_EVERY_S][0], trust_model=trust_model,
        precision=parse_precision(precision) if precision else None, decode=parse_decode(decode, path),
        steps=steps,
    )  # fmt: skip
    raise typer.Exit(_analyze_row(request) if plan is None else _analyze_task(request, plan, task))


def _check_row_or_task(index: int | None, plan: Path | None, task: int | None) -> None:
    if plan is None and task is not None:
        raise UsageError("--task is given without --plan", "add --plan FILE, or give a row with --index")
    if plan is not None and index is not None:
        raise UsageError(
            "both --index and a plan are given", f"leave one out (a plan also comes from {options.variable('PLAN')})"
        )


def _analyze_row(request: RowRequest) -> int:
    from entrypoint.analyze.row.analyze_row import run

    return int(run(request))


def _analyze_task(request: RowRequest, plan: Path, task: int | None) -> int:
    from entrypoint.analyze.multi_gpu import CLAIMS_VARIABLE
    from entrypoint.analyze.task import run_task

    claims = os.environ.get(CLAIMS_VARIABLE)
    return run_task(TaskRequest(plan, find_task(task), request, Path(claims) if claims else None))


@app.command(rich_help_panel=PANEL)
def quality(
    manifest: options.QualityManifest,
    *,
    index: options.QualityIndex = None,
    rows: options.QualityRows = "",
    plan: options.Plan = None,
    task: options.Task = None,
    pictures: options.WithPictures = True,
    again: options.Again = False,
) -> None:
    """Judge finished rows: is the tracking right? Adds quality.json and quality.csv.gz to each; resumes where it was.

    Exits with the code of the first row that could not be judged.
    """
    from entrypoint.quality.judge_rows import QualityRequest, judge_rows

    _check_row_or_task(index, plan, task)
    indices = _rows_of_task(manifest, plan, task)
    request = QualityRequest(manifest, index, rows, indices, pictures=pictures, again=again)
    raise typer.Exit(int(judge_rows(request)))


def _rows_of_task(manifest: Path, plan: Path | None, task: int | None) -> tuple[int, ...]:
    """Indices of the rows of a plan's task; empty without a plan."""
    if plan is None:
        return ()
    from dlcctr.campaign.manifest import read_manifest
    from dlcctr.planning.plan import read_plan, task_rows

    return tuple(row.index for row in task_rows(read_plan(plan), find_task(task), read_manifest(manifest), plan))


@app.command(rich_help_panel=PANEL)
def outliers(
    manifest: options.QualityManifest,
    *,
    frames: options.OutliersFrames = 50,
    out: options.OutliersOut,
    rows: options.OutliersRows = "",
    apart_s: options.ApartS = 1.0,
    seed: options.Seed = 0,
) -> None:
    """Pick the frames that teach most, of judged rows: labeled-data folders with machine labels, and a page.

    Existing labels, folders and config.yaml are never touched.
    """
    from entrypoint.outliers.run_outliers import OutliersRequest, run_outliers

    raise typer.Exit(int(run_outliers(OutliersRequest(manifest, frames, out, rows, apart_s=apart_s, seed=seed))))


@app.command(rich_help_panel=PANEL)
def train(
    project: options.TrainProject,
    *,
    shuffle: training.Shuffles = None,
    trainset_index: options.TrainTrainsetIndex = 0,
    seed: options.TrainSeed = None,
    epochs: training.Epochs = None,
    net_type: training.NetType = "",
    weights: training.Weights = "",
    batch_size: training.BatchSize = None,
    device: options.Device = "auto",
    allow_cpu: options.AllowCpu = False,
    precision: options.TrainPrecision = "float32",
    trial: training.Trial = False,
    scratch: options.Scratch = None,
    checkpoint_s: options.TrainCheckpointS = TRAINING_CHECKPOINT_S,
    same_settings: training.SameSettings = False,
) -> None:
    """Train a project's shuffle by DeepLabCut's own train_network; again, it goes on where it was stopped.

    Makes the training set where the present iteration has none. Downloads nothing.
    """
    from entrypoint.training.request import TrainRequest, parse_precision, parse_shuffles
    from entrypoint.training.run_train import run_train

    request = TrainRequest(
        project, parse_shuffles(shuffle or []), trainset_index, seed, epochs, net_type, weights, batch_size,
        parse_device(device), allow_cpu=allow_cpu, precision=parse_precision(precision), trial=trial,
        scratch=scratch, checkpoint_s=checkpoint_s, same_settings=same_settings,
    )  # fmt: skip
    raise typer.Exit(int(run_train(request)))


@app.command(rich_help_panel=PANEL)
def evaluate(
    project: options.EvaluateProject,
    *,
    shuffle: options.EvaluateShuffle = None,
    trainset_index: options.EvaluateTrainset = None,
    iteration: options.Iteration = None,
    snapshot: options.EvaluateSnapshot = "",
    beside: options.Beside = "",
    pcutoff: options.Pcutoff = None,
    pck_px: options.PckPx = "5",
    pictures: options.WorstPictures = 12,
    device: options.EvaluateDevice = "auto",
    scratch: options.Scratch = None,
    as_json: options.AsJson = False,
) -> None:
    """Evaluate a trained shuffle: train and test error by body part, beside the model before, and a page.

    DeepLabCut's own evaluation, whose files land where it puts them; config.yaml and labels are never touched.
    """
    from entrypoint.evaluation.run_evaluation import EvaluateRequest, run_evaluation

    request = EvaluateRequest(
        project, iteration, shuffle, trainset_index, snapshot, beside, pcutoff, pck=pck_px, device=device,
        pictures=pictures, scratch=scratch, as_json=as_json,
    )  # fmt: skip
    raise typer.Exit(int(run_evaluation(request)))


@app.command(rich_help_panel=PANEL)
def step(
    name: options.StepName = "",
    *,
    manifest: options.Manifest,
    index: options.StepIndex = None,
    rows: options.QualityRows = "",
    plan: options.Plan = None,
    task: options.Task = None,
    out: options.Out = None,
    video_root: options.VideoRoot = None,
    scratch: options.Scratch = None,
    again: options.StepAgain = False,
) -> None:
    """Do the steps of finished rows: filter, tracks, labelled video, NWB. Done ones are skipped; see `steps list`.

    Exits with the code of the first step that failed.
    """
    from entrypoint.steps.run_steps import StepsRequest, run_steps

    _check_row_or_task(index, plan, task)
    request = StepsRequest(
        manifest, name, index, rows, _rows_of_task(manifest, plan, task), out=out, video_root=video_root,
        scratch=scratch, again=again,
    )  # fmt: skip
    raise typer.Exit(int(run_steps(request)))


@app.command(rich_help_panel=PANEL)
def doctor(
    allow_cpu: options.NoGpuIsFine = False,
    scratch: options.Scratch = None,
    as_json: options.AsJson = False,
    timeout_s: options.TimeoutS = 180.0,
) -> None:
    """Report what this container can use: driver, GPUs, engine, and whether a tensor operation comes out right."""
    from entrypoint.doctor import examine, print_report

    report = examine(allow_cpu=allow_cpu, scratch=scratch, timeout_s=timeout_s)
    raise typer.Exit(int(print_report(report, as_json=as_json)))


def main() -> None:
    """Run the command line under the name that the image gives it."""
    enter_image(PROGRAM)
    app(prog_name=PROGRAM)
