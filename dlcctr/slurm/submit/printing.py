"""Scripts for a person to submit: printed, and noted so that their jobs are recognised."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Protocol, TypeVar

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths, typed_manifest
from dlcctr.campaign.rows import Row, choose_rows, require_rows
from dlcctr.errors import UsageError
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.plan import Plan
from dlcctr.planning.reuse import pick_plan, read_given_plan
from dlcctr.results.check import finished_rows
from dlcctr.slurm.jobs.by_hand import write_printed
from dlcctr.slurm.jobs.ledger import read_submitted
from dlcctr.slurm.jobs.submissions import Array, Submission, SubmittedOptions, allocated_rows
from dlcctr.slurm.script import Script, job_name, render
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit.job_arrays import (
    JobOptions,
    find_limits,
    log_folder,
    make_folders,
    make_scripts,
    plan_for_site,
    submitted_options,
    together,
    with_memory_for_steps,
)
from dlcctr.slurm.submit.resubmit import ResubmitRequest, submit_options
from dlcctr.slurm.submit.retry import Decision, Group
from dlcctr.system.terminal.console import plural


class Shown(Protocol):
    """Something that a person may choose."""

    @property
    def shown(self) -> str:
        """What it is, in a few words."""


AnyScript = TypeVar("AnyScript", bound=Shown)


@dataclass(frozen=True)
class _Wish:
    """How the tasks of a script should run, and why again."""

    site: Site
    job: JobOptions
    again: Group | None = None


@dataclass(frozen=True)
class PrintedScript:
    """A script that a person may submit.

    Parameters
    ----------
    text : str
        The script.
    logs : str
        Folder of its logs below the campaign's logs; empty where they lie in that itself.
    options : SubmittedOptions
        What it asks for.
    handed_over : tuple of int
        Its rows that another job had before and that have no result: that job may still be running.
    what : str
        What is different this time, for people; empty for a first try.
    """

    manifest: Path
    plan: str
    script: Script
    text: str
    logs: str
    options: SubmittedOptions
    handed_over: tuple[int, ...] = ()
    what: str = ""

    @property
    def shown(self) -> str:
        """``12 tasks``, and what is different in it."""
        return f"{plural(self.script.count, 'task')}{f', {self.what}' if self.what else ''}"

    def note(self) -> None:
        """Record that it was printed, so that `status` recognises its job."""
        name = job_name(self.script.name)
        made = datetime.now(timezone.utc).isoformat(timespec="seconds")
        array = Array(name, self.script.offset, self.script.count)
        kind = "resubmit" if self.options.causes else "submit"
        printed = Submission(self.plan, (array,), made, kind, self.options, logs=self.logs, by_hand=True)
        write_printed(CampaignPaths.of(self.manifest), name, printed)


def choose_script(scripts: Sequence[AnyScript], number: int | None) -> AnyScript:
    """Script of a number, or the only one.

    Raises
    ------
    UsageError
        There are several and none was chosen, or there is none of this number.
    """
    if number is None and len(scripts) == 1:
        return scripts[0]
    if number is not None and number < len(scripts):
        return scripts[number]
    listed = "\n".join(f"--array {n}: {each.shown}" for n, each in enumerate(scripts))
    raise UsageError(
        f"there are {len(scripts)} scripts, 0 to {len(scripts) - 1}\n{listed}",
        "print them one by one with --array 0, --array 1 …, or ask for fewer tasks with --tasks",
    )


def print_first(
    manifest: Path, site: Site, job: JobOptions, options: PlanOptions, plan_file: Path | None = None
) -> list[PrintedScript]:
    """Scripts of all arrays of a plan: the one given, the newest of all unfinished rows, or a new one.

    Raises
    ------
    UsageError
        There is nothing left to do, or no image is named.
    DlcctrError
        As `dlcctr.planning.planner.make_plan`.
    """
    plan, rows = first_plan(manifest, plan_for_site(options, site, find_limits(site), by_hand=True), plan_file)
    return _scripts(manifest, plan, rows, _Wish(site, job))


def first_plan(
    manifest: Path, options: PlanOptions, plan_file: Path | None = None, wanted: str = ""
) -> tuple[Plan, list[Row]]:
    """Plan of a script, and its rows: the one given, the newest of all unfinished rows, or a new one.

    Parameters
    ----------
    options : PlanOptions
        Of a new plan, for this site.
    wanted : str
        Rows to choose from, as ``0-9,12``; all where empty. A given plan says that itself.

    Raises
    ------
    DlcctrError
        As `print_first`.
    """
    rows = read_manifest(manifest)
    require_rows(rows, manifest)
    if plan_file:
        plan = read_given_plan(manifest, plan_file)
    else:
        finished = finished_rows(manifest)
        chosen = choose_rows(rows, wanted, manifest)
        todo = [row for row in chosen if not row.error and row.index not in finished]
        if not todo:
            raise UsageError(
                f"{manifest}: no rows are left to submit",
                f"check the results: dlcctr check {typed_manifest(manifest)}",
            )
        plan = pick_plan(manifest, todo, options)
    rows_of_plan = set(plan.rows)
    return plan, [row for row in rows if row.index in rows_of_plan]


def print_again(manifest: Path, decision: Decision, request: ResubmitRequest) -> list[PrintedScript]:
    """Scripts for the groups of a decision, instead of submitting them; raises as `print_first`."""
    rows = {row.index: row for row in read_manifest(manifest)}
    submissions = read_submitted(manifest).submissions
    used = {each.plan for each in submissions}
    made: list[PrintedScript] = []
    for group in decision.groups:
        options = submit_options(group, submissions, request)
        todo = [rows[index] for index in group.rows]
        plan_options = plan_for_site(options.plan, options.site, find_limits(options.site), by_hand=True)
        plan = pick_plan(manifest, todo, plan_options, used=used)
        used.add(plan.id)
        made += _scripts(manifest, plan, todo, _Wish(options.site, options.job, group))
    return made


def _scripts(manifest: Path, plan: Plan, rows: Sequence[Row], wish: _Wish) -> list[PrintedScript]:
    campaign, plan = read_campaign(manifest), together(plan)
    wish = replace(wish, site=with_memory_for_steps(wish.site, plan))
    make_folders(campaign, CampaignPaths.of(manifest).logs / log_folder(wish.site))
    scripts = make_scripts(
        manifest,
        campaign,
        plan,
        rows=rows,
        site=wish.site,
        limits=find_limits(wish.site),
        options=wish.job,
        by_hand=True,
    )
    before = set[int]() if wish.again else _handed_over(manifest)
    return [_script(manifest, plan, each, wish, before) for each in scripts]


def _script(manifest: Path, plan: Plan, script: Script, wish: _Wish, before: Collection[int]) -> PrintedScript:
    tasks = plan.tasks[script.offset : script.offset + script.count]
    indices = sorted(index for task in tasks for index in task.rows)
    return PrintedScript(
        manifest,
        plan.id,
        script,
        text=render(script, wish.site),
        logs=log_folder(wish.site),
        options=submitted_options([script], wish.site, wish.job, wish.again),
        handed_over=tuple(index for index in indices if index in before),
        what=wish.again.changes if wish.again else "",
    )


def _handed_over(manifest: Path) -> set[int]:
    """Rows of all jobs that are known without asking Slurm."""
    submissions = [each for each in read_submitted(manifest).submissions if any(array.job_id for array in each.arrays)]
    return allocated_rows(CampaignPaths.of(manifest), submissions)
