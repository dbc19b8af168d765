"""Submit again what is not whole, by cause."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import choose_rows
from dlcctr.errors import TryAgainError, UsageError
from dlcctr.planning.options import PlanOptions
from dlcctr.slurm.arrivals import FULL_SQUEUE, resolve_submissions
from dlcctr.slurm.ledger import read_submitted
from dlcctr.slurm.scheduler import shown_cluster
from dlcctr.slurm.site.files import find_site
from dlcctr.slurm.site.keys import KEYS
from dlcctr.slurm.site.profile import Site, override
from dlcctr.slurm.status.status import status
from dlcctr.slurm.submissions import Submission, SubmittedOptions
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.retry import Decision, Group, decide
from dlcctr.slurm.submit.submit import SubmitOptions, SubmitRequest, SubmitResult, place
from dlcctr.system.locks import campaign_lock
from dlcctr.system.progress import RowProgress, no_progress


@dataclass(frozen=True)
class ResubmitRequest:
    """What the command line asks for.

    Parameters
    ----------
    job : JobOptions
        Options that overrule those of the last submission and of the retry policy.
    changes : dict
        Values of the site that the command line gives.
    again : bool
        Submit rows again even if their cause needs a fix by a person first.
    squeue_text, sacct_text : str or None
        What these commands printed elsewhere; None: ask them.
    """

    job: JobOptions = field(default_factory=JobOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    changes: Mapping[str, str | int | None] = field(default_factory=dict)
    rows: str = ""
    again: bool = False
    dry_run: bool = False
    squeue_text: str | None = None
    sacct_text: str | None = None


def find_decision(manifest: Path, request: ResubmitRequest, *, progress: RowProgress = no_progress) -> Decision:
    """Decide, from what receipts and the scheduler say now.

    Raises
    ------
    TryAgainError
        The scheduler does not answer: rows that look lost may be running.
    UsageError
        Nothing was submitted yet.
    """
    submissions = read_submitted(manifest).submissions
    found = status(manifest, squeue_text=request.squeue_text, sacct_text=request.sacct_text, progress=progress)
    if not submissions and not any(row.is_live for row in found.rows):
        raise UsageError(f"{manifest}: nothing was submitted yet", f"dlcctr submit {shlex.quote(str(manifest))}")
    if found.silent:
        where = shown_cluster(", ".join(filter(None, found.silent)))
        raise TryAgainError(
            f"squeue does not answer{where}, so rows that look lost may still be running",
            f"run it again where squeue works, or give what it prints: {FULL_SQUEUE} | "
            f"dlcctr resubmit {shlex.quote(str(manifest))} --print --squeue -",
        )
    chosen = {row.index for row in choose_rows(read_manifest(manifest), request.rows, manifest)}
    campaign = read_campaign(manifest)
    wanted = [row for row in found.rows if row.index in chosen]
    return decide(wanted, submissions, batch_size=campaign.batch_size, again=request.again)


def resubmit(
    manifest: Path, decision: Decision, request: ResubmitRequest, *, progress: RowProgress = no_progress
) -> list[SubmitResult]:
    """Submit the groups of a decision; rows that changed since it was made are left alone.

    Raises
    ------
    DlcctrError
        As `dlcctr.slurm.submit.submit.submit`.
    """
    paths = CampaignPaths.of(manifest)
    with campaign_lock(paths.lock):
        submissions = resolve_submissions(paths)
        now = find_decision(manifest, request, progress=progress)
        still = [group for group in now.groups if group in decision.groups]
        campaign = read_campaign(manifest)
        rows = {row.index: row for row in read_manifest(manifest)}
        used = [each.plan for each in submissions]
        done = []
        for group in still:
            options = submit_options(group, submissions, request)
            order = SubmitRequest([rows[index] for index in group.rows], options, group)
            done.append(place(manifest, campaign, order, used=used, progress=progress))
            used += [done[-1].plan.id] if done[-1].plan else []
        return done


def submit_options(group: Group, submissions: list[Submission], request: ResubmitRequest) -> SubmitOptions:
    """Options with which a group is submitted: those of the last submission, the policy's and the command line's."""
    had = submissions[-1].options
    site = override(_site_of(had), **request.changes)
    if group.mem_gb and not request.changes.get("mem_gb"):
        site = override(site, mem_gb=group.mem_gb)
    job = request.job
    return SubmitOptions(
        site=site,
        job=replace(
            job,
            image=job.image or had.image,
            time_min=job.time_min or group.time_min,
            max_parallel=job.max_parallel or had.max_parallel,
            batch_size=job.batch_size or group.batch_size or had.batch_size,
            allow_cpu=job.allow_cpu or had.allow_cpu,
            trust_model=job.trust_model or had.trust_model,
            exclude=tuple(sorted({*job.exclude, *group.exclude})),
        ),
        plan=request.plan,
        dry_run=request.dry_run,
        skip_bad_videos=True,
    )


def _site_of(had: SubmittedOptions) -> Site:
    """Site that the last submission had, as it was then; its values are checked again: they come from a file."""
    if not had.site and not had.site_values:
        return find_site("")  # a copied script says nothing of its site
    values = {name: getattr(had.site_values, name) for name in KEYS} if had.site_values else {}
    return override(Site(name=had.site), **values)
