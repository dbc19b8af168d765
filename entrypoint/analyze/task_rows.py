"""The rows of an array task, one after the other."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import ExitCode
from dlcctr.errors import DlcctrError, GpuError, TryAgainError
from dlcctr.planning.task_lines import row_start
from dlcctr.results.commit import Standing, standing
from dlcctr.system.disk import as_expected
from dlcctr.system.terminal.console import print_lines, say_error
from entrypoint.analyze.request import RowRequest, TaskRequest
from entrypoint.analyze.row.analyze_row import run_row
from entrypoint.analyze.row.steps import do_steps
from entrypoint.analyze.row.task import RowTask, resolve_row
from entrypoint.analyze.worker.shared import SharedWorker


def by_video(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows in their order, those of one video that follow each other together: they share a pass over it."""
    return [list(group) for _, group in itertools.groupby(rows, lambda row: (row.video, row.fingerprint))]


def run_group(rows: Sequence[Row], request: TaskRequest, place: SharedWorker) -> dict[int, int]:
    """Exit codes of rows of one video; none where another process has them, or no more rows are tried."""
    codes: dict[int, int] = {}
    if place.without_gpu or (request.claims and not claim(request.claims, [row.index for row in rows])):
        return codes
    for number, row in enumerate(rows):
        if place.without_gpu:
            break
        print_lines([row_start(row.index, row.video)])
        codes[row.index] = int(_attempt(row, rows[number + 1 :], request, place))
        if request.claims:
            (request.claims / str(row.index)).write_text(str(codes[row.index]))
    return codes


def _attempt(row: Row, others: Sequence[Row], request: TaskRequest, place: SharedWorker) -> ExitCode:
    options = replace(request.row, index=row.index)
    try:
        task = _resolve(row, options)
        run_row(replace(task, beside=tuple(_beside(task, others, options))), options, place)
        return do_steps(task, options, place)
    except TryAgainError:
        raise
    except Exception as error:
        known = as_expected(error)
        say_error(known.message, known.hint)
        if known is not error:
            place.drop_worker()
        place.without_gpu = isinstance(error, GpuError)  # no other row would fare better on this node
        return known.exit_code


def _resolve(row: Row, options: RowRequest) -> RowTask:
    return resolve_row(row, read_campaign(options.manifest), options)


def _beside(task: RowTask, rows: Sequence[Row], options: RowRequest) -> Iterator[RowTask]:
    """Those of the rows that may share the pass of a task; what is wrong with one is said when its turn comes."""
    for row in rows:
        with contextlib.suppress(DlcctrError):
            other = _resolve(row, replace(options, index=row.index))
            finished = standing(other.folder, row, other.expected).state is Standing.FINISHED
            if task.may_share_pass(other) and (options.overwrite or not finished):
                yield other


def claim(folder: Path, indices: Sequence[int]) -> bool:
    """Claim rows for this process; False if another one has the first of them."""
    try:
        for index in indices:
            os.close(os.open(folder / str(index), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return False
    return True


def first_failure(rows: list[Row], codes: dict[int, int]) -> int:
    """Exit code of a task: that of its first failed row."""
    return int(next((codes[row.index] for row in rows if codes.get(row.index)), ExitCode.OK))
