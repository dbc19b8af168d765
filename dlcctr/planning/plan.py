"""Plans: which rows each array task has. Written once, read by every task, never changed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.errors import ManifestError
from dlcctr.planning.cost import Speed
from dlcctr.system.files import write_text_atomic
from dlcctr.system.state_files import StateFile
from dlcctr.system.values.names import check_name
from dlcctr.system.values.records import OMIT, Open, to_table

PLAN_HINT = "make a new plan: dlcctr plan MANIFEST"
NO_TASK_HINT = (
    "correct the task's number; in a job script, the range of --array: its indices and the offset give the tasks"
)


@dataclass(frozen=True)
class PlanTask(Open):
    """One array task.

    Parameters
    ----------
    rows : tuple of int
        Indices of its rows in the order in which they run.
    cost_s : float
        Expected time in seconds, fixed costs included.
    steps_s : float
        Expected time of its rows' steps, in seconds: a part of `cost_s`, unless the plan's steps are apart.
    digest : str
        Digest of the rows' indices, videos and fingerprints (`rows_digest`), by which a changed manifest is noticed.
    """

    rows: tuple[int, ...]
    cost_s: float
    digest: str
    steps_s: float = field(default=0.0, metadata=OMIT)


@dataclass(frozen=True)
class PlanFacts(Open):
    """What a plan was made from, and its totals; 0 or None if the plan does not say.

    Parameters
    ----------
    speed : Speed or None
        Speed of one GPU, and its origin.
    margin, time_factor : float
        Time limit over expected time, and what stretches it once more for rows that ran out of time.
    max_parallel, gpus_per_task : int
        GPUs that the campaign is expected to have at a time, and GPUs of one task.
    tasks : int or None
        Number of tasks that was requested.
    task_time_min : float or None
        Length of a task that was requested, in minutes.
    rows : int
        Number of rows.
    total_s, finish_s : float
        Expected GPU time, and expected time until all is done, in seconds.
    max_array_size : int
        Slurm's MaxArraySize.
    max_submit : int or None
        Array tasks that a user may have in the queue; None without a limit.
    steps : str
        Digest of the campaign's steps then; empty where it had none.
    """

    speed: Speed | None = None
    margin: float = 0.0
    time_factor: float = 1.0
    max_parallel: int = 0
    gpus_per_task: int = 1
    tasks: int | None = None
    task_time_min: float | None = None
    rows: int = 0
    total_s: float = 0.0
    finish_s: float = 0.0
    max_array_size: int = 0
    max_submit: int | None = None
    steps: str = field(default="", metadata=OMIT)


@dataclass(frozen=True)
class Plan:
    """Array task K is ``tasks[K]``.

    Parameters
    ----------
    id : str
        Name of the plan and of its file.
    manifest : str
        Name of the manifest's file.
    time_limit_min : int
        Time limit of each task, in minutes: the longest expected time and a margin.
    created : str
        Time in UTC, ISO 8601.
    facts : PlanFacts
        Speed, margin and totals that the plan was made from.
    steps_time_min : int or None
        Time limit of the tasks that do the steps, where these are apart from the analyses; None where they are not.
    steps_mem_gb : int
        Memory that the steps need, in GB; 0 without steps.

    Raises
    ------
    ValueError
        `id` or `manifest` is not the name of a file.
    """

    id: str
    manifest: str
    tasks: tuple[PlanTask, ...]
    time_limit_min: int
    created: str = ""
    facts: PlanFacts = field(default_factory=PlanFacts)
    steps_time_min: int | None = field(default=None, metadata=OMIT)
    steps_mem_gb: int = field(default=0, metadata=OMIT)

    def __post_init__(self) -> None:
        check_name(self.id, "the id of a plan")
        check_name(self.manifest, "a manifest's name")

    @property
    def rows(self) -> list[int]:
        """Indices of all rows, sorted."""
        return sorted(index for task in self.tasks for index in task.rows)


def new_plan_id() -> str:
    """Name that sorts by time and differs even for two plans of the same second."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def rows_digest(rows: Iterable[Row]) -> str:
    """First 16 digits of the sha256 of rows' indices, videos and fingerprints, in the order given."""
    text = json.dumps([[row.index, row.video, row.fingerprint] for row in rows], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def write_plan(plan: Plan, file: Path) -> None:
    """Write a plan, one task per line; readers find all of it or nothing."""
    rounded = tuple(replace(task, cost_s=round(task.cost_s, 1), steps_s=round(task.steps_s, 1)) for task in plan.tasks)
    head = PLANS.table(replace(plan, tasks=rounded))
    tasks = ",\n".join(map(json.dumps, to_table(list(rounded))))
    del head["tasks"]
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(file, f'{text},\n "tasks": [\n{tasks}\n]}}\n')


PLANS = StateFile(
    Plan,
    "a plan",
    ManifestError,
    hint=PLAN_HINT,
    read_hint=PLAN_HINT,
    version_hint="use the image and the dlcctr of the same version for one campaign",
)


def read_plan(file: Path) -> Plan:
    """Read a plan.

    Raises
    ------
    ManifestError
        The file does not exist, or is not a plan; the message names file and key.
    ContractError
        It was written by another contract version.
    """
    return PLANS.read(file)


def task_rows(plan: Plan, number: int, rows: Sequence[Row] | Mapping[int, Row], file: Path) -> list[Row]:
    """Rows of a task, in the order in which they run.

    Raises
    ------
    ManifestError
        The plan has no such task, or the manifest's rows have changed since it was made.
    """
    if not 0 <= number < len(plan.tasks):
        raise ManifestError(f"{file}: no task {number}: tasks run from 0 to {len(plan.tasks) - 1}", NO_TASK_HINT)
    by_index = rows if isinstance(rows, Mapping) else {row.index: row for row in rows}
    task = plan.tasks[number]
    if missing := [index for index in task.rows if index not in by_index]:
        raise ManifestError(f"{file}: its row {missing[0]} is no longer in the manifest", PLAN_HINT)
    found = [by_index[index] for index in task.rows]
    if rows_digest(found) != task.digest:
        raise ManifestError(
            f"{file}: the rows of task {number} were changed in the manifest since the plan was made", PLAN_HINT
        )
    return found
