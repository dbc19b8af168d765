"""`dlc train`: shuffles one after the other, each of which can be stopped and go on. No heavy imports here."""

from __future__ import annotations

from dataclasses import replace

from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError, TryAgainError, UsageError
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import CONFIG, read_config
from dlcctr.system.terminal.console import say_error
from entrypoint.analyze.row.analyze_row import stoppable
from entrypoint.environment.provenance import own_engine
from entrypoint.environment.scratch import open_scratch
from entrypoint.training.request import AGAIN, AMP, TrainRequest
from entrypoint.training.train_shuffle import train_shuffle


def run_train(request: TrainRequest) -> ExitCode:
    """Train the shuffles that are asked for.

    Returns
    -------
    ExitCode
        `ExitCode.OK`, also where all were trained before; of several shuffles, that of the first one that failed.

    Raises
    ------
    DlcctrError
        The only shuffle could not be trained, or all were stopped by a signal.
    """
    project = request.project.parent if request.project.name == CONFIG.name else request.project
    request, engine = replace(request, project=project), own_engine()
    if request.precision == AMP and engine != "pytorch":
        raise UsageError(f"--precision amp: {engine} trains in float32", "leave it out, or train with PyTorch")
    read_config(open_tree(project))
    worst = ExitCode.OK
    try:
        with stoppable("stopped by {}"), open_scratch(request.scratch, project) as scratch:
            for shuffle in request.shuffles:
                try:
                    train_shuffle(request, shuffle, engine, scratch)
                except TryAgainError:
                    raise
                except DlcctrError as error:
                    if len(request.shuffles) == 1:
                        raise
                    say_error(f"shuffle {shuffle}: {error.message}", error.hint)
                    worst = worst or error.exit_code
    except TryAgainError as stop:
        hint = AGAIN if stop.message.startswith("stopped by") else stop.hint
        raise TryAgainError(stop.message, hint) from stop
    return worst
