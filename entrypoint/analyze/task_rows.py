"""The rows of an array task, one after the other."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from dlcctr.errors import GpuError, TryAgainError
from dlcctr.planning.task_lines import row_start
from dlcctr.system.disk import as_expected
from dlcctr.system.terminal.console import print_lines, say_error
from entrypoint.analyze.analyze_row import run_row
from entrypoint.analyze.request import TaskRequest
from entrypoint.analyze.row_task import resolve_row
from entrypoint.analyze.shared_worker import SharedWorker


def run_one(row: Row, request: TaskRequest, place: SharedWorker) -> int | None:
    """Exit code of a row; None if another process has it, or no more rows are tried."""
    if place.without_gpu or (request.claims and not claim(request.claims, row.index)):
        return None
    print_lines([row_start(row.index, row.video)])
    code = _attempt(row, request, place)
    if request.claims:
        (request.claims / str(row.index)).write_text(str(int(code)))
    return code


def _attempt(row: Row, request: TaskRequest, place: SharedWorker) -> ExitCode:
    options = replace(request.row, index=row.index)
    try:
        return run_row(resolve_row(row, read_campaign(options.manifest), options), options, place)
    except TryAgainError:
        raise
    except Exception as error:
        known = as_expected(error)
        say_error(known.message, known.hint)
        if known is not error:
            place.drop_worker()
        place.without_gpu = isinstance(error, GpuError)  # no other row would fare better on this node
        return known.exit_code


def claim(folder: Path, index: int) -> bool:
    """Claim a row for this process; False if another one has it."""
    try:
        os.close(os.open(folder / str(index), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def first_failure(rows: list[Row], codes: dict[int, int]) -> int:
    """Exit code of a task: that of its first failed row."""
    return int(next((codes[row.index] for row in rows if codes.get(row.index)), ExitCode.OK))
