"""Command line of the image: `analyze`, `doctor`, and the commands of dlcctr that need no container engine.

Module tops import the standard library and Typer only, so that --help and a finished row stay fast.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated, Optional

import typer

from dlcctr.contract import ENV_PREFIX, PART_EVERY_S
from dlcctr.errors import UsageError

PROGRAM = "dlc"
INDEX_VARIABLE = f"{ENV_PREFIX}INDEX"
OFFSET_VARIABLE = f"{ENV_PREFIX}INDEX_OFFSET"
TASK_NUMBER_VARIABLE = f"{ENV_PREFIX}TASK"
TASK_VARIABLE = "SLURM_ARRAY_TASK_ID"
DEVICES = ("auto", "cpu", "cuda")
PATHS = ("auto", "own", "stock")
BACKENDS = ("auto", "openvino", "engine")

app = typer.Typer(
    name=PROGRAM,
    help="DeepLabCut in production: one manifest row in, one verified result out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Every option of `analyze` can also be set as DLCCTR_<OPTION>, for example DLCCTR_BATCH_SIZE=4.",
)


def _env(name: str) -> str:
    return ENV_PREFIX + name


@app.command()
def analyze(
    *,
    manifest: Annotated[
        Path,
        typer.Option("--manifest", "-m", envvar=_env("MANIFEST"), help="Manifest; campaign.toml beside it is read."),
    ],
    index: Annotated[
        Optional[int],  # noqa: UP045 - Typer reads this on Python 3.10 as well
        typer.Option("--index", "-i", help=f"Zero-based row; else {INDEX_VARIABLE}, else {TASK_VARIABLE}."),
    ] = None,
    plan: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar=_env("PLAN"), help="Plan of `dlc plan`: analyse the rows of one of its tasks."),
    ] = None,
    task: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(help=f"Zero-based task of the plan; else {TASK_NUMBER_VARIABLE}, else {TASK_VARIABLE}."),
    ] = None,
    model: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar=_env("MODEL"), help="Trained DeepLabCut project or bundle (never written to)."),
    ] = None,
    out: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar=_env("OUT"), help="Root of the results."),
    ] = None,
    video_root: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar=_env("VIDEO_ROOT"), help="Folder that the manifest's videos are relative to."),
    ] = None,
    csv: Annotated[
        Optional[bool],  # noqa: UP045
        typer.Option("--csv/--no-csv", envvar=_env("CSV"), help="Also write DeepLabCut's .csv."),
    ] = None,
    batch_size: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, envvar=_env("BATCH_SIZE"), help="Frames per network call."),
    ] = None,
    snapshot: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(envvar=_env("SNAPSHOT"), help="Snapshot name or index; the project's own by default."),
    ] = None,
    shuffle: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, envvar=_env("SHUFFLE"), help="DeepLabCut's shuffle."),
    ] = None,
    trainset_index: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, envvar=_env("TRAINSET_INDEX"), help="DeepLabCut's training set index."),
    ] = None,
    crop: Annotated[
        str,
        typer.Option(envvar=_env("CROP"), metavar="X1,X2,Y1,Y2", help="Part of the picture, px from the top left."),
    ] = "",
    device: Annotated[
        str,
        typer.Option(envvar=_env("DEVICE"), help="auto, cpu or cuda; auto is a GPU unless --allow-cpu."),
    ] = "auto",
    allow_cpu: Annotated[
        bool,
        typer.Option("--allow-cpu", envvar=_env("ALLOW_CPU"), help="Run on the CPU where no GPU can be used."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", envvar=_env("OVERWRITE"), help="Analyse again and replace what is there."),
    ] = False,
    scratch: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar=_env("SCRATCH"), help="Where temporary files go."),
    ] = None,
    path: Annotated[
        str,
        typer.Option(
            envvar=_env("PATH"),
            help="own (our loop), stock (DeepLabCut's analyze_videos) or auto: ours where it covers the model.",
        ),
    ] = "auto",
    backend: Annotated[
        str,
        typer.Option(
            envvar=_env("BACKEND"),
            help="What computes our loop's network: openvino (CPUs), engine (the one that built it) or auto.",
        ),
    ] = "auto",
    part_s: Annotated[
        float,
        typer.Option(min=0, envvar=_env("PART_S"), help="Keep what our loop has finished so often, for a rerun."),
    ] = PART_EVERY_S,
) -> None:
    """Analyse one row of a manifest, or one task of a plan: DeepLabCut's files and receipts that prove them whole."""
    from entrypoint.analyze import Request, run

    if plan is None and task is not None:
        raise UsageError("--task is given without --plan", "add --plan FILE, or give a row with --index")
    if plan is not None and index is not None:
        raise UsageError("both --index and a plan are given", f"leave one out (a plan also comes from {_env('PLAN')})")
    request = Request(
        manifest=manifest,
        index=find_index(index) if plan is None else 0,
        model=model,
        out=out,
        video_root=video_root,
        csv=csv,
        batch_size=batch_size,
        snapshot=snapshot or None,
        shuffle=shuffle,
        trainset_index=trainset_index,
        crop=parse_crop(crop),
        device=parse_device(device),
        allow_cpu=allow_cpu,
        overwrite=overwrite,
        scratch=scratch,
        path=parse_path(path),
        backend=parse_backend(backend, path),
        part_s=part_s,
    )
    if plan is None:
        raise typer.Exit(int(run(request)))
    from entrypoint.lanes import CLAIMS_VARIABLE
    from entrypoint.task import TaskRequest, run_task

    claims = os.environ.get(CLAIMS_VARIABLE)
    raise typer.Exit(run_task(TaskRequest(plan, find_task(task), request, Path(claims) if claims else None)))


@app.command()
def doctor(
    allow_cpu: Annotated[
        bool, typer.Option("--allow-cpu", envvar=_env("ALLOW_CPU"), help="A machine without a GPU is fine.")
    ] = False,
    scratch: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(envvar=_env("SCRATCH"), help="Where temporary files go."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
    timeout_s: Annotated[float, typer.Option(min=1, help="Longest time for one tensor test.")] = 180.0,
) -> None:
    """Say what this container can use: driver, GPUs, engine, and whether a real tensor operation is right."""
    from entrypoint.doctor import examine, print_report

    report = examine(allow_cpu=allow_cpu, scratch=scratch, timeout_s=timeout_s)
    raise typer.Exit(int(print_report(report, as_json=as_json)))


def find_index(option: int | None) -> int:
    """Row to analyse: --index, DLCCTR_INDEX, or Slurm's array task plus DLCCTR_INDEX_OFFSET.

    Raises
    ------
    UsageError
        None of them is set, or one is not a whole number of 0 or more.
    """
    return _number(option, "--index", INDEX_VARIABLE, "row")


def find_task(option: int | None) -> int:
    """Task of the plan: --task, DLCCTR_TASK, or Slurm's array task plus DLCCTR_INDEX_OFFSET; raises as `find_index`."""
    return _number(option, "--task", TASK_NUMBER_VARIABLE, "task")


def _number(option: int | None, name: str, variable: str, what: str) -> int:
    if option is not None:
        return _whole(name, str(option), what)
    if os.environ.get(variable):
        return _whole(variable, os.environ[variable], what)
    if os.environ.get(TASK_VARIABLE):
        offset = os.environ.get(OFFSET_VARIABLE) or "0"
        return _whole(TASK_VARIABLE, os.environ[TASK_VARIABLE], what) + _whole(OFFSET_VARIABLE, offset, what)
    raise UsageError(
        f"no {what} to analyse: neither {name} nor {variable} nor {TASK_VARIABLE} is set",
        f"give {name} N (the first {what} is 0); with --cleanenv, pass the array's index into the container: "
        f"export APPTAINERENV_{variable}=${TASK_VARIABLE} SINGULARITYENV_{variable}=${TASK_VARIABLE}",
    )


def _whole(source: str, text: str, what: str) -> int:
    cleaned = text.strip()
    if not (cleaned.isascii() and cleaned.isdecimal()):
        raise UsageError(f"{source} is {text!r}; it must be a whole number of 0 or more", f"the first {what} is 0")
    return int(cleaned)


def parse_crop(text: str) -> tuple[int, int, int, int] | None:
    """``x1,x2,y1,y2`` in px from the top left corner; also with spaces or semicolons. Empty: no crop given.

    Raises
    ------
    UsageError
        Not four whole numbers with x1 < x2 and y1 < y2.
    """
    words = text.replace(",", " ").replace(";", " ").split()
    if not words:
        return None
    if len(words) != 4 or not all(word.isascii() and word.isdecimal() for word in words):
        raise UsageError(f"--crop is {text!r}; it must be four whole numbers", "for example --crop 0,640,100,480")
    x1, x2, y1, y2 = map(int, words)
    if x1 >= x2 or y1 >= y2:
        raise UsageError(f"--crop {text!r} is empty: x1 must be less than x2, y1 less than y2", "x1,x2,y1,y2 in px")
    return x1, x2, y1, y2


def parse_device(text: str) -> str:
    """One of `DEVICES`; anything else is a `UsageError`."""
    if text not in DEVICES:
        raise UsageError(
            f"--device is {text!r}; it must be one of {', '.join(DEVICES)}",
            "choose among several GPUs with CUDA_VISIBLE_DEVICES",
        )
    return text


def parse_path(text: str) -> str:
    """One of `PATHS`; anything else is a `UsageError`."""
    if text not in PATHS:
        raise UsageError(
            f"--path is {text!r}; it must be one of {', '.join(PATHS)}", "leave it out: auto fits every model"
        )
    return text


def parse_backend(text: str, path: str) -> str:
    """One of `BACKENDS` that fits the path; anything else is a `UsageError`."""
    if text not in BACKENDS:
        raise UsageError(
            f"--backend is {text!r}; it must be one of {', '.join(BACKENDS)}", "leave it out: auto fits every machine"
        )
    if text == "openvino" and path == "stock":
        raise UsageError("stock DeepLabCut runs without OpenVINO", "leave --backend or --path out")
    return text


def register_shared() -> None:
    """Add the host's commands that need no container engine."""
    from dlcctr.commands import SHARED, module_of, version
    from entrypoint.environment.image_info import read_image_info

    for name in SHARED:
        if name != "version":
            importlib.import_module(module_of(name)).add(app)
    version.add(app, lambda: read_image_info().as_dict())


def main() -> None:
    """Run the command line under the name that the image gives it."""
    register_shared()
    app(prog_name=PROGRAM)
