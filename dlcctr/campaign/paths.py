"""Where the files of a campaign and of its jobs are; the only module that knows their names."""

from __future__ import annotations

import os
import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.contract import PRIVATE_PREFIX, SIF_NAME
from dlcctr.image.flavours import find_sifs
from dlcctr.system.files import absolute

SLURM_FOLDER = "slurm"
TYPED_VARIABLE = "DLCCTR_TYPED_MANIFEST"
"""The manifest on the machine where a person typed a command that runs here (`dlcctr.commands.cluster.on_cluster`)."""


class JobPaths(ABC):
    """Names of what array jobs need, below a folder; nothing is made by asking for one."""

    @property
    @abstractmethod
    def root(self) -> Path:
        """Folder of all of it."""

    @property
    def scripts(self) -> Path:
        """Folder of rendered sbatch scripts."""
        return self.root / "scripts"

    @property
    def logs(self) -> Path:
        """Folder of the tasks' logs, ``<job>_<task>.log``; those of named clusters are in folders below."""
        return self.root / "logs"

    @property
    def lock(self) -> Path:
        """Held while something is handed to the scheduler."""
        return self.root / "submit.lock"

    @property
    def sbatch_lock(self) -> Path:
        """Held by every sbatch that was started, for as long as it runs, whatever becomes of its `submit`."""
        return self.root / "sbatch.lock"

    def script(self, name: str) -> Path:
        """File of a rendered sbatch script."""
        return self.scripts / f"{name}.sbatch"

    def log(self, job_id: str, task: int, folder: str = "") -> Path:
        """Log of an array task; the script asks Slurm for this very name with ``%A_%a``."""
        return self.logs / folder / f"{job_id}_{task}.log"


@dataclass(frozen=True)
class CampaignPaths(JobPaths):
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
        return cls(absolute(manifest))

    @property
    def root(self) -> Path:
        """Folder of plans, scripts, submissions and logs."""
        return self.manifest.parent / SLURM_FOLDER / self.manifest.stem

    @property
    def plans(self) -> Path:
        """Folder of plans, one file each."""
        return self.root / "plans"

    @property
    def records(self) -> tuple[Path, ...]:
        """Folders that tell what was submitted; `fetch` takes them along."""
        return self.plans, self.submissions, self.scripts, self.printed, self.jobs

    @property
    def submissions(self) -> Path:
        """Folder of what was submitted, one file each."""
        return self.root / "submissions"

    @property
    def printed(self) -> Path:
        """Folder of what was printed for a person to submit, one file for each printing."""
        return self.root / "printed"

    @property
    def jobs(self) -> Path:
        """Folder of the notes with which jobs say that they have begun, ``<cluster>.<job>.job``."""
        return self.root / "jobs"

    @property
    def manifest_lock(self) -> Path:
        """Held while rows are written into the manifest; beside the file itself, whatever links lead to it."""
        file = self.manifest.resolve()
        return file.with_name(f".{file.name}.lock")

    @property
    def ratings(self) -> Path:
        """What people said of the videos: a table beside the manifest, ``m.ratings.tsv``."""
        return self.manifest.with_name(f"{self.manifest.stem}.ratings.tsv")

    @property
    def ratings_lock(self) -> Path:
        """Held while ratings are taken in."""
        return self.root / "ratings.lock"

    @property
    def push_lock(self) -> Path:
        """Held while files are sent to a cluster."""
        return self.root / "push.lock"

    @property
    def fetch_lock(self) -> Path:
        """Held while rows are taken from a cluster."""
        return self.root / "fetch.lock"

    @property
    def watch_lock(self) -> Path:
        """Held by the one `watch` of a campaign."""
        return self.root / "watch.lock"

    @property
    def watch_state(self) -> Path:
        """What `watch` remembers from one round to the next."""
        return self.root / "watch.json"

    def plan(self, plan_id: str) -> Path:
        """File of a plan."""
        return self.plans / f"{plan_id}.json"

    def submission(self, submission_id: str) -> Path:
        """File of a submission."""
        return self.submissions / f"{submission_id}.json"


def typed_manifest(manifest: Path) -> str:
    """The manifest as the person who reads this types it, quoted for a shell."""
    return shlex.quote(os.environ.get(TYPED_VARIABLE) or str(manifest))


def is_typed_elsewhere() -> bool:
    """Whether the person who reads this sits at another machine, which sent this command here."""
    return bool(os.environ.get(TYPED_VARIABLE))


def row_log(campaign: Campaign, manifest: Path, index: int) -> Path:
    """Log of a row that is run on this machine."""
    return campaign.folder / "logs" / f"{manifest.stem}-row{index:05d}.log"


def incoming_folder(campaign: Campaign) -> Path:
    """Where `fetch` keeps rows that are on their way: on the results' disk, so that one rename puts a row in place."""
    return campaign.out / f"{PRIVATE_PREFIX}fetch"


def find_sif(campaign: Campaign) -> Path | None:
    """SIF of this folder or of the campaign's: ``dlc.sif``, else one of the campaign's engine under its flavour's name.

    None where there is none.
    """
    folders = (Path(), campaign.folder)
    names = [folder / SIF_NAME for folder in folders]
    names += [file for folder in folders if campaign.engine for file in find_sifs(folder, campaign.engine)]
    return next((path for path in names if path.is_file()), None)
