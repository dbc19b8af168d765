"""Options that the commands of `train` share: those of `dlc train` in the image."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Project = Annotated[Path, typer.Argument(help="DeepLabCut project: its folder, or its config.yaml.")]
Shuffles = Annotated[
    list[int] | None, typer.Option("--shuffle", min=0, help="Shuffle to train, 1 by default; may be repeated.")
]
Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", min=0, help="Seed of all shuffles, or repeated, one for each; see docs/train-cluster.md."),
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Epochs (iterations with TensorFlow); the project's if none.")]
Weights = Annotated[
    str,
    typer.Option(
        metavar="FILE|PROJECT", help="Weights to start from: a snapshot, a bundle, a folder, a project, or none."
    ),
]
NetType = Annotated[str, typer.Option("--net-type", metavar="NAME", help="Network of a new training set.")]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Pictures in a batch.")]
Precision = Annotated[str, typer.Option(metavar="amp", help="amp: mixed precision, on a GPU.")]
AllowCpu = Annotated[bool, typer.Option("--allow-cpu", help="Train on the CPU where there is no GPU.")]
Trial = Annotated[
    bool, typer.Option("--trial", help="Only try a few steps, which measure the time and memory to ask for.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
