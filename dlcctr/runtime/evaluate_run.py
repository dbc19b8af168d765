"""Evaluate a shuffle of a project on this machine, by `dlc evaluate` in whichever runtime there is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.contract import CAMPAIGN_FILENAME, SCRATCH_PREFIX
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import list_shuffles
from dlcctr.model.project.snapshots import list_snapshots
from dlcctr.runtime.choose import RuntimeOptions, pick_runtime
from dlcctr.runtime.containers.binds import Bind
from dlcctr.runtime.image_command import run_image_command
from dlcctr.runtime.rows.executor import scratch_folder
from dlcctr.runtime.rows.run_campaign import find_gpus
from dlcctr.runtime.train_run import training_binds
from dlcctr.training.project import TrainProject
from dlcctr.training.tasks import TrainOptions


def run_evaluation(
    project: TrainProject,
    words: Sequence[str],
    *,
    shuffle: int | None = None,
    iteration: int | None = None,
    gpus: str | None = None,
    runtime: RuntimeOptions | None = None,
) -> int:
    """Evaluate a shuffle; the evaluation is written into the project.

    Parameters
    ----------
    words : sequence of str
        Options of `dlc evaluate`.
    shuffle, iteration : int, optional
        What is trained there decides which engine's image is needed; 1, and the present one by default.
    gpus : str, optional
        As for `dlcctr.runtime.rows.run_campaign.find_gpus`; the first one is used, or the CPU where there is none.

    Returns
    -------
    int
        Exit code of `dlc evaluate`.

    Raises
    ------
    ToolMissingError, ContractError
        The runtime that was asked for cannot be had.
    """
    found = find_gpus(gpus)
    engine = engine_of(project, project.iteration if iteration is None else iteration, shuffle)
    campaign = Campaign(file=project.folder / CAMPAIGN_FILENAME, engine=engine)
    chosen = pick_runtime(campaign, replace(runtime or RuntimeOptions(), gpu=bool(found)))
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH_PREFIX}evaluate-", dir=scratch_folder()) as scratch:
        binds = (*training_binds(project.folder, TrainOptions()), Bind(Path(scratch), Path(scratch), writable=True))
        line = ["evaluate", str(project.folder), *words, "--scratch", scratch]
        gpu = found[0] if found else None
        return run_image_command(line, chosen, binds if chosen.contained else (), gpu=gpu)


def engine_of(project: TrainProject, iteration: int, shuffle: int | None) -> str:
    """Engine of what is trained in an iteration, the project's own where it is in doubt."""
    tree = open_tree(project.folder)
    trained = [
        each
        for each in list_shuffles(tree)
        if each.iteration == iteration and list_snapshots(tree.names(each.folder / "train"), each.engine)
    ]
    numbers = {each.shuffle for each in trained} if shuffle is None else {shuffle}
    wanted = numbers if len(numbers) == 1 else {1}
    engines = {each.engine for each in trained if each.shuffle in wanted}
    return engines.pop() if len(engines) == 1 else project.engine
