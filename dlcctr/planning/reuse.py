"""The plan that is to be submitted: one that was made before and still fits, or a new one."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import DlcctrError, ManifestError
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.plan import Plan, PlanTask, new_plan_id, read_plan, rows_digest, task_rows, write_plan
from dlcctr.planning.planner import make_plan
from dlcctr.planning.remarks import say_remarks
from dlcctr.planning.steps import steps_digest
from dlcctr.system.terminal.progress import RowProgress, no_progress


def pick_plan(
    manifest: Path,
    todo: Collection[Row],
    options: PlanOptions,
    *,
    used: Collection[str] = (),
    write: bool = True,
    progress: RowProgress = no_progress,
) -> Plan:
    """Newest plan of exactly these rows that was not submitted yet; a new one where there is none.

    Parameters
    ----------
    todo : collection of Row
        Rows to submit, at least one.
    options : PlanOptions
        Options of a new plan; one that differs from the default makes a new plan even where an old one would do.
    used : collection of str
        Plans that were submitted.

    Raises
    ------
    DlcctrError
        As `make_plan`.
    """
    if not options.asks_for_more:
        steps = steps_digest(read_campaign(manifest).steps, apart=options.steps_apart)
        standing = _standing(manifest, {row.index: row for row in todo}, set(used), steps)
        if standing:
            return standing
    plan, summary = make_plan(manifest, options, rows=sorted(row.index for row in todo), write=write, progress=progress)
    say_remarks(summary)
    assert plan is not None
    return plan


def _standing(manifest: Path, rows: dict[int, Row], used: set[str], steps: str) -> Plan | None:
    paths = CampaignPaths.of(manifest)
    for file in sorted(paths.plans.glob("*.json"), reverse=True) if paths.plans.is_dir() else []:
        if file.stem in used:
            continue
        try:
            plan = read_plan(file)
            if set(plan.rows) != rows.keys() or plan.facts.steps != steps:
                continue
            for number in range(len(plan.tasks)):
                task_rows(plan, number, rows, file)
        except DlcctrError:
            continue
        return plan
    return None


def read_given_plan(manifest: Path, file: Path) -> Plan:
    """Plan that a person names.

    Raises
    ------
    ManifestError
        It is not a plan, belongs to another manifest, or some of its rows have changed since.
    """
    plan = read_plan(file)
    if file.absolute() != CampaignPaths.of(manifest).plan(plan.id):
        raise ManifestError(f"{file}: not a plan of {manifest}", f"make one: dlcctr plan {shlex.quote(str(manifest))}")
    rows = {row.index: row for row in read_manifest(manifest)}
    for number in range(len(plan.tasks)):
        task_rows(plan, number, rows, file)
    return plan


def with_canary(manifest: Path, plan: Plan, rows: dict[int, Row], *, write: bool = True) -> Plan:
    """New plan whose last task is one short row alone; all other rows stay together."""
    *others, last = plan.tasks
    row = last.rows[-1]
    rest = last.rows[:-1]
    tasks = [*others]
    if rest:
        tasks.append(replace(last, rows=rest, digest=rows_digest(rows[index] for index in rest)))
    share = 1 / len(last.rows)
    tasks.append(PlanTask((row,), last.cost_s * share, rows_digest([rows[row]]), last.steps_s * share))
    made = replace(plan, id=new_plan_id(), tasks=tuple(tasks))
    if write:
        write_plan(made, CampaignPaths.of(manifest).plan(made.id))
    return made
