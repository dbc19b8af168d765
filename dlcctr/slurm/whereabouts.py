"""Where a campaign's rows are analysed, so that advice says what to type here, and what elsewhere."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import DlcctrError
from dlcctr.slurm.jobs.ledger import read_submitted
from dlcctr.slurm.jobs.submissions import allocated_rows
from dlcctr.slurm.other.table import Scheduler, used_scheduler
from dlcctr.transfer.remote.program import has_scheduler


class Work(str, Enum):
    """Who does the work."""

    HERE = "here"
    SLURM = "slurm"
    """Slurm's commands are on this machine; it may be a login node, on which nothing is computed."""
    OTHER = "other"
    """Another scheduler, for which `dlcctr script` printed a script."""
    ELSEWHERE = "elsewhere"
    """The campaign was pushed to another machine."""


@dataclass(frozen=True)
class Whereabouts:
    """Where the rows of a manifest are analysed.

    Parameters
    ----------
    submitted : frozenset of int
        Rows that were ever handed to Slurm, by `submit` or by hand; empty where a submission cannot be read.
    scheduler : Scheduler or None
        The scheduler that is not Slurm, where one does the work.
    host : str
        The other machine; empty for none.
    manifest_there : str
        The manifest on that machine, quoted for a shell; empty where commands about jobs that are typed here run
        there, since this machine has no Slurm (`dlcctr.commands.cluster.on_cluster`).
    """

    work: Work = Work.HERE
    submitted: frozenset[int] = frozenset()
    scheduler: Scheduler | None = None
    host: str = ""
    manifest_there: str = ""


def find_whereabouts(manifest: Path, campaign: Campaign) -> Whereabouts:
    """Find out from campaign.toml, the submissions and the presence of Slurm's commands; the scheduler is not asked.

    A campaign that was pushed is worked on there: what `fetch` brought of its submissions changes nothing. Within a
    job (``SLURM_JOB_ID``) this is a compute node.
    """
    if campaign.remote_host and campaign.remote_folder:
        there = shlex.quote(f"{campaign.remote_folder}/{manifest.name}") if has_scheduler() else ""
        return Whereabouts(Work.ELSEWHERE, host=campaign.remote_host, manifest_there=there)
    submitted, printed = _submitted(manifest)
    other = used_scheduler(CampaignPaths.of(manifest))
    if other and not submitted and not printed:
        return Whereabouts(Work.OTHER, scheduler=other)
    slurm = bool(submitted) or printed or (has_scheduler() and not os.environ.get("SLURM_JOB_ID"))
    return Whereabouts(Work.SLURM if slurm else Work.HERE, submitted)


def _submitted(manifest: Path) -> tuple[frozenset[int], bool]:
    """Rows that were handed to Slurm, and whether scripts were printed for it."""
    try:
        history = read_submitted(manifest)
        return frozenset(allocated_rows(history.paths, history.submissions)), bool(history.by_hand.printed)
    except DlcctrError:
        return frozenset(), False
