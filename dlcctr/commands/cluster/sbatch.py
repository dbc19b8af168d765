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
        typer.Option(min=0, help="Which of several arrays to print, from 0; needed where there are several."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed by default.")] = None,
    shared: options.ClusterOptions,
) -> None:
    """Print the sbatch script of a job array, to read, edit and submit."""
    from dlcctr.slurm.submit.job_arrays import script_texts

    texts = script_texts(manifest, shared.resolve_site(), shared.job_options(), shared.plan_options(), plan)
    _write(texts, array, output)


def _write(texts: list[str], array: int | None, output: Path | None) -> None:
    from dlcctr.errors import UsageError
    from dlcctr.system.console import print_script, warn
    from dlcctr.system.files import write_text_atomic

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
        print_script(text)
