"""From a campaign to job arrays in the queue: every row is handed over at most once, also by two people at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row, choose_rows, require_rows
from dlcctr.errors import CommandFailedError, ToolMissingError, TryAgainError
from dlcctr.planning.plan import Plan, write_plan
from dlcctr.results.check import finished_and_analysed_rows
from dlcctr.slurm.jobs.arrivals import resolve_submissions
from dlcctr.slurm.jobs.submissions import (
    Array,
    Submission,
    allocated_rows,
    announce_submission,
    forget_arrays,
    write_submission,
)
from dlcctr.slurm.queue import client
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.scheduler import shown_cluster
from dlcctr.slurm.script import Script, job_name, option_words
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit import job_arrays, preflight
from dlcctr.slurm.submit.asked import Asked
from dlcctr.slurm.submit.notice import submit_notice
from dlcctr.slurm.submit.prepare import Prepared, SubmitOptions, SubmitRequest, prepare
from dlcctr.system.files import write_text_atomic
from dlcctr.system.kernel_locks import inherited_lock
from dlcctr.system.locks import campaign_lock
from dlcctr.system.terminal.console import plural, row_ranges, warn
from dlcctr.system.terminal.progress import RowProgress, no_progress

REFUSED = "Batch job submission failed"
"""Message of sbatch if nothing was submitted, but also if it does not know."""
LOST_ANSWER = "it is not known whether this job was submitted"
LOST_ANSWER_HINT = "run the same command again: it asks Slurm for the job by its name, and submits no row twice"
UNANSWERED = re.compile(
    r"timed out|(send|receive|shutdown) failure|zero bytes|negative number of bytes|unexpected message|"
    r"insane message|not connected|connection reset|broken pipe",
    re.IGNORECASE,
)
"""Slurm's messages for a lost reply: the controller may have taken the job."""


@dataclass(frozen=True)
class SubmitResult:
    """What was (or, in a dry run, would be) submitted; `plan` is None where there was nothing to do.

    Parameters
    ----------
    notice : str
        Id of the job that tells when the arrays have ended; empty where none is wanted, or none could be submitted.
    only_steps : SubmitResult or None
        What was submitted for rows that are analysed, besides others; None where it is nothing.
    """

    manifest: Path
    plan: Plan | None = None
    scripts: list[tuple[Script, str]] = field(default_factory=list)
    arrays: tuple[Array, ...] = ()
    asked: Asked | None = None
    n_finished: int = 0
    n_allocated: int = 0
    n_unreadable: int = 0
    left_out: dict[int, str] = field(default_factory=dict)
    notice: str = ""
    only_steps: SubmitResult | None = None


def submit(manifest: Path, options: SubmitOptions, *, progress: RowProgress = no_progress) -> SubmitResult:
    """Submit the rows that have no result and were never submitted.

    Raises
    ------
    DlcctrError
        Something would fail in every task; nothing was submitted, or the message says what was.
    """
    paths = CampaignPaths.of(manifest)
    with campaign_lock(paths.lock):
        campaign = read_campaign(manifest)
        rows = read_manifest(manifest)
        require_rows(rows, manifest)
        submissions = resolve_submissions(paths)
        allocated = allocated_rows(paths, submissions)
        finished, analysed = finished_and_analysed_rows(manifest)
        chosen = choose_rows(rows, options.rows, manifest)
        todo = [row for row in chosen if not row.error and row.index not in finished | allocated]
        result = SubmitResult(
            manifest,
            n_finished=sum(row.index in finished for row in chosen),
            n_allocated=sum(row.index in allocated - finished for row in chosen),
            n_unreadable=sum(bool(row.error) and row.index not in finished for row in chosen),
        )
        if not todo:
            return result
        used = [each.plan for each in submissions]
        # all is checked before anything is handed over
        ready = [
            prepare(manifest, campaign, request, used=used, progress=progress)
            for request in _requests(todo, analysed, options)
        ]
        done, *more = with_notice([send(manifest, each) for each in ready], options)
        return replace(
            done,
            n_finished=result.n_finished,
            n_allocated=result.n_allocated,
            n_unreadable=result.n_unreadable,
            only_steps=more[0] if more else None,
        )


def _requests(todo: Sequence[Row], analysed: set[int], options: SubmitOptions) -> list[SubmitRequest]:
    """Rows to analyse, and those that need their steps alone, where the site has a place for these."""
    apart = analysed if options.site.steps_partition else set()
    first = [row for row in todo if row.index not in apart]
    rest = [row for row in todo if row.index in apart]
    requests = [SubmitRequest(first, options)] if first else []
    return requests + ([SubmitRequest(rest, options, only_steps=True)] if rest else [])


def send(manifest: Path, ready: Prepared) -> SubmitResult:
    """Submit what was prepared, unless it is a dry run. Call it with the campaign's lock held.

    Raises
    ------
    CommandFailedError
        sbatch refused it, or its reply got lost.
    """
    options, plan, arrays = ready.request.options, ready.plan, ready.arrays
    if plan is not None and not options.dry_run:
        paths = CampaignPaths.of(manifest)
        if not paths.plan(plan.id).exists():
            write_plan(plan, paths.plan(plan.id))
        arrays = _send(paths, plan, ready.scripts, ready.request, arrays)
    return SubmitResult(manifest, plan, ready.scripts, arrays, ready.asked, left_out=ready.left_out)


def with_notice(done: Sequence[SubmitResult], options: SubmitOptions) -> list[SubmitResult]:
    """Submit one notice for all that was submitted together, where the site's profile wants one; noted in the last."""
    arrays = [array for each in done for array in each.arrays]
    if options.dry_run or not arrays:
        return list(done)
    last = next(each for each in reversed(done) if each.arrays)
    job = submit_notice(last.manifest, last.scripts[0][0], arrays, options.site)
    return [replace(each, notice=job) if each is last else each for each in done]


def _send(
    paths: CampaignPaths,
    plan: Plan,
    texts: Sequence[tuple[Script, str]],
    order: SubmitRequest,
    arrays: tuple[Array, ...],
) -> tuple[Array, ...]:
    """Record what is going to be submitted, submit it, and record the replies one by one."""
    for script, text in texts:
        write_text_atomic(paths.script(job_name(script.name)), text)
    kind = "resubmit" if order.again else "submit"
    site = order.options.site
    options = job_arrays.submitted_options([each for each, _ in texts], site, order.options.job, order.again)
    logs = job_arrays.log_folder(order.options.site)
    submission = Submission(plan.id, arrays, _now(), kind, options, home=client.own_cluster(), logs=logs)
    canary: SubmittedJob | None = None
    jobs: dict[str, SubmittedJob] = {}
    for script, _ in texts:
        name = job_name(script.name)
        words = _words(script, site, jobs.get(script.after) if script.after else canary)
        # first the lock: whatever fails before the note is written, this was not submitted
        with inherited_lock(paths.sbatch_lock) as handles:
            submission = replace(submission, sent=_now())
            announce_submission(paths, submission)
            job = _start_sbatch(paths, submission, ["--parsable", *words, str(paths.script(name))], handles)
        submission = submission.with_job(name, job)
        jobs[script.name] = job
        canary = job if script.canary is not None else canary
    write_submission(paths, submission)
    return submission.arrays


def _words(script: Script, site: Site, before: SubmittedJob | None) -> list[str]:
    """Options of sbatch for a script that waits for a job: for its success, or, as steps do, only for its end."""
    if before is None:
        return option_words(script, site)
    kind = "afterany" if script.steps else "afterok"
    words = option_words(replace(script, dependency=f"{kind}:{before.job_id}"), site)
    # the number is of that cluster's: nobody else knows it
    return [*words, *([f"--clusters={before.cluster}"] if before.cluster else [])]


def _start_sbatch(
    paths: CampaignPaths, submission: Submission, words: Sequence[str], handles: Sequence[int]
) -> SubmittedJob:
    """Run sbatch, which holds a lock for as long as it lives: it may outlive this process and submit after all."""
    try:
        return client.submit(["sbatch", *words], keep_open=handles)
    except CommandFailedError as error:
        if not is_refusal(error.message):
            raise CommandFailedError(f"{error.message}\n{LOST_ANSWER}", LOST_ANSWER_HINT) from error
        sent = submission.with_sent_only()
        forget_arrays(paths, sent)
        raise _explain(error, sent.arrays) from error
    except (ToolMissingError, TryAgainError):  # it could not even be started
        forget_arrays(paths, submission.with_sent_only())
        raise


def is_refusal(said: str) -> bool:
    """Whether sbatch reports that Slurm refused, rather than that its reply was lost."""
    return REFUSED in said and not UNANSWERED.search(said)


def _now() -> str:
    """Time with enough digits to tell which of two submissions came later."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def _explain(error: CommandFailedError, sent: Sequence[Array]) -> CommandFailedError:
    before = ", ".join(f"{each.name} as job {each.job_id}" for each in sent)
    return CommandFailedError(
        f"{error.message}\n{f'submitted before that: {before}' if before else 'nothing was submitted'}",
        preflight.find_hint(error.message)
        or "fix the cause, then run the same command again: nothing is submitted twice",
    )


def say_submitted(done: SubmitResult, *, dry_run: bool) -> list[str]:
    """Lines to print for people."""
    if done.only_steps:
        first = say_submitted(replace(done, only_steps=None, notice=""), dry_run=dry_run)
        return [*first, *say_submitted(done.only_steps, dry_run=dry_run)]
    lines = []
    for count, what in ((done.n_finished, "finished"), (done.n_allocated, "submitted before")):
        if count:
            lines.append(f"{plural(count, 'row')} left out: {what}")
    if done.n_unreadable:
        unreadable = plural(done.n_unreadable, "row")
        lines.append(f"{unreadable} left out: no video could be read when the manifest was made")
    for index, problem in done.left_out.items():
        warn(f"row {index} left out: {problem}")
    if done.plan is None:
        return [*lines, "nothing to submit"]
    for array in done.arrays:
        tasks = done.plan.tasks[array.offset : array.offset + array.count]
        rows = row_ranges(index for task in tasks for index in task.rows)
        what = "would be submitted" if dry_run else f"job {array.job_id}{shown_cluster(array.cluster)}"
        of = "the steps of " if array.steps else ""
        lines.append(f"{what}: {array.name}, {plural(array.count, 'task')}, {of}{rows}")
    if done.notice:
        lines.append(f"job {done.notice} sends the notice when they have ended")
    return lines
