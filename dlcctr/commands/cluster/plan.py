"""The command `plan`: divide rows into array tasks of about equal expected time."""

from __future__ import annotations

import shlex
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.cluster import options
from dlcctr.system.terminal.console import duration, plural

if TYPE_CHECKING:
    from dlcctr.planning.options import StepsSummary, Summary
    from dlcctr.planning.plan import Plan
    from dlcctr.slurm.site.prices import Cost


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="plan")(plan_manifest)


def plan_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    fps: Annotated[
        float | None,
        typer.Option(help="Frames/s of one GPU for this campaign's usual picture; by default from finished rows."),
    ] = None,
    calibrate: Annotated[bool, typer.Option("--calibrate", help="Measure: analyse one row on this machine.")] = False,
    tasks: Annotated[int | None, typer.Option(min=1, help="Number of array tasks.")] = None,
    task_time: Annotated[
        float | None, typer.Option(metavar="MIN", help="Minutes of one array task; a longer video gets its own.")
    ] = None,
    site: options.SiteName = "",
    max_parallel: Annotated[
        int | None,
        typer.Option(min=1, help="GPUs that you expect to have at once; the site's by default, else 20."),
    ] = None,
    gpus_per_task: Annotated[
        int | None, typer.Option(min=1, help="GPUs of one task; the site's by default, else 1.")
    ] = None,
    margin: Annotated[
        float | None,
        typer.Option(help="Time limit over expected time: 1.5 for a measured speed, 3 for another."),
    ] = None,
    max_time: Annotated[
        int | None, typer.Option(min=1, metavar="MIN", help="Longest job that the partition takes, in minutes.")
    ] = None,
    max_array_size: Annotated[
        int | None, typer.Option(min=1, help="Slurm's MaxArraySize; by default scontrol is asked, else 1001.")
    ] = None,
    all_rows: Annotated[bool, typer.Option("--all", help="Plan finished rows too.")] = False,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    runtime: Annotated[str, typer.Option(help="With --calibrate: what runs it, as in `dlcctr run`.")] = "auto",
    image: Annotated[str, typer.Option(help="With --calibrate: image tag for docker, or .sif file.")] = "",
    allow_cpu: Annotated[bool, typer.Option("--allow-cpu", help="With --calibrate: allow a CPU.")] = False,
    trust_model: Annotated[bool, typer.Option("--trust-model", help="With --calibrate: as in `dlcctr run`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Divide the rows into array tasks of about equal expected time.

    Writes the plan that the tasks read.
    """
    from dlcctr.planning.options import PlanOptions
    from dlcctr.planning.planner import make_plan
    from dlcctr.planning.speed import Calibration
    from dlcctr.slurm.site.files import find_site
    from dlcctr.slurm.site.prices import cost_of
    from dlcctr.slurm.submit.job_arrays import find_limits, plan_for_site
    from dlcctr.system.terminal.progress import progress

    profile = find_site(site)
    limits = find_limits(profile)
    if max_array_size is not None:
        limits = replace(limits, max_array_size=max_array_size, source="--max-array-size")
    options = PlanOptions(
        fps=fps,
        calibration=Calibration(runtime, image, allow_cpu, trust_model) if calibrate else None,
        tasks=tasks,
        task_time_min=task_time,
        margin=margin,
        max_time_min=max_time,
        all_rows=all_rows,
        rows=rows,
    )
    options = plan_for_site(options, profile, limits)
    options = replace(
        options,
        max_parallel=max_parallel or options.max_parallel,
        gpus_per_task=gpus_per_task or options.gpus_per_task,
    )
    plan, summary = make_plan(manifest, options, progress=progress)
    _print(plan, summary, cost_of(profile, summary.total_s / 3600), as_json=as_json)


def _print(plan: Plan | None, summary: Summary, cost: Cost, *, as_json: bool) -> None:
    from dlcctr.campaign.paths import CampaignPaths
    from dlcctr.commands.in_image import say_next
    from dlcctr.planning.remarks import say_remarks
    from dlcctr.system.terminal.console import print_json, print_lines, print_table

    say_remarks(summary)
    file = str(CampaignPaths.of(summary.manifest).plan(plan.id)) if plan else None
    if as_json:
        facts = {**asdict(summary), "manifest": str(summary.manifest)}
        print_json("plan", file=file, **facts, cost=asdict(cost), plan=asdict(plan) if plan else None)
        return
    if plan is None:
        say_next([_nothing(summary), f"next: dlcctr check {shlex.quote(str(summary.manifest))}"])
        return
    costs = [("cost", f"about {cost.text}")] if cost.text else []
    print_table(("what", "value"), [*_cells(plan, summary), *costs])
    name = shlex.quote(str(summary.manifest))
    print_lines([f"plan: {file}"])
    say_next([f"next: `dlcctr submit {name}` submits it, `dlcctr sbatch {name}` prints the script"])


def _nothing(summary: Summary) -> str:
    unreadable = f", {len(summary.unreadable)} cannot be read" if summary.unreadable else ""
    return f"nothing to plan: {plural(summary.n_finished, 'row')} finished{unreadable}; --all plans finished rows too"


def _cells(plan: Plan, summary: Summary) -> list[tuple[str, str]]:
    from dlcctr.planning.cost import NO_SPEED

    speed = summary.speed
    assert speed is not None
    left_out = [f"{summary.n_finished} finished"] if summary.n_finished else []
    left_out += [f"{len(summary.unreadable)} unreadable"] if summary.unreadable else []
    device = "GPU" if speed.on_gpu else "CPU"
    pictures = "" if " px" in speed.source else f" at {speed.reference_px} px"
    usual = f"{speed.frames_per_s:.3g} frames/s per {device}{pictures}"
    gpus = f"{summary.parallel} GPU{'s' if summary.parallel > 1 else ''}"
    return [
        ("rows", f"{summary.n_rows}" + (f" ({' and '.join(left_out)} left out)" if left_out else "")),
        ("array tasks", f"{summary.n_tasks} {_arrays(summary)}"),
        ("speed", speed.source if speed.source == NO_SPEED else f"{usual}, from {speed.source}"),
        ("a task takes", _span(duration(summary.shortest_s), duration(summary.longest_s))),
        ("time limit", f"{duration(plan.time_limit_min * 60)} per task (margin {summary.margin:g})"),
        ("GPU-hours", f"{summary.total_s / 3600:.2g}, {100 * summary.fixed_share:.0f}% of them fixed costs"),
        ("expected end", f"{duration(summary.finish_s)} after the start, with {gpus} at a time"),
        *_steps(summary.steps),
    ]


def _steps(steps: StepsSummary) -> list[tuple[str, str]]:
    """What the steps take, for all rows together; nothing where the campaign has none."""
    if not steps.seconds:
        return []
    each = ", ".join(f"{name} {duration(seconds)}" for name, seconds in steps.seconds.items() if name)
    where = f"in tasks of their own, time limit {duration(60 * (steps.time_limit_min or 0))}"
    said = where if steps.apart else "in these tasks and times"
    return [("steps", f"{each} ({said}; {steps.mem_gb} GB of memory)")]


def _span(shortest: str, longest: str) -> str:
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _arrays(summary: Summary) -> str:
    limits = summary.limits
    count = len(summary.slices)
    arrays = "one array" if count == 1 else f"{count} arrays"
    return f"in {arrays} (at most {limits.max_array_size} tasks each: {limits.source})"
