"""Where the files of a project's training jobs are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

JOBS_FILENAME = "dlcctr-training-jobs.json"
"""File in a project with the training jobs that were handed to Slurm."""
JOBS_FOLDER = "dlcctr-training"
"""Folder in a project with the scripts and logs of these jobs."""


@dataclass(frozen=True)
class TrainingPaths:
    """Names below a project's folder; nothing is made by asking for one."""

    project: Path

    @property
    def jobs(self) -> Path:
        return self.project / JOBS_FILENAME

    @property
    def root(self) -> Path:
        return self.project / JOBS_FOLDER

    @property
    def scripts(self) -> Path:
        return self.root / "scripts"

    @property
    def logs(self) -> Path:
        """Folder of the tasks' logs, ``<job>_<task>.log``."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held while shuffles are handed to the scheduler."""
        return self.root / "submit.lock"

    @property
    def sbatch_lock(self) -> Path:
        """Held by every sbatch that was started, for as long as it runs."""
        return self.root / "sbatch.lock"

    @property
    def transfer_lock(self) -> Path:
        """Held while the project, or what was trained of it, is sent or fetched."""
        return self.root / "transfer.lock"

    def script(self, name: str) -> Path:
        return self.scripts / f"{name}.sbatch"

    def log(self, job_id: str, task: int) -> Path:
        return self.logs / f"{job_id}_{task}.log"
