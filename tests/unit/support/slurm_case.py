"""Campaigns that were handed to a Slurm that is not there: plans, submissions, logs and the scheduler's text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import ExitCode, RowState
from dlcctr.planning.plan import Plan, PlanFacts, PlanTask, write_plan
from dlcctr.slurm.jobs.submissions import Array, Submission, SubmittedOptions, write_submission
from dlcctr.slurm.queue.output import SACCT_FORMAT
from dlcctr.slurm.status.row_status import RowStatus, StatusResult
from dlcctr.slurm.status.status import status
from tests.unit.support.results import Bench, make_bench

SQUEUE_HEADER = "ARRAY_JOB_ID|ARRAY_TASK_ID|STATE|REASON|NODELIST|TIME|TIME_LIMIT|START_TIME|USER|NAME"
SACCT_HEADER = SACCT_FORMAT.replace(",", "|")
SUBMITTED = datetime(2026, 3, 1, 12, 0, tzinfo=timezone.utc).timestamp()
NOW = SUBMITTED + 3600
JOB = "123"


def utc(seconds: float) -> str:
    """As receipts and submissions hold times."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")


def local(seconds: float) -> str:
    """As Slurm prints times."""
    return datetime.fromtimestamp(seconds).isoformat(timespec="seconds")


def squeue_line(
    task: str | int, state: str, *, job: str = JOB, reason: str = "None", node: str = "", time: str = "0:00",
    start: str = "N/A", name: str = "dlcctr", user: str = "",
) -> str:  # fmt: skip
    return f"{job}|{task}|{state}|{reason}|{node}|{time}|1:00:00|{start}|{user}|{name}"


def sacct_line(
    task: str | int, state: str, *, job: str = JOB, code: str = "0:0", node: str = "node1", elapsed: int = 600,
    start: str | None = None, end: str | None = None, tres: str = "", name: str = "dlcctr", limit: int = 60,
    user: str = "",
) -> str:  # fmt: skip
    begun, ended = start or local(SUBMITTED + 60), end or local(SUBMITTED + 660)
    return f"{job}_{task}|{state}|{code}|{node}|{elapsed}|{limit}|{begun}|{ended}|{tres}|{user}|{name}"


def squeue_text(*lines: str) -> str:
    return "\n".join([SQUEUE_HEADER, *lines]) + "\n"


def sacct_text(*lines: str) -> str:
    return "\n".join([SACCT_HEADER, *lines]) + "\n"


@dataclass
class SlurmCase:
    """A campaign on disk, and how its tasks fared."""

    bench: Bench
    plans: list[str] = field(default_factory=list)

    @property
    def paths(self) -> CampaignPaths:
        return CampaignPaths.of(self.bench.manifest)

    def submit(
        self,
        tasks: Sequence[Sequence[int]],
        *,
        job: str = JOB,
        at: float = SUBMITTED,
        arrays: Sequence[Array] | None = None,
        cost_s: float = 100.0,
        facts: dict[str, Any] | None = None,
        **options: Any,
    ) -> str:
        """Write a plan with these tasks and its submission; returns the plan's id."""
        plan_id = f"plan-{len(self.plans)}"
        self.plans.append(plan_id)
        plan = Plan(
            plan_id,
            "m.csv",
            tuple(PlanTask(tuple(rows), cost_s, "") for rows in tasks),
            60,
            facts=PlanFacts(**facts or {}),
        )
        write_plan(plan, self.paths.plan(plan_id))
        held = tuple(arrays) if arrays is not None else (Array("dlcctr", 0, len(tasks), job),)
        write_submission(self.paths, Submission(plan_id, held, utc(at), options=SubmittedOptions(**options)))
        return plan_id

    def commit(self, index: int, *, task: int = 0, job: str = JOB, **changes: Any) -> None:
        """Give a row a whole result that an array task made."""
        self.bench.commit(index, **{**self._made_by(task, job), "finished": utc(SUBMITTED + 600), **changes})

    def fail(
        self, index: int, *, code: int = int(ExitCode.ANALYSIS), cause: str = "it went wrong", task: int = 0,
        job: str = JOB, at: float = SUBMITTED + 600, **changes: Any,
    ) -> None:  # fmt: skip
        """Give a row a failure file that an array task wrote."""
        state = RowState.QUARANTINED if code == ExitCode.VIDEO else RowState.FAILED
        made = {**self._made_by(task, job), "finished": utc(at), "files": [], "frames": None, **changes}
        receipt = self.bench.receipt(index, state=state, exit_code=code, cause=cause, **made)
        file = self.bench.failure_file(index)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(receipt.to_json(), encoding="utf-8")

    @staticmethod
    def _made_by(task: int, job: str) -> dict[str, Any]:
        ids = {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_JOB_ID": "999"} if job else {}
        return {"scheduler": ids, "host": "node7"}

    def log(self, *lines: str, task: int = 0, job: str = JOB, written: float = SUBMITTED + 700) -> Path:
        """Write a task's log."""
        file = self.paths.log(job, task)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        os.utime(file, (written, written))
        return file

    def status(self, *, squeue: str | None = "", sacct: str | None = None, **options: Any) -> StatusResult:
        """Status by these texts; an empty one stands for an answer without jobs, None for no answer."""
        return status(
            self.bench.manifest,
            squeue_text=squeue_text() if squeue == "" else squeue or "",
            sacct_text=sacct or "",
            **{"now": NOW, **options},
        )

    def row(self, index: int = 0, **texts: Any) -> RowStatus:
        """Status of one row."""
        return self.status(**texts).rows[index]


def make_case(folder: Path, n_rows: int = 3, **changes: Any) -> SlurmCase:
    return SlurmCase(make_bench(folder, [f"v{n}.mp4" for n in range(n_rows)], **changes))
