"""Options that commands share which run the image on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Runtime = Annotated[str, typer.Option(help="auto, docker, apptainer or native.")]
Image = Annotated[str, typer.Option(help="Image tag for docker, or .sif file for apptainer.")]
Wheels = Annotated[
    list[Path] | None, typer.Option(help="Folder with wheels for the native runtime, such as CPU torch.")
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Rows to analyse at once; by default one for each GPU, else 1."),
]
Gpus = Annotated[str | None, typer.Option(help="GPUs to use: 0,1 or none; by default those this process sees.")]
BatchSize = Annotated[int | None, typer.Option(min=1, help="Frames per network call.")]
AllowCpu = Annotated[bool, typer.Option("--allow-cpu", help="Run on the CPU where there is no GPU.")]
TrustModel = Annotated[
    bool, typer.Option("--trust-model", help="Allow code in a snapshot to run if the project asks for it.")
]
