"""Options that the commands of `train` share, and `dlc train` in the image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dlcctr.training.tasks import TrainOptions, TrainTask

Project = Annotated[Path, typer.Argument(help="DeepLabCut project: its folder, or its config.yaml.")]
Shuffles = Annotated[
    list[int] | None, typer.Option("--shuffle", min=0, help="Shuffle to train, 1 by default; may be repeated.")
]
Seeds = Annotated[
    list[int] | None,
    typer.Option("--seed", min=0, help="Seed of all shuffles, or repeated, one for each; see docs/train-cluster.md."),
]
Epochs = Annotated[
    int | None, typer.Option(min=1, help="Epochs (TensorFlow: iterations); the network's own by default.")
]
Weights = Annotated[
    str,
    typer.Option(metavar="PLACE", help="Weights to start from: a file, bundle, folder, project, or none (random)."),
]
NetType = Annotated[
    str,
    typer.Option(
        "--net-type", metavar="NAME", help="Network of a new training set, as resnet_50; the project's by default."
    ),
]
SameSettings = Annotated[
    bool,
    typer.Option("--same-settings", help="Of a new training set: epochs, learning rates … of the training before."),
]
BatchSize = Annotated[int | None, typer.Option("--batch-size", min=1, help="Pictures in a batch.")]
Precision = Annotated[str, typer.Option(metavar="amp", help="amp: mixed precision, on a GPU.")]
AllowCpu = Annotated[bool, typer.Option("--allow-cpu", help="Train on the CPU where there is no GPU.")]
Trial = Annotated[
    bool, typer.Option("--trial", help="Only try a few steps, which measure the time and memory to ask for.")
]
ProjectAnywhere = Annotated[
    Path,
    typer.Argument(metavar="PROJECT", help="DeepLabCut project: its folder, or HOST:FOLDER on a cluster, over ssh."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True)
class TrainChoices:
    """What is to be trained, and how; empty or None if not given. Commands get them by `with_options`."""

    shuffle: Shuffles = None
    seed: Seeds = None
    epochs: Epochs = None
    weights: Weights = ""
    net_type: NetType = ""
    batch_size: BatchSize = None
    precision: Precision = ""
    allow_cpu: AllowCpu = False
    trial: Trial = False
    same_settings: SameSettings = False

    def tasks(self) -> tuple[TrainTask, ...]:
        """Shuffles with their seeds; raises `UsageError` where these do not fit."""
        from dlcctr.training.tasks import make_tasks

        return make_tasks(self.shuffle or [], self.seed or [])

    def options(self) -> TrainOptions:
        """Options that hold for all shuffles."""
        from dlcctr.training.tasks import TrainOptions

        return TrainOptions(
            self.epochs, self.weights, self.net_type, self.batch_size, self.precision, allow_cpu=self.allow_cpu,
            trial=self.trial, same_settings=self.same_settings,
        )  # fmt: skip
