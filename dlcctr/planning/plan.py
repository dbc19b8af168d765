"""Plans: which rows an array task is made of. Written once, read by every task, never changed."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dlcctr.campaign.rows import Row
from dlcctr.contract import CONTRACT_VERSION
from dlcctr.errors import ContractError, ManifestError
from dlcctr.system.files import write_text_atomic

PLAN_HINT = "make a new one with `dlcctr plan`"


@dataclass(frozen=True)
class PlanTask:
    """One array task.

    Parameters
    ----------
    rows : tuple of int
        Indices of its rows in the order in which they run.
    cost_s : float
        Expected time in seconds, fixed costs included.
    digest : str
        Of its rows' indices, videos and fingerprints (`rows_digest`): a manifest that was changed since is noticed.
    """

    rows: tuple[int, ...]
    cost_s: float
    digest: str


@dataclass(frozen=True)
class Plan:
    """Array task K is ``tasks[K]``.

    Parameters
    ----------
    id : str
        Also the file's name.
    manifest : str
        Name of the manifest's file.
    time_limit_min : int
        What to ask the scheduler for, for each task: the longest expected time and a margin.
    facts : dict
        What it was made from (speed and its source, fixed costs, options), for people.
    """

    id: str
    manifest: str
    tasks: tuple[PlanTask, ...]
    time_limit_min: int
    created: str = ""
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rows(self) -> list[int]:
        """Indices of all rows, sorted."""
        return sorted(index for task in self.tasks for index in task.rows)


def new_plan_id() -> str:
    """Name that sorts by time and that two plans of one second do not share."""
    return f"{datetime.now(timezone.utc):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


def rows_digest(rows: Iterable[Row]) -> str:
    """First 16 digits of the sha256 of rows' indices, videos and fingerprints, in the order given."""
    text = json.dumps([[row.index, row.video, row.fingerprint] for row in rows], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def write_plan(plan: Plan, file: Path) -> None:
    """Write a plan, a task a line. Whoever reads it finds all of it or nothing."""
    head = {"contract": CONTRACT_VERSION, **{k: v for k, v in asdict(plan).items() if k != "tasks"}}
    tasks = ",\n".join(
        json.dumps({"rows": t.rows, "cost_s": round(t.cost_s, 1), "digest": t.digest}) for t in plan.tasks
    )
    text = json.dumps(head, indent=1, ensure_ascii=False).removesuffix("\n}")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomic(file, f'{text},\n "tasks": [\n{tasks}\n]}}\n')


def read_plan(file: Path) -> Plan:
    """Read a plan.

    Raises
    ------
    ManifestError
        It is not there or no plan.
    ContractError
        It was written by another contract version.
    """
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
        version = table.pop("contract")
    except OSError as error:
        raise ManifestError(f"{file}: the plan cannot be read: {error.strerror}", PLAN_HINT) from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ManifestError(f"{file}: not a plan ({error})", PLAN_HINT) from error
    if version != CONTRACT_VERSION:
        raise ContractError(
            f"{file}: written for contract {version}; this program speaks {CONTRACT_VERSION}",
            "use the image and the dlcctr of the same version for one campaign",
        )
    try:
        tasks = tuple(PlanTask(tuple(task["rows"]), task["cost_s"], task["digest"]) for task in table.pop("tasks"))
        return Plan(**table, tasks=tasks)
    except (KeyError, TypeError) as error:
        raise ManifestError(f"{file}: not a plan ({error})", PLAN_HINT) from error


def task_rows(plan: Plan, number: int, rows: Sequence[Row] | Mapping[int, Row], file: Path) -> list[Row]:
    """Rows of a task, in the order in which they run.

    Raises
    ------
    ManifestError
        The plan has no such task, or the manifest's rows are not those that it was made for.
    """
    if not 0 <= number < len(plan.tasks):
        raise ManifestError(f"{file}: no task {number}: tasks go from 0 to {len(plan.tasks) - 1}", PLAN_HINT)
    by_index = rows if isinstance(rows, Mapping) else {row.index: row for row in rows}
    task = plan.tasks[number]
    if missing := [index for index in task.rows if index not in by_index]:
        raise ManifestError(f"{file}: its row {missing[0]} is not in the manifest any more", PLAN_HINT)
    found = [by_index[index] for index in task.rows]
    if rows_digest(found) != task.digest:
        raise ManifestError(
            f"{file}: the rows of task {number} were changed in the manifest since the plan was made", PLAN_HINT
        )
    return found
