"""From a campaign, a plan and a site to the scripts of its job arrays."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths, find_sif
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.contract import SIF_NAME
from dlcctr.errors import OutputError, UsageError
from dlcctr.planning.options import DEFAULT_PARALLEL, Limits, PlanOptions
from dlcctr.planning.packing import array_slices
from dlcctr.planning.plan import Plan
from dlcctr.runtime.containers.binds import Bind, linked_files, plan_binds
from dlcctr.slurm.jobs.submissions import SubmittedOptions
from dlcctr.slurm.own_image import HOW_TO_NAME, find_own_sif
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import CLUSTERS_VARIABLES
from dlcctr.slurm.script import Script, job_name
from dlcctr.slurm.site.ask import ask_limits
from dlcctr.slurm.site.profile import Site, override
from dlcctr.slurm.submit.retry import Group
from dlcctr.system.files import absolute
from dlcctr.system.terminal.console import plural, warn

ANALYSIS_GB = 4
"""What an analysis is given beside its steps: 1 GB was measured on CPUs; CUDA's libraries take more."""
NO_STEPS = "--no-steps"
"""Option of ``analyze``."""


@dataclass(frozen=True)
class JobOptions:
    """Options besides the site's that decide how tasks run.

    Parameters
    ----------
    time_min : int or None
        Time limit of a task in minutes; the plan's by default.
    max_parallel : int or None
        Most tasks at once over all arrays; the site's by default.
    exclude : tuple of str
        Nodes to avoid.
    trust_model : bool
        Tasks may run code in a snapshot if the project asks for it.
    """

    image: str = ""
    time_min: int | None = None
    max_parallel: int | None = None
    batch_size: int | None = None
    allow_cpu: bool = False
    exclude: tuple[str, ...] = ()
    trust_model: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """Options of ``analyze``."""
        words = ["--allow-cpu"] if self.allow_cpu else []
        words += ["--trust-model"] if self.trust_model else []
        return (*words, *(["--batch-size", str(self.batch_size)] if self.batch_size else []))


def find_image(wanted: str, campaign: Campaign) -> Path:
    """SIF that the tasks run: the one asked for, campaign.toml's, the one this program runs in, or ``dlc.sif``.

    The file need not exist: this may run on another machine than the tasks.

    Raises
    ------
    UsageError
        No SIF is known.
    """
    if wanted:
        return absolute(Path(wanted).expanduser())
    if campaign.image.endswith(".sif"):
        return absolute(campaign.folder / campaign.image)
    if found := find_own_sif() or find_sif(campaign):
        return absolute(found)
    raise UsageError(f"no image is given, and there is no {SIF_NAME} here or in {campaign.folder}", HOW_TO_NAME)


def make_scripts(
    manifest: Path,
    campaign: Campaign,
    plan: Plan,
    *,
    rows: Sequence[Row],
    site: Site,
    limits: Limits,
    options: JobOptions,
    canary: bool = False,
    by_hand: bool = False,
    only_steps: bool = False,
) -> list[Script]:
    """Scripts of a plan's job arrays, which cover its tasks once each; the canary's first.

    Where the plan's steps are apart, the analyses leave them out, and for each array a second one, without a GPU, does
    them once the first has ended. The canary does its own: its result must be whole.

    Parameters
    ----------
    rows : sequence of Row
        Rows of the plan.
    limits : Limits
        Limits of this machine's Slurm, or of the site's profile where Slurm does not answer.
    canary : bool
        The plan's last task is a separate array.
    by_hand : bool
        A person will submit them: `status` tells their jobs apart by the 8 letters of a name that plain squeue shows.
    only_steps : bool
        All rows are analysed: only the second arrays are needed, and wait for nothing.

    Raises
    ------
    UsageError
        No image, or a limit or a path that no array can be made with.
    """
    paths = CampaignPaths.of(manifest)
    count = len(plan.tasks) - canary
    slices = array_slices(count, limits.max_array_size, limits.max_submit)
    # a plan may be submitted once more, where it never arrived: the name is this submission's alone
    own, called = secrets.token_hex(4), f"dlcctr-{manifest.stem}-{plan.id}"
    base = job_name(f"{own}-{called}" if by_hand else f"{called}-{own}")
    whole = Script(
        name=base,
        title=f"dlcctr: {plural(len(rows), 'video')} of {paths.manifest}, {plural(len(plan.tasks), 'task')}",
        image=find_image(options.image, campaign),
        manifest=paths.manifest,
        plan=paths.plan(plan.id),
        logs=paths.logs / log_folder(site),
        records=paths.root,
        results=campaign.out,
        count=count,
        time_min=options.time_min or plan.time_limit_min,
        binds=campaign_binds(paths.manifest, campaign, rows),
        words=options.words,
        exclude=options.exclude,
    )
    throttle = options.max_parallel or site.max_parallel
    share = max(1, -(-throttle // len(slices))) if throttle and slices else None
    arrays = [
        replace(whole, name=base if len(slices) == 1 else f"{base}-{n}", offset=offset, count=size, throttle=share)
        for n, (offset, size) in enumerate(slices)
    ]
    steps = []
    if plan.steps_time_min is not None:
        steps = [steps_script(each, plan, options, only=only_steps) for each in arrays]
        arrays = [] if only_steps else [replace(each, words=(*each.words, NO_STEPS)) for each in arrays]
    if not canary:
        return [*arrays, *steps]
    row = plan.tasks[count].rows[0]
    return [replace(whole, name=f"{base}-canary", offset=count, count=1, canary=row), *arrays, *steps]


def together(plan: Plan) -> Plan:
    """Plan whose steps are done by the tasks of the analyses: of scripts for a person to submit."""
    minutes = plan.time_limit_min + (plan.steps_time_min or 0)
    return replace(plan, time_limit_min=minutes, steps_time_min=None)


def with_memory_for_steps(site: Site, plan: Plan) -> Site:
    """Site whose tasks have room for the steps beside the analysis, where a profile or a person limits their memory."""
    need = ANALYSIS_GB + plan.steps_mem_gb
    if not plan.steps_mem_gb or plan.steps_time_min is not None or not site.mem_gb or site.mem_gb >= need:
        return site
    warn(f"note: {need} GB of memory for each task instead of {site.mem_gb} GB: the steps need {plan.steps_mem_gb} GB")
    return override(site, mem_gb=need)


def steps_script(array: Script, plan: Plan, options: JobOptions, *, only: bool) -> Script:
    """Script that does the steps of an array's rows, without a GPU."""
    return replace(
        array,
        name=f"{array.name}-steps",
        title=f"{array.title}: the steps after the analyses",
        steps=True,
        after="" if only else array.name,
        time_min=(only and options.time_min) or plan.steps_time_min or plan.time_limit_min,
        mem_gb=plan.steps_mem_gb,
        words=(),
        exclude=(),
    )


def with_clusters(site: Site) -> Site:
    """Site that names the clusters which the user's variables choose for sbatch, so that they are noted."""
    chosen = next((os.environ[name] for name in CLUSTERS_VARIABLES if os.environ.get(name)), "")
    return override(site, extra=(*site.extra, f"--clusters={chosen}")) if chosen and not site.clusters else site


def find_limits(site: Site) -> Limits:
    """Limits of the Slurm that gets the jobs; the profile's if it does not answer."""
    asked = ask_limits(with_clusters(site).clusters)
    return Limits(
        max_array_size=asked.max_array_size if asked.answered else site.max_array_size or asked.max_array_size,
        max_submit=min((each for each in (asked.max_submit, site.max_submit_jobs) if each), default=None),
        source=asked.source if asked.answered or not site.max_array_size else f"site profile {site.name}",
    )


def campaign_binds(manifest: Path, campaign: Campaign, rows: Iterable[Row]) -> tuple[Bind, ...]:
    """Folders that the rows need: campaign, videos and models to read, the results to write."""
    return plan_binds(_read_only(manifest, campaign, rows), [campaign.out])


def _read_only(manifest: Path, campaign: Campaign, rows: Iterable[Row]) -> Iterator[Path]:
    yield manifest.parent
    yield campaign.video_root
    models: set[Path] = set()
    folders: set[Path] = set()
    for row in rows:
        video = campaign.video_root / row.video
        folders.add(video.parent)
        if video.is_symlink():
            yield Path(os.path.realpath(video))
        if (model := row_settings(row, campaign).model) is not None:
            models.add(model)
    yield from folders  # one that is a link leads elsewhere
    for model in sorted(models):
        yield model
        for folder in model.glob("dlc-models*"):
            yield from linked_files(folder)


def plan_for_site(options: PlanOptions, site: Site, limits: Limits, *, by_hand: bool = False) -> PlanOptions:
    """Options of a new plan, with the site's limits; in scripts for a person to submit, steps are not apart."""
    unsaid = options.max_parallel == DEFAULT_PARALLEL
    return replace(
        options,
        limits=limits,
        site_max_time_min=site.max_time_min,
        gpus_per_task=max(1, site.gpus_per_task),
        max_parallel=(unsaid and site.max_parallel) or options.max_parallel,
        steps_apart=bool(site.steps_partition) and not by_hand,
    )


def log_folder(site: Site) -> str:
    """Folder of a site's logs below the campaign's: clusters may give the same number to two jobs."""
    return job_name(",".join(site.clusters)) if site.clusters else ""


def make_folders(campaign: Campaign, logs: Path) -> None:
    """Make the folders that must exist before a task starts: without the logs' folder Slurm fails a job silently.

    Raises
    ------
    OutputError
        One of them cannot be made.
    """
    for folder in (logs, campaign.out):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(
                f"{folder}: cannot be created: {error.strerror}", "check the permissions of the folders above it"
            ) from error


def submitted_options(scripts: Sequence[Script], site: Site, job: JobOptions, again: Group | None) -> SubmittedOptions:
    """Options that a submission records; `again` says why it is a second one."""
    script, steps = scripts[0], next((each for each in scripts if each.steps), None)
    return SubmittedOptions(
        site=site.name,
        site_values=site,
        image=str(script.image),
        time_min=script.time_min,
        mem_gb=site.mem_gb,
        max_parallel=job.max_parallel,
        batch_size=job.batch_size,
        allow_cpu=job.allow_cpu,
        exclude=tuple(job.exclude),
        trust_model=job.trust_model,
        canary=script.canary,
        steps_time_min=steps.time_min if steps else None,
        steps_mem_gb=steps.site(site).mem_gb if steps else None,
        user=client.own_user(),
        causes=dict(again.causes) if again else {},
        raised_time_min=bool(again and again.time_min),
        raised_mem_gb=bool(again and again.mem_gb),
    )
