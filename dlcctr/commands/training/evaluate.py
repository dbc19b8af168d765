"""The command `evaluate`: errors on labelled frames, by the image's command of the same name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands import runtime_options


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="evaluate")(evaluate)


def evaluate(
    project: Annotated[
        Path, typer.Argument(metavar="PROJECT", help="DeepLabCut project, with its labels and trained models.")
    ],
    *,
    shuffle: Annotated[int | None, typer.Option(min=0, help="DeepLabCut's shuffle; 1 by default.")] = None,
    iteration: Annotated[
        int | None, typer.Option(min=0, help="DeepLabCut's iteration; config.yaml's by default.")
    ] = None,
    trainset_index: Annotated[
        int | None, typer.Option(min=0, help="Place in TrainingFraction, where a shuffle is trained for several.")
    ] = None,
    snapshot: Annotated[str, typer.Option(help="Snapshot name or index; the project's own by default.")] = "",
    beside: Annotated[
        str,
        typer.Option(
            metavar="ITERATION[:SHUFFLE]",
            help="Model to show beside it on the same frames: that of the iteration before by default; none for none.",
        ),
    ] = "",
    pcutoff: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Likelihood of points that count as sure; config.yaml's by default."),
    ] = None,
    pck_px: Annotated[
        str,
        typer.Option(
            metavar="PX", help="A point is right within this distance: px, or below 1 a share of the animal's size."
        ),
    ] = "5",
    gpus: Annotated[
        str | None, typer.Option(help="GPU to use, or none; by default the first one, if there is any.")
    ] = None,
    runtime: runtime_options.Runtime = "auto",
    image: runtime_options.Image = "",
    wheels: runtime_options.Wheels = None,
) -> None:
    """Evaluate a trained shuffle here, on labelled frames.

    DeepLabCut's own evaluation, by body part and beside the model before, in Docker, Apptainer or natively. It is
    written into the project, where DeepLabCut puts it; config.yaml and labels are never touched.
    """
    from dlcctr.runtime.choose import RuntimeOptions
    from dlcctr.runtime.evaluate_run import run_evaluation
    from dlcctr.training.project import read_train_project

    given = {
        "--shuffle": shuffle, "--iteration": iteration, "--trainset-index": trainset_index,
        "--snapshot": snapshot or None, "--beside": beside or None, "--pcutoff": pcutoff,
    }  # fmt: skip
    words = [word for name, value in given.items() if value is not None for word in (name, str(value))]
    options, found = RuntimeOptions(runtime, image, wheels=tuple(wheels or ())), read_train_project(project)
    line = [*words, "--pck-px", pck_px]
    raise typer.Exit(run_evaluation(found, line, shuffle=shuffle, iteration=iteration, gpus=gpus, runtime=options))
