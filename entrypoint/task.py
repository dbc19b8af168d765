"""`analyze --plan P --task K`: the rows of one array task, one after the other; a bad row never stops the others."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError, GpuError, TryAgainError
from dlcctr.planning.plan import read_plan, task_rows
from dlcctr.system.console import one_line, ranges
from entrypoint.analyze import Request, run_row, stoppable
from entrypoint.rowtask import resolve_row
from entrypoint.workplace import Workplace

ROW_MARK = "== row"
"""Begins the line before a row's own lines; `dlcctr logs` looks for it."""


@dataclass(frozen=True)
class TaskRequest:
    """A task of a plan.

    Parameters
    ----------
    number : int
        Zero-based task of the plan.
    row : Request
        Options for each of its rows; its index means nothing.
    claims : Path or None
        Folder in which the lanes of one task share out its rows (see `entrypoint.lanes`); None for a single lane.
    """

    plan: Path
    number: int
    row: Request
    claims: Path | None = None


def run_task(request: TaskRequest) -> int:
    """Analyse the rows of a task.

    Returns
    -------
    int
        0, or the exit code of its first failed row.

    Raises
    ------
    DlcctrError
        The task itself cannot be done: no such plan, another manifest, a signal.
    """
    rows = task_rows(read_plan(request.plan), request.number, read_manifest(request.row.manifest), request.plan)
    if request.claims is None:
        from entrypoint.lanes import run_lanes, visible_gpus

        gpus = visible_gpus(request.row.device)
        if len(gpus) > 1 and len(rows) > 1:
            return run_lanes(request, rows, gpus)
    message = f"task {request.number}: stopped by {{}}; finished rows stay"
    with stoppable(message), Workplace(request.row.scratch) as place:
        codes = {row.index: code for row in rows if (code := _run_one(row, request, place)) is not None}
    say_result(request.number, rows, codes)
    return first_failure(rows, codes)


def _run_one(row: Row, request: TaskRequest, place: Workplace) -> int | None:
    """Exit code of a row; None where another lane has it, or where none is tried any more."""
    if place.without_gpu or (request.claims and not claim(request.claims, row.index)):
        return None
    print(one_line(f"{ROW_MARK} {row.index} ({row.video})"))
    code = _attempt(row, request, place)
    if request.claims:
        (request.claims / str(row.index)).write_text(str(int(code)))
    return code


def _attempt(row: Row, request: TaskRequest, place: Workplace) -> ExitCode:
    options = replace(request.row, index=row.index)
    try:
        return run_row(resolve_row(row, read_campaign(options.manifest), options), options, place)
    except TryAgainError:
        raise
    except DlcctrError as error:
        _say(error)
        place.without_gpu = isinstance(error, GpuError)  # no other row would fare better on this node
        return error.exit_code
    except Exception as error:
        _say(error)
        place.drop_worker()
        return ExitCode.BUG


def _say(error: Exception) -> None:
    if isinstance(error, DlcctrError):
        lines = [f"error: {error.message}"] + ([f"  what to do: {error.hint}"] if error.hint else [])
    else:
        lines = [f"error: this is a bug in dlcctr: {type(error).__name__}: {error}"]
    print("\n".join(map(one_line, lines)), file=sys.stderr)


def claim(folder: Path, index: int) -> bool:
    """Take a row for this lane; False where another one has it."""
    try:
        os.close(os.open(folder / str(index), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def first_failure(rows: list[Row], codes: dict[int, int]) -> int:
    """Exit code of a task: that of its first failed row."""
    return int(next((codes[row.index] for row in rows if codes.get(row.index)), ExitCode.OK))


def say_result(number: int, rows: list[Row], codes: dict[int, int]) -> None:
    """Print what became of the rows, the failed ones by exit code."""
    failed = {index: code for index, code in codes.items() if code}
    text = f"task {number}: {len(codes) - len(failed)} of {len(rows)} rows done"
    for code in sorted(set(failed.values())):
        text += f"; exit code {int(code)}: rows {ranges(index for index in failed if failed[index] == code)}"
    if left := [row.index for row in rows if row.index not in codes]:
        text += f"; not tried here: rows {ranges(left)}"
    print(text)
