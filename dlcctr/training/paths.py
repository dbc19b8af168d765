"""Where the files of a project's training jobs are."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.paths import JobPaths

JOBS_FILENAME = "dlcctr-training-jobs.json"
"""File in a project with the training jobs that were handed to Slurm."""
JOBS_FOLDER = "dlcctr-training"
"""Folder in a project with the scripts and logs of these jobs."""
TYPED_VARIABLE = "DLCCTR_TYPED_PROJECT"
"""The project on the machine where a person typed a command that runs here (`dlcctr.commands.training.train.there`)."""


@dataclass(frozen=True)
class TrainingPaths(JobPaths):
    """Names below a project's folder; nothing is made by asking for one."""

    project: Path

    @property
    def jobs(self) -> Path:
        """File of what was handed to Slurm."""
        return self.project / JOBS_FILENAME

    @property
    def root(self) -> Path:
        return self.project / JOBS_FOLDER

    @property
    def transfer_lock(self) -> Path:
        """Held while the project, or what was trained of it, is sent or fetched."""
        return self.root / "transfer.lock"


def is_typed_elsewhere() -> bool:
    """Whether the person who reads this sits at another machine, which sent this command here."""
    return bool(os.environ.get(TYPED_VARIABLE))


def typed_project(folder: Path) -> str:
    """A project as the person who reads this types it, quoted for a shell."""
    return shlex.quote(os.environ.get(TYPED_VARIABLE) or str(folder))
