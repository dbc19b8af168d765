"""`train run`: training on this machine."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands import runtime_options
from dlcctr.commands.option_group import with_options
from dlcctr.commands.training.train import options as own

if TYPE_CHECKING:
    from dlcctr.runtime.train_run import TrainOutcome


@with_options(own.TrainChoices, "chosen")
def run(
    project: own.Project,
    *,
    chosen: own.TrainChoices,
    gpus: Annotated[str | None, typer.Option(help="GPU to use, or none; by default the first one.")] = None,
    runtime: runtime_options.Runtime = "auto",
    image: runtime_options.Image = "",
    wheels: runtime_options.Wheels = None,
) -> None:
    """Train shuffles here, one after the other, in Docker, Apptainer or natively.

    Ctrl-C stops it in order; the same command again goes on from the last snapshot.
    """
    from dlcctr.runtime.choose import RuntimeOptions
    from dlcctr.runtime.train_run import run_training
    from dlcctr.system.terminal.console import warn
    from dlcctr.training.project import read_train_project

    found, tasks, options = read_train_project(project), chosen.tasks(), chosen.options()
    left = found.left_of(tasks, options)
    for task in tasks:
        if task not in left:
            warn(f"shuffle {task.shuffle} left out: it is trained")
    local = RuntimeOptions(runtime, image, wheels=tuple(wheels or ()))
    outcomes = run_training(found, left, options, gpus=gpus, runtime=local) if left else []
    raise typer.Exit(_tell(found.folder, outcomes, trial=options.trial))


def _tell(folder: Path, outcomes: list[TrainOutcome], *, trial: bool) -> int:
    """Say what to type next; returns the exit code."""
    from dlcctr.contract import ExitCode
    from dlcctr.system.terminal.console import print_lines

    bad = [each for each in outcomes if each.code != ExitCode.OK]
    stopped = any(each.code == ExitCode.TRY_AGAIN for each in bad)
    lines = [f"shuffle {each.shuffle}: exit code {each.code}" for each in bad if each.code != ExitCode.TRY_AGAIN]
    if stopped:
        lines.append("next: the same command again; it goes on from the last snapshot")
    name = shlex.quote(str(folder))
    print_lines([*lines, f"next: dlcctr train status {name}" if bad or trial else f"next: dlcctr loop status {name}"])
    return int(ExitCode.TRY_AGAIN) if stopped else next((each.code for each in bad), 0)
