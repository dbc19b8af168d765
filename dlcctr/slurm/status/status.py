"""`status`: one phase for every row, from results, submissions and the scheduler's answers."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths, typed_manifest
from dlcctr.contract import ExitCode
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.row_state import Attempt, CheckResult, RowResult, State
from dlcctr.slurm.jobs.arrivals import sbatch_runs
from dlcctr.slurm.jobs.ledger import Ledger, SubmissionHistory, SubmittedTask, read_submitted
from dlcctr.slurm.queue.client import Place
from dlcctr.slurm.queue.output import REQUEUABLE, SQUEUE_WORDS, Key, TaskState, shown_words
from dlcctr.slurm.queue.scheduler import Scheduler, read_scheduler, shown_cluster
from dlcctr.slurm.site.prices import Cost, cost_of, has_prices
from dlcctr.slurm.status.canary import canary_notes, explain_canaries
from dlcctr.slurm.status.causes import STEPS, Cause, of_failure, of_task
from dlcctr.slurm.status.live_tasks import look_at_tasks
from dlcctr.slurm.status.row_status import Phase, RowStatus, StatusResult
from dlcctr.slurm.status.throughput import measure
from dlcctr.slurm.task_log import LogEnd, last_error, read_end
from dlcctr.system.terminal.progress import RowProgress, no_progress

SETTLE_S = 60.0
"""Seconds until a node's last files are visible elsewhere on a shared file system."""
STEPS_WAIT = "analysed; its steps wait for the end of the analyses"
NOT_ASKED = "the scheduler was not asked or did not answer"


def status(
    manifest: Path,
    *,
    squeue_text: str | None = None,
    sacct_text: str | None = None,
    accept_degraded: bool = False,
    now: float | None = None,
    progress: RowProgress = no_progress,
) -> StatusResult:
    """Account for every row of a manifest that was submitted to Slurm.

    Parameters
    ----------
    squeue_text, sacct_text : str, optional
        What these commands printed, with header; without it they are asked, where they are installed.
    now : float, optional
        Seconds since 1970.

    Raises
    ------
    ManifestError, ContractError
        Manifest, campaign, a plan or a submission cannot be read.
    UsageError
        A text is not the command's output.
    """
    submitted = read_submitted(manifest)
    paths = CampaignPaths.of(manifest)
    runs = sbatch_runs(paths)
    # The scheduler first: a task that ends in between has its receipts by the time these are read
    scheduler = _ask(submitted, squeue_text, sacct_text)
    submitted = submitted.seen_by(scheduler)
    now = time.time() if now is None else now
    ledger = submitted.ledger(scheduler, now, sbatch_runs=runs)
    checked = check(manifest, CheckOptions(quick=True), progress=progress)
    joiner = _Joiner(paths, ledger, scheduler, checked, now)
    rows = [joiner.row(result) for result in checked.rows]
    rows = explain_canaries(rows, submitted.submissions, joiner.has_begun)
    live = {row.index: result.row.frames for row, result in zip(rows, checked.rows, strict=True) if row.is_live}
    tasks = look_at_tasks(paths, ledger.tasks, joiner.states, submitted.submissions, live, now=now)
    pace = measure(
        live,
        checked.rows,
        ledger,
        joiner.states,
        scheduler.sacct.states.values(),
        looked=tasks,
        now=now,
    )
    return StatusResult(
        manifest=manifest,
        rows=rows,
        pace=pace,
        asked={"squeue": not scheduler.silent, "sacct": scheduler.asked <= scheduler.sacct.clusters},
        notes=[
            *checked.remarks,
            *canary_notes(rows),
            *_notes(submitted, scheduler, rows, given=squeue_text is not None),
        ],
        accept_degraded=accept_degraded,
        silent=tuple(sorted(scheduler.silent)),
        tasks=tasks,
        cost=_cost(submitted, pace.gpu_hours),
    )


def _cost(submitted: SubmissionHistory, gpu_hours: float | None) -> Cost:
    """Cost at the prices of the newest submission that has any."""
    sites = [each.options.site_values for each in reversed(submitted.submissions) if each.options.site_values]
    priced = next((site for site in sites if has_prices(site)), None)
    return Cost() if priced is None or gpu_hours is None else cost_of(priced, gpu_hours)


def _ask(submitted: SubmissionHistory, squeue_text: str | None, sacct_text: str | None) -> Scheduler:
    if squeue_text is None and sacct_text is None:
        return submitted.ask()
    return read_scheduler(submitted.candidates, squeue_text, sacct_text)


def _notes(submitted: SubmissionHistory, scheduler: Scheduler, rows: Sequence[RowStatus], *, given: bool) -> list[str]:
    if not submitted.submissions:
        return []
    notes = list(submitted.doubts)
    if scheduler.silent:
        named = sorted(filter(None, scheduler.silent))
        of = shown_cluster(", ".join(named))
        notes.append(f"squeue did not answer{of}: rows without a result may still be waiting or running")
        if given or not shutil.which("squeue"):
            notes.append(f"give its output: {_with_squeue(submitted, scheduler, '--me')}")
    hidden = {f"squeue does not show jobs of {user}": user for each in submitted.submissions
              if scheduler.hides_jobs_of(user := each.options.user)}  # fmt: skip
    unseen = {hidden[text] for text in hidden if any(row.is_live and text in row.reason for row in rows)}
    if unseen:
        who = ", ".join(sorted(unseen))
        notes.append(f"squeue shows no jobs of {who} here: rows that they submitted may be waiting, running or over")
        notes.append(
            f"give the output of all jobs: {_with_squeue(submitted, scheduler)}" if given else f"{who} can look at them"
        )
    if scheduler.asked - scheduler.sacct.clusters and any(row.cause_kind == "lost" for row in rows):
        notes.append("sacct did not answer (no accounting here, or it is down): causes are from the tasks' own logs")
    return notes


def _with_squeue(submitted: SubmissionHistory, scheduler: Scheduler, *options: str) -> str:
    """Command line that asks squeue here and gives `status` its output."""
    words = Place(",".join(sorted(filter(None, scheduler.asked)))).words
    command = shown_words([SQUEUE_WORDS[0], *options, *words, *SQUEUE_WORDS[1:]])
    return f"{command} | dlcctr status {typed_manifest(submitted.paths.manifest)} --squeue -"


class _Joiner:
    """Combines what is known about each row; reads each task's state and log once."""

    def __init__(
        self, paths: CampaignPaths, ledger: Ledger, scheduler: Scheduler, checked: CheckResult, now: float
    ) -> None:
        self.paths, self.ledger, self.scheduler, self.now = paths, ledger, scheduler, now
        self.states: dict[Key, TaskState | None] = {
            task.key: task.state(scheduler) for task in ledger.tasks if task.job_id
        }
        self._ends: dict[Key, LogEnd | None] = {}
        self._failed = self._failures(checked.rows)

    def _failures(self, results: Sequence[RowResult]) -> dict[Key, dict[int, RowResult]]:
        """Task to exit code to the row that failed in it with that code."""
        found: dict[Key, dict[int, RowResult]] = {}
        for result in results:
            task = self._task(result)
            if task and result.state in (State.FAILED, State.QUARANTINED) and self._is_of(result.attempt, task):
                found.setdefault(task.key, {})[result.attempt.exit_code if result.attempt else 0] = result
        return found

    def _is_of(self, attempt: Attempt | None, task: SubmittedTask) -> bool:
        """Whether a failure file is of the last run of a row's newest task, or younger than that."""
        state = self.states.get(task.key)
        if attempt is None or (state and state.is_pending):
            return False  # what waits again will try again
        finished = attempt.finished if attempt.finished is not None else self.now
        if task.made(attempt):
            end = None if state and state.is_live else self._end(task)
            if end and end.restarts is not None:
                return attempt.restarts == end.restarts
            # the clocks of node and controller need not agree: only where the log does not tell the run
            return not (state and state.start and state.start > finished)
        if state and state.is_running:
            return False  # somebody else's failure: this task will try it, too
        if attempt.job_id and self.ledger.has(attempt.job_id, attempt.cluster):
            return False  # an earlier task's, whatever the clock of its node says
        return finished >= max(task.created, (state.start or 0.0) if state else 0.0)

    def _task(self, result: RowResult) -> SubmittedTask | None:
        return self.ledger.task_of(result.row.index, analysed=result.analysed)

    def row(self, result: RowResult) -> RowStatus:
        """Phase of a row."""
        task = self._task(result)
        status = RowStatus(
            result.row.index, result.row.video, Phase.UNSUBMITTED, flags=result.flags, analysed=result.analysed
        )
        if task:
            state = self.states.get(task.key)
            status = replace(
                status,
                job=task.name,
                task=task.number,
                plan=task.plan,
                node=state.node if state else "",
                attempts=self.ledger.attempts[result.row.index],
                cluster=",".join(filter(None, (self.scheduler.place(name).named for name in task.clusters))),
            )
        settled = {
            State.WHOLE: Phase.DONE,
            State.DEGRADED: Phase.DEGRADED,
            State.UNREADABLE: Phase.UNREADABLE,
        }.get(result.state)
        if settled:
            return self._settled(status, settled, result)
        if task is None:
            return self._failure(status, result) if result.attempt or result.state is State.BROKEN else status
        if result.state in (State.FAILED, State.QUARANTINED) and self._is_of(result.attempt, task):
            return self._failure(status, result)
        if live := self._live(status, task):
            return live
        return self._failure(status, result) if result.state is State.BROKEN else self._ended(status, task, result)

    def _settled(self, status: RowStatus, phase: Phase, result: RowResult) -> RowStatus:
        made_by = result.attempt
        if phase is Phase.UNREADABLE:
            return replace(status, phase=phase, cause=result.cause, cause_kind="video")
        return replace(status, phase=phase, cause=result.cause, node=made_by.host if made_by else status.node)

    def _failure(self, status: RowStatus, result: RowResult) -> RowStatus:
        if result.state is State.BROKEN or result.attempt is None:
            return replace(status, phase=Phase.BROKEN, cause=result.cause, cause_kind="output")
        quarantined = result.state is State.QUARANTINED
        cause = of_failure(result.attempt.exit_code, result.cause, result.attempt.host)
        return _with_cause(status, Phase.QUARANTINED if quarantined else Phase.FAILED, cause)

    def _live(self, status: RowStatus, task: SubmittedTask) -> RowStatus | None:
        """Status of a row whose task waits or runs, as far as known; None if it does neither."""
        state = self.states.get(task.key)
        if state and state.is_live:
            phase = Phase.PENDING if state.is_pending else Phase.RUNNING
            reason = STEPS_WAIT if task.steps and state.reason == "Dependency" else state.reason
            return replace(status, phase=phase, reason=reason or _shown_state(state))
        if state:
            if not self._knows(task) and state.state in REQUEUABLE:
                return replace(status, phase=Phase.PENDING, reason=f"perhaps requeued: {self._not_told(task)}")
            settling = state.state == "COMPLETED" and state.end is not None and self.now - state.end < SETTLE_S
            return replace(status, phase=Phase.RUNNING, reason="ended a moment ago") if settling else None
        if not task.job_id:
            what = "printed; perhaps it was submitted" if task.by_hand else "sbatch has not answered"
            return replace(status, phase=Phase.PENDING, reason=f"{what}: {task.unsure}")
        if self._knows(task) or self._end(task):
            return None
        began = task.log(self.paths).exists()
        return replace(status, phase=Phase.RUNNING if began else Phase.PENDING, reason=self._not_told(task))

    def _knows(self, task: SubmittedTask) -> bool:
        """Whether a task that squeue does not report neither waits nor runs."""
        return self.scheduler.knows(task.clusters, task.user)

    def _not_told(self, task: SubmittedTask) -> str:
        return f"squeue does not show jobs of {task.user}" if self.scheduler.hides_jobs_of(task.user) else NOT_ASKED

    def has_begun(self, status: RowStatus) -> bool:
        """Whether the newest task of a row has written a log."""
        task = self.ledger.task_of(status.index, analysed=status.analysed)
        return task is not None and bool(task.job_id) and task.log(self.paths).exists()

    def _end(self, task: SubmittedTask) -> LogEnd | None:
        if task.key not in self._ends:
            self._ends[task.key] = read_end(task.log(self.paths))
        return self._ends[task.key]

    def _ended(self, status: RowStatus, task: SubmittedTask, result: RowResult) -> RowStatus:
        """Status of a row whose task is over and recorded nothing about it."""
        end = self._end(task)
        cause = of_task(self.states.get(task.key), end, task.time_limit_s)
        if end and end.code == cause.code and cause.code and not end.cause:
            error, _ = last_error(task.log(self.paths))
            cause = replace(cause, text=f"{cause.text}: {error}") if error else cause
        if result.analysed and cause.kind == "lost":  # nothing was lost: a step was added, or has become due again
            return _with_cause(status, Phase.FAILED, Cause(STEPS, result.cause, cause.node))
        failed = self._failed.get(task.key, {})
        if without_gpu := failed.get(ExitCode.GPU):
            node = without_gpu.attempt.host if without_gpu.attempt else cause.node
            kind = of_failure(ExitCode.GPU, without_gpu.cause, node).kind
            cause = Cause(kind, f"not tried: row {without_gpu.row.index} found no working GPU", node)
        elif cause.code in failed:
            # a task ends with the code of its first failed row, which says nothing of the others
            failed_first = failed[cause.code].row.index
            text = f"the task continued after row {failed_first} failed, but recorded nothing about this row"
            cause = Cause("lost", text, cause.node)
        return _with_cause(status, Phase.LOST if cause.kind == "lost" else Phase.FAILED, cause)


def _shown_state(state: TaskState) -> str:
    return "" if state.state in ("PENDING", "RUNNING") else state.state.lower()


def _with_cause(status: RowStatus, phase: Phase, cause: Cause) -> RowStatus:
    return replace(
        status, phase=phase, cause=cause.text, cause_kind=cause.kind, node=cause.node or status.node, code=cause.code
    )
