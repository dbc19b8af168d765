"""From the shuffles of a project and a site to the text of an sbatch script. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from dlcctr.slurm.script import ArrayJob, comment, fill_job, option_lines, warning_s, writable
from dlcctr.slurm.site.profile import Site
from dlcctr.training.tasks import TrainTask

TEMPLATE = "train.sbatch.j2"
REQUEUES = 20
"""How often a task may be started again before it stops putting itself back into the queue."""


@dataclass(frozen=True, kw_only=True)
class TrainScript(ArrayJob):
    """One array job that trains shuffles of a project; array task N has the task N.

    Parameters
    ----------
    project : Path
        Folder of the project.
    """

    project: Path
    tasks: tuple[TrainTask, ...]
    requeues: int = REQUEUES

    @property
    def about_name(self) -> str:
        return "keep it: `train status` recognises the waiting job by this name"

    @property
    def about_requeue(self) -> str:
        return "start again after a node failure or a preemption"

    @property
    def warning(self) -> str:
        return "USR1"


def render_training(script: TrainScript, site: Site) -> str:
    """Text of the script; raises `UsageError` for a path that no script can hold."""
    return fill_job(
        TEMPLATE,
        script,
        site,
        scheduler="Slurm",
        options=option_lines(script, site),
        project=writable(script.project),
        shown_project=comment(shlex.quote(str(script.project))),
        shuffles=[task.shuffle for task in script.tasks],
        seeds=["''" if task.seed is None else task.seed for task in script.tasks],
        requeues=script.requeues,
        warning_s=warning_s(script, site),
        results=None,
    )
