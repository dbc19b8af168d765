"""The command `quality`: is the tracking right, by the image's command of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands import runtime_options


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="quality")(judge)


def judge(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Look at the videos too, in one pass over each.")
    ] = True,
    again: Annotated[bool, typer.Option("--again", help="Judge rows again that have been judged.")] = False,
    runtime: runtime_options.Runtime = "auto",
    image: runtime_options.Image = "",
    wheels: runtime_options.Wheels = None,
) -> None:
    """Judge whether the tracking of finished rows is right.

    Adds quality.json and quality.csv.gz to each. Rows are judged while they are analysed; this is for results of
    before, and for changed settings.
    """
    from dlcctr.runtime.choose import RuntimeOptions
    from dlcctr.runtime.image_command import run_on_campaign
    from dlcctr.system.files import absolute

    manifest = absolute(manifest)
    words = ["quality", str(manifest), *(["--rows", rows] if rows else []), *([] if pictures else ["--no-pictures"])]
    words += ["--again"] if again else []
    options = RuntimeOptions(runtime, image, wheels=tuple(wheels or ()))
    raise typer.Exit(run_on_campaign(manifest, words, options, rows=rows, changes_results=True))
