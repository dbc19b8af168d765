"""Scripts for another scheduler, for a person to submit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.planning.options import Limits, PlanOptions
from dlcctr.slurm.other.script import Wishes, render_other, require_known
from dlcctr.slurm.other.table import Scheduler
from dlcctr.slurm.script import Script
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit.job_arrays import (
    JobOptions,
    make_folders,
    make_scripts,
    plan_for_site,
    together,
    with_memory_for_steps,
)
from dlcctr.slurm.submit.printing import first_plan
from dlcctr.system.terminal.console import plural


@dataclass(frozen=True)
class OtherScript:
    """A job array, and the text of its script."""

    script: Script
    text: str

    @property
    def shown(self) -> str:
        """``12 tasks``."""
        return plural(self.script.count, "task")


@dataclass(frozen=True)
class OtherRequest:
    """What is to be printed.

    Parameters
    ----------
    rows : str
        Rows, as ``0-9,12``; all unfinished ones where empty.
    plan_file : Path or None
        Plan to use, in place of one of these rows.
    """

    scheduler: Scheduler
    site: Site
    job: JobOptions
    plan: PlanOptions
    wishes: Wishes
    rows: str = ""
    plan_file: Path | None = None


def print_other(manifest: Path, request: OtherRequest) -> list[OtherScript]:
    """Scripts of all arrays of a plan. Their logs' folder is made: by it `check` knows the scheduler.

    Raises
    ------
    DlcctrError
        As `dlcctr.slurm.submit.printing.first_plan` and `dlcctr.slurm.other.script.render_other`.
    """
    scheduler, site = request.scheduler, request.site
    require_known(site, scheduler, request.wishes)
    campaign = read_campaign(manifest)
    limits = _limits(scheduler, site)
    plan, rows = first_plan(
        manifest, plan_for_site(request.plan, site, limits, by_hand=True), request.plan_file, request.rows
    )
    plan = together(plan)
    site = with_memory_for_steps(site, plan)
    logs = scheduler.folder(CampaignPaths.of(manifest))
    make_folders(campaign, logs)  # before the scripts: a container is shown what is there
    scripts = [
        replace(each, name=f"dlcctr-{manifest.stem}", logs=logs)
        for each in make_scripts(manifest, campaign, plan, rows=rows, site=site, limits=limits, options=request.job)
    ]
    return [OtherScript(each, render_other(each, site, scheduler, request.wishes)) for each in scripts]


def _limits(scheduler: Scheduler, site: Site) -> Limits:
    """The profile's limits, or what this scheduler usually takes; nobody is asked."""
    if site.max_array_size:
        return Limits(site.max_array_size, site.max_submit_jobs, f"site profile {site.name}")
    return Limits(scheduler.most_tasks, site.max_submit_jobs, f"{scheduler.label}'s default")
