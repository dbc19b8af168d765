"""`sbatch`: print the script of a job array."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands.cluster import options


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(sbatch)


@options.with_cluster_options()
def sbatch(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    plan: Annotated[
        Path | None, typer.Option(help="Plan to use; by default the newest of all unfinished rows, or a new one.")
    ] = None,
    array: Annotated[
        int | None,
        typer.Option(min=0, help="Number of the array to print, from 0; needed if there are several."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")] = None,
    shared: options.ClusterOptions,
) -> None:
    """Print the sbatch script of a job array, to read, edit and submit."""
    from dlcctr.slurm.submit.printing import choose_script, print_first

    scripts = print_first(manifest, shared.resolve_site(), shared.job_options(), shared.plan_options(), plan)
    options.write_script(choose_script(scripts, array), output)
