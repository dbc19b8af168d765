"""Where everything lies that a campaign has on a cluster: the one owner of these names."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign

SLURM_FOLDER = "slurm"


@dataclass(frozen=True)
class CampaignPaths:
    """Names below ``<manifest's folder>/slurm/<manifest's name>/``; nothing is made by asking for one.

    Parameters
    ----------
    manifest : Path
        Absolute.
    """

    manifest: Path

    @classmethod
    def of(cls, manifest: Path) -> CampaignPaths:
        """Paths of a manifest, under the name that people gave: links in it are kept."""
        return cls(Path(os.path.abspath(manifest)))  # noqa: PTH100 - resolve() would follow links

    @property
    def root(self) -> Path:
        """Folder of plans, scripts, submissions and logs."""
        return self.manifest.parent / SLURM_FOLDER / self.manifest.stem

    @property
    def plans(self) -> Path:
        """Folder of plans, one file each."""
        return self.root / "plans"

    @property
    def submissions(self) -> Path:
        """Folder of what was submitted, one file each."""
        return self.root / "submissions"

    @property
    def logs(self) -> Path:
        """Folder of the tasks' logs, ``<job>_<task>.log``."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held while rows are handed to the scheduler."""
        return self.root / "submit.lock"

    def plan(self, plan_id: str) -> Path:
        """File of a plan."""
        return self.plans / f"{plan_id}.json"

    def script(self, name: str) -> Path:
        """File of a rendered sbatch script."""
        return self.root / "scripts" / f"{name}.sbatch"

    def submission(self, submission_id: str) -> Path:
        """File of a submission."""
        return self.submissions / f"{submission_id}.json"

    def log(self, job_id: str, task: int) -> Path:
        """Log of an array task; the script asks Slurm for this very name with ``%A_%a``."""
        return self.logs / f"{job_id}_{task}.log"


LOG_FOLDER = "logs"


def row_log(campaign: Campaign, manifest: Path, index: int) -> Path:
    """Log of a row that is run on this machine."""
    return campaign.folder / LOG_FOLDER / f"{manifest.stem}-row{index:05d}.log"
