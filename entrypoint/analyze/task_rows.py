"""The rows of an array task, one after the other."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError, GpuError, TryAgainError
from dlcctr.system.console import one_line, ranges
from entrypoint.analyze.analyze_row import run_row
from entrypoint.analyze.request import TaskRequest
from entrypoint.analyze.row_task import resolve_row
from entrypoint.analyze.shared_worker import SharedWorker

ROW_MARK = "== row"
"""Begins the line before a row's own lines; `dlcctr logs` looks for it."""


def _run_one(row: Row, request: TaskRequest, place: SharedWorker) -> int | None:
    """Exit code of a row; None where another lane has it, or where none is tried any more."""
    if place.without_gpu or (request.claims and not claim(request.claims, row.index)):
        return None
    print(one_line(f"{ROW_MARK} {row.index} ({row.video})"))
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
