"""Command line of the image: `analyze`, `doctor`, and the commands of dlcctr that need no container engine.

Module tops import the standard library and Typer only, so that --help and a finished row stay fast.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from dlcctr.commands.program import ImageCommands, new_program
from dlcctr.contract import ENV_PREFIX
from dlcctr.errors import UsageError
from entrypoint.analyze.request import (
    CHECKPOINT_EVERY_S,
    INDEX_VARIABLE,
    TASK_NUMBER_VARIABLE,
    TASK_VARIABLE,
    find_index,
    find_task,
    parse_backend,
    parse_device,
    parse_path,
)

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


def _env(name: str) -> str:
    return ENV_PREFIX + name


@app.command(rich_help_panel=PANEL)
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
    checkpoint_s: Annotated[
        float,
        typer.Option(min=0, envvar=_env("CHECKPOINT_S"), help="Keep what our loop has finished so often, for a rerun."),
    ] = CHECKPOINT_EVERY_S,
) -> None:
    """Analyse one row of a manifest, or one task of a plan: DeepLabCut's files and receipts that prove them whole."""
    from entrypoint.analyze.analyze_row import run
    from entrypoint.analyze.request import RowRequest

    if plan is None and task is not None:
        raise UsageError("--task is given without --plan", "add --plan FILE, or give a row with --index")
    if plan is not None and index is not None:
        raise UsageError("both --index and a plan are given", f"leave one out (a plan also comes from {_env('PLAN')})")
    request = RowRequest(
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
        checkpoint_s=checkpoint_s,
    )
    if plan is None:
        raise typer.Exit(int(run(request)))
    from entrypoint.analyze.multi_gpu import CLAIMS_VARIABLE
    from entrypoint.analyze.request import TaskRequest
    from entrypoint.analyze.task import run_task

    claims = os.environ.get(CLAIMS_VARIABLE)
    raise typer.Exit(run_task(TaskRequest(plan, find_task(task), request, Path(claims) if claims else None)))


@app.command(rich_help_panel=PANEL)
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


def main() -> None:
    """Run the command line under the name that the image gives it."""
    app(prog_name=PROGRAM)
