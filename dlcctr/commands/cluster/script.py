"""`script`: print the script of a job array for another scheduler than Slurm."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands.cluster import options


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="script")(print_script_of)


@options.with_cluster_options(without=("partition", "qos", "gres", "gpus", "exclude"))
def print_script_of(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    scheduler: Annotated[
        str, typer.Option(metavar="sge|pbs|lsf", help="Grid Engine, PBS (Pro, OpenPBS) or LSF; for Slurm see `sbatch`.")
    ],
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows; all unfinished ones by default.")] = "",
    plan: Annotated[Path | None, typer.Option(help="Plan to use, in place of one of these rows.")] = None,
    array: Annotated[
        int | None,
        typer.Option(min=0, help="Which of several arrays to print, from 0; needed where there are several."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")] = None,
    queue: Annotated[str | None, typer.Option(help="Queue; the site profile's partition by default.")] = None,
    gpu: Annotated[
        str, typer.Option(help="How a task asks for its GPU: '-l ngpus=1', ':ngpus=1:gpu_mem=16gb' …; none: no GPU.")
    ] = "",
    environment: Annotated[
        str, typer.Option("--pe", help="Grid Engine's parallel environment for the cores; smp by default.")
    ] = "",
    extra: Annotated[
        list[str] | None, typer.Option(metavar="OPTION", help="One more option of the scheduler's; may be repeated.")
    ] = None,
    shared: options.ClusterOptions,
) -> None:
    """Print a job script for Grid Engine, PBS or LSF, to submit."""
    from dlcctr.errors import UsageError
    from dlcctr.slurm.other.printing import OtherRequest, print_other
    from dlcctr.slurm.other.script import NO_GPU, Wishes
    from dlcctr.slurm.other.table import find_scheduler
    from dlcctr.slurm.submit.printing import choose_script
    from dlcctr.system.files import write_text_atomic
    from dlcctr.system.terminal.console import print_script, warn

    if plan and rows:
        raise UsageError("--plan and --rows are both given", "keep one of them: a plan has its own rows")
    chosen = find_scheduler(scheduler)
    asked = replace(shared, partition=queue, gres=NO_GPU if gpu == NO_GPU else None)
    request = OtherRequest(
        chosen,
        asked.resolve_site(),
        asked.job_options(),
        asked.plan_options(),
        Wishes(gpu, environment, tuple(extra or ())),
        rows,
        plan,
    )
    scripts = print_other(manifest, request)
    text = choose_script(scripts, array).text
    if output:
        write_text_atomic(output, text)
        warn(f"wrote {output}; next: {chosen.submit} {shlex.quote(str(output))}")
    else:
        print_script(text)
