"""The command `step`: what follows the analysis of finished rows, by the image's command of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands import runtime_options


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="step")(do_steps)


def do_steps(
    name: Annotated[
        str,
        typer.Argument(metavar="[NAME]", help="Step of the campaign, and those it builds on; all where left out."),
    ] = "",
    *,
    manifest: Annotated[Path, typer.Option("--manifest", "-m", help="Manifest; campaign.toml beside it is read.")],
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    again: Annotated[bool, typer.Option("--again", help="Also steps that are done.")] = False,
    runtime: runtime_options.Runtime = "auto",
    image: runtime_options.Image = "",
    wheels: runtime_options.Wheels = None,
) -> None:
    """Do the steps of finished rows here that are due.

    Filter, tracks, labelled video, NWB: see `steps`. They are done after each row's analysis; this is for those that
    were added later.
    """
    from dlcctr.runtime.choose import RuntimeOptions
    from dlcctr.runtime.image_command import run_on_campaign
    from dlcctr.system.files import absolute

    manifest = absolute(manifest)
    words = ["step", *([name] if name else []), "--manifest", str(manifest)]
    words += [*(["--rows", rows] if rows else []), *(["--again"] if again else [])]
    options = RuntimeOptions(runtime, image, wheels=tuple(wheels or ()))
    raise typer.Exit(run_on_campaign(manifest, words, options, rows=rows, changes_results=True, scratch=True))
