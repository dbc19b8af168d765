"""`sbatch`: print the script of a job array."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands import job_options as given


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sbatch)


def sbatch(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    plan: Annotated[
        Path | None, typer.Option(help="Plan to use; by default the newest of all unfinished rows, or a new one.")
    ] = None,
    array: Annotated[
        int | None,
        typer.Option(min=0, help="Which of several arrays to print, from 0; needed where there are several."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")] = None,
    site: given.SiteName = "",
    image: given.Image = "",
    partition: given.Partition = None,
    account: given.Account = None,
    qos: given.Qos = None,
    gres: given.Gres = None,
    gpus: given.Gpus = None,
    cpus: given.Cpus = None,
    mem_gb: given.MemGb = None,
    time_min: given.TimeMin = None,
    max_parallel: given.MaxParallel = None,
    batch_size: given.BatchSize = None,
    allow_cpu: given.AllowCpu = False,
    exclude: given.Exclude = "",
    fps: given.Fps = None,
    tasks: given.Tasks = None,
    task_time: given.TaskTime = None,
) -> None:
    """Print a complete, commented sbatch script, to be read, edited and submitted by hand."""
    from dlcctr.jobs import JobOptions
    from dlcctr.print_script import script_texts

    chosen = given.settle_site(
        site, partition=partition, account=account, qos=qos, gres=gres, gpus=gpus, cpus_per_task=cpus, mem_gb=mem_gb
    )
    job = JobOptions(image, time_min, max_parallel, batch_size, allow_cpu, given.node_names(exclude))
    texts = script_texts(manifest, chosen, job, given.plan_options(fps, tasks, task_time, max_parallel), plan)
    _write(texts, array, output)


def _write(texts: list[str], array: int | None, output: Path | None) -> None:
    from dlcctr.errors import UsageError
    from dlcctr.files import write_text_atomic
    from dlcctr.report import warn

    if (array is None and len(texts) > 1) or (array is not None and array >= len(texts)):
        raise UsageError(
            f"the plan needs {len(texts)} arrays, 0 to {len(texts) - 1}",
            "print them one by one with --array 0, --array 1 …, or ask for fewer tasks with --tasks",
        )
    text = texts[array or 0]
    if output:
        write_text_atomic(output, text)
        warn(f"wrote {output}; next: sbatch {output}")
    else:
        sys.stdout.write(text)
