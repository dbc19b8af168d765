"""Options of `analyze` and `doctor`; each can also be set as an environment variable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlcctr.contract import ENV_PREFIX
from entrypoint.analyze.request import (
    CHECKPOINT_EVERY_S,
    INDEX_VARIABLE,
    TASK_NUMBER_VARIABLE,
    TASK_VARIABLE,
)


def variable(name: str) -> str:
    """Environment variable of an option."""
    return ENV_PREFIX + name


Manifest = Annotated[
    Path,
    typer.Option("--manifest", "-m", envvar=variable("MANIFEST"), help="Manifest; campaign.toml beside it is read."),
]
Index = Annotated[
    int | None, typer.Option("--index", "-i", help=f"Zero-based row; else {INDEX_VARIABLE}, else {TASK_VARIABLE}.")
]
Plan = Annotated[
    Path | None, typer.Option(envvar=variable("PLAN"), help="Plan of `dlc plan`: analyse the rows of one of its tasks.")
]
Task = Annotated[
    int | None, typer.Option(help=f"Zero-based task of the plan; else {TASK_NUMBER_VARIABLE}, else {TASK_VARIABLE}.")
]
Model = Annotated[
    Path | None,
    typer.Option(envvar=variable("MODEL"), help="Trained DeepLabCut project or bundle (never written to)."),
]
Out = Annotated[Path | None, typer.Option(envvar=variable("OUT"), help="Root of the results.")]
VideoRoot = Annotated[
    Path | None,
    typer.Option(envvar=variable("VIDEO_ROOT"), help="Folder that the manifest's videos are relative to."),
]
Csv = Annotated[
    bool | None, typer.Option("--csv/--no-csv", envvar=variable("CSV"), help="Also write DeepLabCut's .csv.")
]
BatchSize = Annotated[int | None, typer.Option(min=1, envvar=variable("BATCH_SIZE"), help="Frames per network call.")]
Snapshot = Annotated[
    str | None, typer.Option(envvar=variable("SNAPSHOT"), help="Snapshot name or index; the project's own by default.")
]
Shuffle = Annotated[int | None, typer.Option(min=0, envvar=variable("SHUFFLE"), help="DeepLabCut's shuffle.")]
TrainsetIndex = Annotated[
    int | None, typer.Option(min=0, envvar=variable("TRAINSET_INDEX"), help="DeepLabCut's training set index.")
]
Crop = Annotated[
    str,
    typer.Option(envvar=variable("CROP"), metavar="X1,X2,Y1,Y2", help="Part of the picture, px from the top left."),
]
Device = Annotated[
    str, typer.Option(envvar=variable("DEVICE"), help="auto, cpu or cuda; auto is a GPU unless --allow-cpu.")
]
AllowCpu = Annotated[
    bool,
    typer.Option("--allow-cpu", envvar=variable("ALLOW_CPU"), help="Run on the CPU where no GPU can be used."),
]
Overwrite = Annotated[
    bool,
    typer.Option("--overwrite", envvar=variable("OVERWRITE"), help="Analyse again and replace what is there."),
]
TrustModel = Annotated[
    bool,
    typer.Option(
        "--trust-model",
        envvar=variable("TRUST_MODEL"),
        help="Allow code in a snapshot to run if the project asks for it (load_weights_only: false).",
    ),
]
Scratch = Annotated[Path | None, typer.Option(envvar=variable("SCRATCH"), help="Folder for temporary files.")]
AnalysisPath = Annotated[
    str,
    typer.Option(
        "--path",
        envvar=variable("PATH"),
        help="own (our loop), stock (DeepLabCut's analyze_videos) or auto: ours where it covers the model.",
    ),
]
Backend = Annotated[
    str,
    typer.Option(
        envvar=variable("BACKEND"),
        help="What runs the network in our loop: openvino (CPUs), engine (the one that built it) or auto.",
    ),
]
Precision = Annotated[
    str,
    typer.Option(
        envvar=variable("PRECISION"),
        help="float32, fp16 or bf16; the campaign's by default. Decides results: our loop, PyTorch.",
    ),
]
Decode = Annotated[
    str,
    typer.Option(
        envvar=variable("DECODE"),
        help="What decodes for our loop: cpu, nvdec (the GPU's video engine) or auto, which is the CPU.",
    ),
]
CheckpointS = Annotated[
    float | None,
    typer.Option(
        min=0,
        envvar=variable("CHECKPOINT_S"),
        help=f"Seconds between two checkpoints of our loop; {CHECKPOINT_EVERY_S:g} by default.",
    ),
]
PartS = Annotated[float | None, typer.Option("--part-s", min=0, envvar=variable("PART_S"), hidden=True)]
"""Old name of --checkpoint-s."""

QualityManifest = Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")]
QualityIndex = Annotated[int | None, typer.Option("--index", "-i", min=0, help="Only this row.")]
QualityRows = Annotated[str, typer.Option("--rows", metavar="0-9,12", help="Only these rows.")]
WithPictures = Annotated[
    bool, typer.Option("--pictures/--no-pictures", help="Look at the videos too, in one pass over each.")
]
Again = Annotated[bool, typer.Option("--again", help="Judge rows again that have been judged.")]

OutliersFrames = Annotated[int, typer.Option("--frames", min=1, max=1000, help="How many frames to pick.")]
OutliersOut = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for labeled-data: a new one, or a DeepLabCut project.")
]
OutliersRows = Annotated[str, typer.Option("--rows", metavar="0-9,12", help="Pick from these rows only.")]
ApartS = Annotated[float, typer.Option(min=0, help="Least time between two frames of one video, in seconds.")]
Seed = Annotated[int, typer.Option(help="Of what is drawn at random; the same seed picks the same frames.")]

TrainProject = Annotated[Path, typer.Argument(help="DeepLabCut project; it is written to.")]
TrainTrainsetIndex = Annotated[int, typer.Option("--trainset-index", min=0, help="Place in TrainingFraction.")]
TrainSeed = Annotated[
    int | None,
    typer.Option("--seed", min=0, max=2**31 - 1, help="Of split, network and batches; 42 by default."),
]
TrainPrecision = Annotated[str, typer.Option("--precision", help="float32, or amp: mixed, on new GPUs (PyTorch).")]
TrainCheckpointS = Annotated[
    float, typer.Option("--checkpoint-s", min=0, help="Least seconds between two checkpoints.")
]

EvaluateProject = Annotated[
    Path, typer.Argument(metavar="PROJECT", help="DeepLabCut project, with its labels and trained models.")
]
EvaluateShuffle = Annotated[int | None, typer.Option("--shuffle", min=0, help="DeepLabCut's shuffle; 1 by default.")]
EvaluateTrainset = Annotated[
    int | None,
    typer.Option("--trainset-index", min=0, help="DeepLabCut's training set index, where there are several."),
]
Iteration = Annotated[int | None, typer.Option(min=0, help="DeepLabCut's iteration; config.yaml's by default.")]
EvaluateSnapshot = Annotated[
    str, typer.Option("--snapshot", help="Snapshot name or index; the project's own by default.")
]
Beside = Annotated[
    str,
    typer.Option(
        metavar="ITERATION[:SHUFFLE]",
        help="Model to show beside it on the same frames: that of the iteration before by default; none for none.",
    ),
]
Pcutoff = Annotated[
    float | None, typer.Option(min=0, max=1, help="Likelihood of points that count as sure; config.yaml's by default.")
]
PckPx = Annotated[
    str,
    typer.Option(
        metavar="PX", help="A point is right within this distance: px, or below 1 a share of the animal's size."
    ),
]
WorstPictures = Annotated[
    int, typer.Option("--pictures", min=0, max=200, help="How many of the worst frames the page shows.")
]
EvaluateDevice = Annotated[str, typer.Option("--device", help="auto, cpu or cuda; auto is a GPU where there is one.")]

Steps = Annotated[
    bool,
    typer.Option(
        "--steps/--no-steps", envvar=variable("STEPS"), help="After each row, the steps of campaign.toml that are due."
    ),
]
StepName = Annotated[
    str, typer.Argument(metavar="[NAME]", help="Step of the campaign, and those it builds on; all where left out.")
]
StepIndex = Annotated[int | None, typer.Option("--index", "-i", min=0, help="Only this row.")]
StepAgain = Annotated[bool, typer.Option("--again", help="Also steps that are done.")]

NoGpuIsFine = Annotated[
    bool, typer.Option("--allow-cpu", envvar=variable("ALLOW_CPU"), help="Accept a machine without a GPU.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
TimeoutS = Annotated[float, typer.Option(min=1, help="Longest time for one tensor test, in seconds.")]
