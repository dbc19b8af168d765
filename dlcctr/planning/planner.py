"""From a manifest to a plan: which rows are left, how long they take, which rows make a task, what to request."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row, choose_rows, require_rows
from dlcctr.errors import UsageError
from dlcctr.planning import cost, packing
from dlcctr.planning.cost import Speed, Work
from dlcctr.planning.options import PlanOptions, StepsSummary, Summary, check_options
from dlcctr.planning.plan import Plan, PlanFacts, PlanTask, new_plan_id, rows_digest, write_plan
from dlcctr.planning.remarks import NAMED, notes_of, warnings_of
from dlcctr.planning.speed import find_speed, run_one_row
from dlcctr.planning.steps import CampaignSteps, find_steps, steps_digest
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.row_state import RowResult, State
from dlcctr.system.terminal.console import one_line, ranges
from dlcctr.system.terminal.progress import RowProgress, no_progress

TASKS_PER_GPU = 16
"""Default number of tasks per GPU: waiting for the last ones then costs at most about 1/16 of the time."""
FIXED_SHARE = 0.05
"""Largest share of a task that its own fixed cost may be, which makes tasks at least so long."""
MARGIN_MEASURED = 1.5
MARGIN_GUESSED = 3.0
"""Margin for a speed that may be off by a factor of two."""
SPARE_MIN = 5
"""Added to each time limit: a slow file system, a node's first use of the image."""
ROUND_MIN = 5


def make_plan(
    manifest: Path,
    options: PlanOptions,
    *,
    rows: Collection[int] | None = None,
    write: bool = True,
    progress: RowProgress = no_progress,
) -> tuple[Plan | None, Summary]:
    """Plan the rows of a manifest that have no whole result yet, and write the plan among the campaign's files.

    Parameters
    ----------
    rows : collection of int, optional
        Exactly these rows, finished or not; `options.rows` and `options.all_rows` then do not matter.
    write : bool
        Write it to ``CampaignPaths.of(manifest).plan(plan.id)``.

    Returns
    -------
    plan : Plan or None
        None where there is nothing to do.
    summary : Summary
        Its summary.

    Raises
    ------
    ManifestError, ModelError
        As `dlcctr.results.check.check` raises them.
    UsageError
        An option is wrong, the speed of a GPU is not known, or a row takes longer than `options.max_time_min`.
    """
    check_options(options)
    campaign = read_campaign(manifest)
    results = _results(manifest, campaign, progress)
    chosen = _choose(results, options, rows, manifest)
    summary = _left_out(manifest, chosen, options, explicit=rows is not None)
    todo = _todo(chosen, all_rows=options.all_rows or rows is not None)
    if not todo:
        return None, summary
    if options.calibration:
        measured = run_one_row(manifest, todo, options.calibration)
        results = _results(manifest, campaign, progress)
        if not options.all_rows:
            todo = [row for row in todo if row.index != measured]
            summary = replace(summary, n_finished=summary.n_finished + 1)
        if not todo:
            return None, summary
    campaign_work = cost.row_work([each.row for each in results if not each.row.error], campaign.crop)
    finished = [each for each in results if each.analysed]
    chosen_rows = {row.index for row in todo}
    work = [each for each in campaign_work if each.row.index in chosen_rows]
    steps = find_steps(campaign, results, work)
    px = cost.usual_px(campaign_work)
    try:
        speed = find_speed(manifest, campaign, finished, px, options.fps)
    except UsageError:
        if options.fps is not None or options.all_rows or not chosen_rows <= steps.analysed:
            raise
        speed = cost.no_speed(px, campaign.engine)  # none is needed
    work = [
        replace(
            each,
            analysed=each.row.index in steps.analysed and not options.all_rows,
            steps_s=0.0 if options.steps_apart else steps.needs[each.row.index].total_s,
        )
        for each in work
    ]
    plan, summary = _plan(manifest, _Basis(work, speed, steps), options, summary)
    if write:
        write_plan(plan, CampaignPaths.of(manifest).plan(plan.id))
    return plan, summary


def _results(manifest: Path, campaign: Campaign, progress: RowProgress) -> list[RowResult]:
    """State of each row by its receipt and its files' sizes."""
    if campaign.out.exists():
        return check(manifest, CheckOptions(quick=True), progress=progress).rows
    # a campaign that was never run: asking a cluster's file system for each of its rows would take minutes
    rows = read_manifest(manifest)
    require_rows(rows, manifest)
    return [RowResult(row, State.UNREADABLE if row.error else State.UNFINISHED) for row in rows]


def _choose(
    results: Sequence[RowResult], options: PlanOptions, rows: Collection[int] | None, manifest: Path
) -> list[RowResult]:
    if rows is None:
        wanted = {row.index for row in choose_rows([each.row for each in results], options.rows, manifest)}
    else:
        wanted = set(rows)
        if unknown := wanted - {each.row.index for each in results}:
            raise UsageError(f"{manifest}: has no rows {ranges(unknown)}", "give indices of the `index` column")
    return [each for each in results if each.row.index in wanted]


def _is_finished(result: RowResult) -> bool:
    return result.state in (State.WHOLE, State.DEGRADED)


def _todo(results: Sequence[RowResult], *, all_rows: bool) -> list[Row]:
    return [each.row for each in results if not each.row.error and (all_rows or not _is_finished(each))]


def _left_out(manifest: Path, results: Sequence[RowResult], options: PlanOptions, *, explicit: bool) -> Summary:
    """Summary that knows which rows are not planned, and why."""
    finished = 0 if options.all_rows or explicit else sum(map(_is_finished, results))
    unreadable = [each.row for each in results if each.row.error and not _is_finished(each)]
    warnings = [f"row {row.index}, {one_line(row.video)}: left out: {row.error}" for row in unreadable[:NAMED]]
    if more := unreadable[NAMED:]:
        warnings.append(f"{len(more)} more unreadable rows left out: {ranges(row.index for row in more)}")
    return Summary(manifest, n_finished=finished, unreadable=unreadable, limits=options.limits, warnings=warnings)


@dataclass(frozen=True)
class _Basis:
    """What a plan is made from."""

    work: Sequence[Work]
    speed: Speed
    steps: CampaignSteps


def _plan(manifest: Path, basis: _Basis, options: PlanOptions, summary: Summary) -> tuple[Plan, Summary]:
    work, speed, steps = basis.work, basis.speed, basis.steps
    # Rows of one video stay together and in their order: a task decodes it once for all of their models
    units = packing.keep_together([(each.row.video, each.row.fingerprint) for each in work])
    costs = [sum(work[i].cost_s(speed) for i in unit) for unit in units]
    margin = options.margin or (MARGIN_MEASURED if speed.measured else MARGIN_GUESSED)
    steps_margin = options.margin or (MARGIN_GUESSED if steps.assumed else MARGIN_MEASURED)
    tasks = []
    for each in _pack(costs, speed, max(margin, steps_margin if steps.names else 0.0), options):
        rows = [work[i].row for unit in each for i in units[unit]]
        makespan = packing.makespan([costs[unit] for unit in each], options.gpus_per_task)
        indices = tuple(row.index for row in rows)
        steps_s = sum(steps.needs[index].total_s for index in indices)
        steps_s /= 1 if options.steps_apart else options.gpus_per_task
        tasks.append(PlanTask(indices, speed.fixed_per_task_s + makespan, rows_digest(rows), steps_s))
    tasks.sort(key=lambda task: -task.cost_s)
    summary = _sum_up(replace(summary, speed=speed, margin=margin, n_rows=len(work)), tasks, options)
    warnings = [*summary.warnings, *warnings_of(work, tasks, speed, options)]
    longest = max(_limit_s(task, margin, steps_margin, options) for task in tasks)
    limit = _time_limit_min(longest * options.time_factor, options.time_cap_min)
    made = _steps_summary(steps, tasks, steps_margin, options)
    facts = _facts(summary, steps, options)
    created = datetime.now(timezone.utc).isoformat(timespec="seconds")
    plan = Plan(
        new_plan_id(), manifest.name, tuple(tasks), limit, created, facts, made.time_limit_min, made.mem_gb
    )  # fmt: skip
    return plan, replace(summary, warnings=warnings, notes=notes_of(work, speed, made), steps=made)


def _limit_s(task: PlanTask, margin: float, steps_margin: float, options: PlanOptions) -> float:
    """Expected seconds of a task, with the margins of the analysis and of the steps that it does."""
    steps_s = 0.0 if options.steps_apart else task.steps_s
    return max(0.0, task.cost_s - steps_s) * margin + steps_s * steps_margin


def _steps_summary(
    steps: CampaignSteps, tasks: Sequence[PlanTask], margin: float, options: PlanOptions
) -> StepsSummary:
    longest_s = max(task.steps_s for task in tasks)
    apart = options.steps_apart and longest_s > 0
    # their partition has limits of its own: sbatch says whether it takes them
    limit = _time_limit_min(longest_s * margin * options.time_factor, None) if apart else None
    mem_gb = math.ceil(max(each.mem_gb for each in steps.needs.values()))
    return StepsSummary(steps.seconds, steps.assumed, mem_gb, apart, limit)


def _sum_up(summary: Summary, tasks: Sequence[PlanTask], options: PlanOptions) -> Summary:
    assert summary.speed is not None
    times = [task.cost_s for task in tasks]
    parallel = max(1, min(options.max_parallel // options.gpus_per_task, len(tasks)))
    total_s = sum(times) * options.gpus_per_task
    fixed_s = summary.speed.fixed_per_task_s * len(tasks) * options.gpus_per_task
    fixed_s += summary.speed.fixed_per_row_s * summary.n_rows
    return replace(
        summary,
        n_tasks=len(tasks),
        shortest_s=times[-1],
        longest_s=times[0],
        total_s=total_s,
        finish_s=packing.makespan(times, parallel),
        parallel=parallel * options.gpus_per_task,
        fixed_share=fixed_s / total_s,
        slices=packing.array_slices(len(tasks), options.limits.max_array_size, options.limits.max_submit),
    )


def _pack(costs: Sequence[float], speed: Speed, margin: float, options: PlanOptions) -> list[list[int]]:
    """Rows of each task: one share of about equal length for each of its GPUs."""
    per_task = options.gpus_per_task
    if options.tasks is not None:
        return packing.group(packing.pack_into(costs, options.tasks * per_task), per_task, costs)
    target, most = _task_size_s(costs, speed, margin, options)
    shares = packing.pack_to(costs, min(target, most), most)
    limit = (options.limits.max_submit or len(costs)) * per_task
    if len(shares) > limit and options.task_time_min is None:
        shares = packing.pack_into(costs, limit)
    return packing.group(shares, per_task, costs)


def _task_size_s(costs: Sequence[float], speed: Speed, margin: float, options: PlanOptions) -> tuple[float, float]:
    """Target and maximum of a task's rows for each of its GPUs, in seconds."""
    if options.task_time_min is not None:
        return max(1.0, options.task_time_min * 60 - speed.fixed_per_task_s), math.inf
    target = sum(costs) / (TASKS_PER_GPU * options.max_parallel)
    target = max(target, speed.fixed_per_task_s * (1 / FIXED_SHARE - 1))
    if options.time_cap_min is None:
        return target, math.inf
    longest_s = (options.time_cap_min - SPARE_MIN) * 60 / (margin * options.time_factor)
    return target, max(1.0, longest_s - speed.fixed_per_task_s)


def _time_limit_min(longest_s: float, cap_min: int | None) -> int:
    minutes = ROUND_MIN * math.ceil((longest_s / 60 + SPARE_MIN) / ROUND_MIN)
    return minutes if cap_min is None else min(minutes, cap_min)


def _facts(summary: Summary, steps: CampaignSteps, options: PlanOptions) -> PlanFacts:
    assert summary.speed is not None
    return PlanFacts(
        speed=None if summary.speed.source == cost.NO_SPEED else summary.speed,
        margin=summary.margin,
        time_factor=options.time_factor,
        max_parallel=options.max_parallel,
        gpus_per_task=options.gpus_per_task,
        tasks=options.tasks,
        task_time_min=options.task_time_min,
        rows=summary.n_rows,
        total_s=round(summary.total_s, 1),
        finish_s=round(summary.finish_s, 1),
        max_array_size=options.limits.max_array_size,
        max_submit=options.limits.max_submit,
        steps=steps_digest(steps.specs, apart=options.steps_apart),
    )
