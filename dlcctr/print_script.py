"""`dlcctr sbatch`: scripts for somebody to submit by hand."""

from __future__ import annotations

from pathlib import Path

from dlcctr import jobs
from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import refuse_empty
from dlcctr.errors import UsageError
from dlcctr.jobs import JobOptions
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.reuse import pick_plan, read_given_plan
from dlcctr.results.check import finished_rows
from dlcctr.sbatch import render
from dlcctr.site_profile import Site


def script_texts(
    manifest: Path, site: Site, job: JobOptions, options: PlanOptions, plan_file: Path | None = None
) -> list[str]:
    """Scripts of all arrays of a plan: the one given, the newest of all unfinished rows, or a new one.

    Raises
    ------
    UsageError
        There is nothing left to do, or no image is named.
    DlcctrError
        As `dlcctr.make_plan.make_plan`.
    """
    campaign = read_campaign(manifest)
    rows = read_manifest(manifest)
    refuse_empty(rows, manifest)
    limits = jobs.find_limits(site)
    if plan_file:
        plan = read_given_plan(manifest, plan_file)
    else:
        finished = finished_rows(manifest)
        todo = [row for row in rows if not row.error and row.index not in finished]
        if not todo:
            raise UsageError(f"{manifest}: no row is left to do", "account for them: dlcctr check")
        plan = pick_plan(manifest, todo, jobs.plan_for_site(options, site, limits))
    jobs.make_folders(manifest, campaign)
    wanted = set(plan.rows)
    chosen = [row for row in rows if row.index in wanted]
    scripts = jobs.make_scripts(manifest, campaign, plan, rows=chosen, site=site, limits=limits, options=job)
    return [render(script, site) for script in scripts]
