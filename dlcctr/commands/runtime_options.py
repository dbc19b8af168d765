"""Options that commands share which run the image on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

Runtime = Annotated[str, typer.Option(help="auto, docker, apptainer or native.")]
Image = Annotated[str, typer.Option(help="Image tag for docker, or .sif file for apptainer.")]
