"""The command `outliers`: frames to label next, by the image's command of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands import runtime_options


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="outliers")(take_outliers)


def take_outliers(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    frames: Annotated[int, typer.Option(min=1, max=1000, help="How many frames to pick.")] = 50,
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder for labeled-data: a new one, or a DeepLabCut project.")
    ],
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Pick from these rows only.")] = "",
    apart_s: Annotated[float, typer.Option(min=0, help="Least time between two frames of one video, in seconds.")] = 1,
    seed: Annotated[int, typer.Option(help="Of what is drawn at random; the same seed picks the same frames.")] = 0,
    runtime: runtime_options.Runtime = "auto",
    image: runtime_options.Image = "",
    wheels: runtime_options.Wheels = None,
) -> None:
    """Pick the frames that teach most, to be labelled next.

    They are written as labeled-data folders with machine labels, and on a page. Existing labels, folders and
    config.yaml are never touched. The videos must be on this machine; on a cluster, it is a command of the image.
    """
    from dlcctr.runtime.choose import RuntimeOptions
    from dlcctr.runtime.image_command import run_on_campaign
    from dlcctr.system.disk import disk_errors
    from dlcctr.system.files import absolute

    manifest, out = absolute(manifest), absolute(out)
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    words = ["outliers", str(manifest), "--frames", str(frames), "--out", str(out)]
    words += ["--apart-s", f"{apart_s:g}", "--seed", str(seed), *(["--rows", rows] if rows else [])]
    raise typer.Exit(
        run_on_campaign(
            manifest, words, RuntimeOptions(runtime, image, wheels=tuple(wheels or ())), rows=rows, writable=[out]
        )
    )
