"""Train shuffles of a project on this machine, by `dlc train` in whichever runtime there is."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.contract import CAMPAIGN_FILENAME, ENV_PREFIX, ExitCode
from dlcctr.errors import GpuError
from dlcctr.model.prior.labels import LABELS_FOLDER
from dlcctr.runtime.choose import RuntimeOptions, pick_runtime
from dlcctr.runtime.containers.binds import Bind, linked_files, plan_binds
from dlcctr.runtime.image_command import run_image_command
from dlcctr.runtime.rows.run_campaign import find_gpus
from dlcctr.system.files import absolute
from dlcctr.training.project import TrainProject
from dlcctr.training.start_bundle import find_start_bundle
from dlcctr.training.start_weights import find_place, require_weights
from dlcctr.training.tasks import TrainOptions, TrainTask

WEIGHTS_VARIABLE = f"{ENV_PREFIX}WEIGHTS"
"""Folder of published weights to start from, where no others are named."""


@dataclass(frozen=True)
class TrainOutcome:
    """How a shuffle's training ended: its exit code, 75 for one that was stopped or never started."""

    shuffle: int
    code: int


def run_training(
    project: TrainProject,
    tasks: Sequence[TrainTask],
    options: TrainOptions,
    *,
    gpus: str | None = None,
    runtime: RuntimeOptions | None = None,
) -> list[TrainOutcome]:
    """Train shuffles one after the other; a bad one never stops the others, a signal stops all of them.

    Parameters
    ----------
    gpus : str or None
        As for `dlcctr.runtime.rows.run_campaign.find_gpus`; the first one is used.

    Raises
    ------
    GpuError
        There is no GPU, and the CPU is not allowed.
    ToolMissingError, ContractError
        The runtime that was asked for cannot be had.
    ModelError
        The start weights are a bundle that does not fit.
    UsageError
        The start weights are not on this machine.
    """
    require_weights(options.weights)
    found = find_gpus(gpus)
    if not found and not options.allow_cpu:
        raise GpuError("no GPU was found on this machine", "use --allow-cpu to train on the CPU, many times slower")
    options = settled(options, project)
    campaign = Campaign(file=project.folder / CAMPAIGN_FILENAME, engine=project.engine)
    chosen = pick_runtime(campaign, replace(runtime or RuntimeOptions(), gpu=bool(found)))
    binds = training_binds(project.folder, options) if chosen.contained else ()
    done: list[TrainOutcome] = []
    for task in tasks:
        code = int(ExitCode.TRY_AGAIN)
        if not done or done[-1].code != code:
            words = ["train", str(project.folder), *task.words, *options.words]
            code = run_image_command(words, chosen, binds, gpu=found[0] if found else None)
        done.append(TrainOutcome(task.shuffle, code))
    return done


def settled(options: TrainOptions, project: TrainProject) -> TrainOptions:
    """The same with start weights that are found from any folder, in a container too.

    Where none are named, those of DLCCTR_WEIGHTS, which the image would look into if it could see it.

    Raises
    ------
    ModelError
        They are a bundle that this project cannot start from.
    """
    named = options.weights or os.environ.get(WEIGHTS_VARIABLE, "")
    if find_place(named) is None:
        return options
    weights = str(absolute(Path(named).expanduser()))
    find_start_bundle(weights, project.engine)
    return replace(options, weights=weights)


def training_binds(folder: Path, options: TrainOptions) -> tuple[Bind, ...]:
    """The project to write, and to read what its links lead to and the start weights."""
    return plan_binds(_read_only(folder, options), [folder])


def _read_only(folder: Path, options: TrainOptions) -> Iterator[Path]:
    weights = find_place(options.weights)
    if weights and folder not in (weights, *weights.parents):
        yield weights
    for name in (LABELS_FOLDER, "training-datasets"):
        yield from linked_files(folder / name)
    for models in folder.glob("dlc-models*"):
        yield from linked_files(models)
