"""All that comes before anything is submitted: checks, the plan, the scripts, and Slurm's own opinion of them."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos import unchanged as video_check
from dlcctr.model.project.trust import require_trust
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.plan import Plan
from dlcctr.planning.reuse import pick_plan, with_canary
from dlcctr.slurm.jobs.submissions import Array
from dlcctr.slurm.script import Script, job_name, option_words, render
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit import job_arrays, preflight
from dlcctr.slurm.submit.asked import Asked, Resources, asked_of, resources_of
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.retry import Group
from dlcctr.system.terminal.console import duration, plural, warn
from dlcctr.system.terminal.progress import RowProgress, no_progress


@dataclass(frozen=True)
class SubmitOptions:
    """Options for what to submit, and how.

    Parameters
    ----------
    rows : str
        Rows to submit, as ``0-9,12``; all where empty.
    canary : bool
        One short row first; all others wait until its result is whole.
    skip_bad_videos : bool
        Leave out rows whose video is missing or changed, instead of submitting nothing.
    """

    site: Site
    job: JobOptions = field(default_factory=JobOptions)
    plan: PlanOptions = field(default_factory=PlanOptions)
    rows: str = ""
    canary: bool = False
    dry_run: bool = False
    skip_bad_videos: bool = False


@dataclass(frozen=True)
class SubmitRequest:
    """Rows that are handed over together.

    Parameters
    ----------
    todo : list of Row
        Rows to submit, at least one.
    again : Group or None
        Why they are submitted again, and with what; None for the first time.
    only_steps : bool
        Their analyses are whole, and the site has a place for steps.
    """

    todo: list[Row]
    options: SubmitOptions
    again: Group | None = None
    only_steps: bool = False


@dataclass(frozen=True)
class Prepared:
    """Rows that have passed all checks, and the scripts that would be submitted. Nothing is recorded yet.

    Parameters
    ----------
    plan : Plan or None
        None where no row is left.
    scripts : list of (Script, str)
        Each job array and the text of its script; the canary's first.
    asked : Asked or None
        What these scripts ask of the cluster.
    left_out : dict
        Row to why it is not submitted.
    """

    request: SubmitRequest
    plan: Plan | None = None
    scripts: list[tuple[Script, str]] = field(default_factory=list)
    asked: Asked | None = None
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The job arrays, which have no job id yet."""
        return tuple(Array(job_name(each.name), each.offset, each.count, steps=each.steps) for each, _ in self.scripts)


def prepare(
    manifest: Path,
    campaign: Campaign,
    request: SubmitRequest,
    *,
    used: Collection[str],
    progress: RowProgress = no_progress,
) -> Prepared:
    """Check, plan and render. Call it with the campaign's lock held.

    Parameters
    ----------
    used : collection of str
        Plans that were submitted.

    Raises
    ------
    DlcctrError
        Something would fail in every task.
    """
    request = replace(request, options=replace(request.options, site=job_arrays.with_clusters(request.options.site)))
    options = request.options
    problems = video_check.bad_videos(campaign, request.todo)
    if not options.skip_bad_videos:
        video_check.require_sound_videos(problems)
    todo = [row for row in request.todo if row.index not in problems]
    if not todo:
        return Prepared(request, left_out=problems)
    for model in video_check.check_models(campaign, todo):
        require_trust(model.unsafe_loading, given=options.job.trust_model)
    preflight.check_image(job_arrays.find_image(options.job.image, campaign), campaign)
    job_arrays.make_folders(campaign, CampaignPaths.of(manifest).logs / job_arrays.log_folder(options.site))
    preflight.check_output(campaign, todo)
    limits = job_arrays.find_limits(options.site)
    plan_options = job_arrays.plan_for_site(options.plan, options.site, limits)
    plan = pick_plan(manifest, todo, plan_options, used=used, write=False, progress=progress)
    canary = options.canary and len(plan.rows) > 1 and not request.only_steps
    if canary:
        plan = with_canary(manifest, plan, {row.index: row for row in todo}, write=False)
    if not request.only_steps:
        _warn_of_time(plan, options.job.time_min)
        options = replace(options, site=job_arrays.with_memory_for_steps(options.site, plan))
        request = replace(request, options=options)
    scripts = job_arrays.make_scripts(
        manifest, campaign, plan, rows=todo, site=options.site, limits=limits, options=options.job, canary=canary,
        only_steps=request.only_steps,
    )  # fmt: skip
    made = Prepared(request, plan, [(each, render(each, options.site)) for each in scripts], left_out=problems)
    return replace(made, asked=_ask(manifest, made, plan))


def _warn_of_time(plan: Plan, time_min: int | None) -> None:
    """Say that tasks will hardly end in the time that a person asked for; the plan's own limit is long enough."""
    longer = [task.cost_s for task in plan.tasks if time_min is not None and task.cost_s > 60 * time_min]
    if time_min is not None and longer:
        of = f"{len(longer)} of {plural(len(plan.tasks), 'task')}"
        warn(
            f"warning: {of} will probably reach the time limit of {duration(60 * time_min)}: the longest is expected "
            f"to take {duration(max(longer))}"
        )


def _ask(manifest: Path, made: Prepared, plan: Plan) -> Asked:
    """Let Slurm check each script and perhaps give a start time; a dry run skips this without Slurm."""
    options, first = made.request.options, made.scripts[0][0]
    starts: list[float | None] = []
    if not options.dry_run or shutil.which("sbatch"):
        starts = [preflight.try_script(text, option_words(script, options.site), manifest)
                  for script, text in made.scripts]  # fmt: skip
    return asked_of(
        plan,
        made.arrays,
        resources_of(first.site(options.site), first.time_min, options.job.batch_size),
        options.site,
        steps=_resources_of_steps(made),
        throttle=sum(
            script.throttle or script.count
            for script, _ in made.scripts
            if script.canary is None and script.steps == first.steps
        ),
        canary=first.canary,
        start=next(iter(starts), None),
    )


def _resources_of_steps(made: Prepared) -> Resources | None:
    """Resources of a task that does steps after the analyses; None where there are none."""
    steps = next((script for script, _ in made.scripts if script.steps and script.after), None)
    return resources_of(steps.site(made.request.options.site), steps.time_min, None) if steps else None
