"""Submit again what is not whole, by cause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths, typed_manifest
from dlcctr.campaign.rows import choose_rows
from dlcctr.errors import DlcctrError, TryAgainError, UsageError
from dlcctr.planning.options import PlanOptions
from dlcctr.slurm.jobs.arrivals import FULL_SQUEUE, resolve_submissions
from dlcctr.slurm.jobs.ledger import read_submitted
from dlcctr.slurm.jobs.submissions import Submission, SubmittedOptions, find_plan
from dlcctr.slurm.queue.scheduler import shown_cluster
from dlcctr.slurm.site.files import find_site
from dlcctr.slurm.site.keys import KEYS
from dlcctr.slurm.site.profile import NOTICE, Site, is_name, override
from dlcctr.slurm.status.status import status
from dlcctr.slurm.submit.asked import Asked, asked_before
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.prepare import Prepared, SubmitOptions, SubmitRequest, prepare
from dlcctr.slurm.submit.retry import BATCH, GPU, MEMORY, TIME, Decision, Group, decide
from dlcctr.slurm.submit.submit import SubmitResult, send, with_notice
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.progress import RowProgress, no_progress

CORRECTED = ("container", "limits", "steps")
"""Sections of a profile that `resubmit` takes as they are now; ``nv`` is also changed by ``--gres none``."""


@dataclass(frozen=True)
class ResubmitRequest:
    """Options of the command line.

    Parameters
    ----------
    job : JobOptions
        Options that overrule those of the last submission and of the retry policy.
    changes : dict
        Values of the site that the command line gives.
    again : bool
        Submit rows again even if their cause needs a fix by a person first.
    cancelled : bool
        Submit rows whose jobs somebody cancelled, too.
    site : str
        Site profile in place of the last submission's; empty for that one.
    squeue_text, sacct_text : str or None
        Output of these commands from elsewhere; None runs them.
    """

    job: JobOptions = field(default_factory=JobOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    changes: Mapping[str, str | int | None] = field(default_factory=dict)
    rows: str = ""
    again: bool = False
    cancelled: bool = True
    site: str = ""
    dry_run: bool = False
    squeue_text: str | None = None
    sacct_text: str | None = None

    @property
    def given(self) -> frozenset[str]:
        """What it asks for in place of the policy."""
        gpu = [self.changes.get(key) for key in ("gres", "gpus", "partition")]
        values = {TIME: self.job.time_min, MEMORY: self.changes.get("mem_gb"), BATCH: self.job.batch_size}
        return frozenset({*(name for name, value in values.items() if value), *([GPU] if any(gpu) else [])})


def find_decision(manifest: Path, request: ResubmitRequest, *, progress: RowProgress = no_progress) -> Decision:
    """Decide, from what receipts and the scheduler say now.

    Raises
    ------
    TryAgainError
        The scheduler does not answer: rows that look lost may be running.
    UsageError
        Nothing has been submitted yet.
    """
    submissions = read_submitted(manifest).submissions
    found = status(manifest, squeue_text=request.squeue_text, sacct_text=request.sacct_text, progress=progress)
    if not submissions and not any(row.is_live for row in found.rows):
        raise UsageError(
            f"{manifest}: nothing has been submitted yet", f"submit it: dlcctr submit {typed_manifest(manifest)}"
        )
    if found.silent:
        where = shown_cluster(", ".join(filter(None, found.silent)))
        raise TryAgainError(
            f"squeue does not answer{where}, so rows that look lost may still be running",
            f"run it again where squeue works, or give its output: {FULL_SQUEUE} | "
            f"dlcctr resubmit {typed_manifest(manifest)} --print --squeue -",
        )
    chosen = {row.index for row in choose_rows(read_manifest(manifest), request.rows, manifest)}
    campaign = read_campaign(manifest)
    wanted = [row for row in found.rows if row.index in chosen]
    return decide(
        wanted,
        [_with_site_now(each, request) for each in submissions],
        batch_size=campaign.batch_size,
        again=request.again,
        others=found.rows,
        manifest=manifest,
        allow_cpu=request.job.allow_cpu,
        given=request.given,
        cancelled=request.cancelled,
    )


def prepare_again(
    manifest: Path, decision: Decision, request: ResubmitRequest, *, progress: RowProgress = no_progress
) -> list[Prepared]:
    """Check and plan the groups of a decision, so that a person sees what would be submitted; nothing is submitted.

    Raises
    ------
    DlcctrError
        As `dlcctr.slurm.submit.prepare.prepare`.
    """
    paths = CampaignPaths.of(manifest)
    with campaign_lock(paths.lock):
        return _prepare(manifest, decision.groups, resolve_submissions(paths), request, progress)


def resubmit(
    manifest: Path,
    decision: Decision,
    request: ResubmitRequest,
    prepared: Sequence[Prepared] = (),
    *,
    progress: RowProgress = no_progress,
) -> list[SubmitResult]:
    """Submit the groups of a decision; rows that changed since it was made are left alone.

    Parameters
    ----------
    prepared : sequence of Prepared
        Result of `prepare_again` that a person has seen; groups missing from it are prepared now.

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
        used = {each.plan for each in submissions}
        ready = [each for each in prepared if each.request.again in still and each.plan and each.plan.id not in used]
        missing = [group for group in still if group not in [each.request.again for each in ready]]
        ready += _prepare(manifest, missing, submissions, request, progress)
        done = [send(manifest, each) for each in ready]
        return with_notice(done, ready[0].request.options) if ready else done


def last_asked(manifest: Path) -> Asked | None:
    """What the last submission requested; None if that can no longer be read."""
    try:
        last = read_submitted(manifest).submissions[-1]
        return asked_before(last, find_plan(CampaignPaths.of(manifest), last.plan))
    except (DlcctrError, IndexError):
        return None


def _prepare(
    manifest: Path,
    groups: Sequence[Group],
    submissions: list[Submission],
    request: ResubmitRequest,
    progress: RowProgress,
) -> list[Prepared]:
    campaign = read_campaign(manifest)
    rows = {row.index: row for row in read_manifest(manifest)}
    used = {each.plan for each in submissions}
    made = []
    for group in groups:
        options = submit_options(group, submissions, request)
        todo, only_steps = (
            [rows[index] for index in group.rows],
            group.only_steps and bool(options.site.steps_partition),
        )
        order = SubmitRequest(todo, options, group, only_steps)
        made.append(prepare(manifest, campaign, order, used=used, progress=progress))
        used |= {plan.id for plan in [made[-1].plan] if plan}
    return made


def submit_options(group: Group, submissions: list[Submission], request: ResubmitRequest) -> SubmitOptions:
    """Options with which a group is submitted: those of the last submission, the policy's and the command line's."""
    had = submissions[-1].options
    site = find_site(request.site) if request.site else _with_memory_of(submissions, _site_of(had))
    site = override(site, **request.changes)
    if group.mem_gb and not request.changes.get("mem_gb"):
        key = "steps_mem_gb" if group.only_steps and site.steps_partition else "mem_gb"
        site = override(site, **{key: group.mem_gb})
    job = request.job
    return SubmitOptions(
        site=site,
        job=replace(
            job,
            image=job.image or had.image,
            time_min=job.time_min or group.time_min,
            max_parallel=job.max_parallel or had.max_parallel,
            batch_size=job.batch_size or group.batch_size,
            allow_cpu=job.allow_cpu or had.allow_cpu,
            trust_model=job.trust_model or had.trust_model,
            exclude=tuple(sorted({*job.exclude, *group.exclude})),
        ),
        plan=request.plan,
        canary=group.canary,
        dry_run=request.dry_run,
        skip_bad_videos=True,
    )


def _with_memory_of(submissions: Sequence[Submission], site: Site) -> Site:
    """Site with the memory that was asked for before it was raised for rows that needed more."""
    usual = next((each.options for each in reversed(submissions) if not each.options.raised_mem_gb), None)
    # of a script that a person edited, `mem_gb` is what its job said of itself
    known = usual is not None and (usual.mem_gb is not None or usual.site_values is not None)
    return replace(site, mem_gb=usual.mem_gb) if usual and known else site


def _site_of(had: SubmittedOptions) -> Site:
    """Site that the last submission had, as it was then but for what only its profile can say: that as it is now.

    Its values are checked again: they come from a file.
    """
    if not had.site and not had.site_values:
        return find_site("")  # a copied script says nothing of its site
    values = {name: getattr(had.site_values, name) for name in KEYS} if had.site_values else {}
    return override(Site(name=had.site), **{**values, **_profile_now(had.site)})


def _with_site_now(submission: Submission, request: ResubmitRequest) -> Submission:
    """Submission as far as the policy is concerned: with the limits of today."""
    had = submission.options
    if had.site_values is None:
        return submission
    site = find_site(request.site) if request.site else _site_of(had)
    return replace(submission, options=replace(had, site_values=site))


def _profile_now(name: str) -> dict[str, Any]:
    """What no option of `submit` can change, from the named profile of today; nothing where it is no more.

    A person may have corrected it: a missing module line is a cause, and so is a limit. The notice is never recorded.
    """
    try:
        now = find_site(name) if is_name(name) else Site()
    except UsageError:
        return {}
    corrected = [key for key, of in KEYS.items() if of.section in CORRECTED and key != "nv"] if now.file else []
    return {key: getattr(now, key) for key in (*corrected, *NOTICE)}
