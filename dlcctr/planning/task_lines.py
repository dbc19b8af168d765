"""Lines that a task of a plan writes into its log, each beside the function that finds it there again.

Logs of finished tasks are kept: what is written may change only together with a reader that knows the old form as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dlcctr.system.terminal.console import one_line, ranges
from dlcctr.system.values.numbers import parse_whole

ROW_START = re.compile(r"== row ([0-9]+) \(.*\)")
SEVERAL_GPUS = re.compile(r"task [0-9]+: [0-9]+ rows on [0-9]+ GPUs ")
TASK_END = re.compile(r"task [0-9]+: [0-9]+ of [0-9]+ rows done(;|$)")


def row_start(index: int, video: str) -> str:
    """Line before the lines of a row."""
    return one_line(f"== row {index} ({video})")


def parse_row_start(line: str) -> int | None:
    """Index of the row whose lines begin here; None for any other line."""
    found = ROW_START.fullmatch(line)
    return parse_whole(found[1]) if found else None


def several_gpus(task: int, n_rows: int, gpus: Sequence[str]) -> str:
    """First line of a task whose rows run on several GPUs at a time, so that their lines are mixed."""
    return f"task {task}: {n_rows} rows on {len(gpus)} GPUs ({', '.join(gpus)})"


def is_several_gpus(line: str) -> bool:
    """Whether `several_gpus` wrote a line."""
    return SEVERAL_GPUS.match(line) is not None


def task_end(task: int, rows: Sequence[int], codes: Mapping[int, int]) -> str:
    """Last line of a task.

    Parameters
    ----------
    rows : sequence of int
        Indices of all rows of the task.
    codes : mapping
        Exit code of each row that was tried, by its index.
    """
    failed = {index: int(code) for index, code in codes.items() if code}
    text = f"task {task}: {len(codes) - len(failed)} of {len(rows)} rows done"
    for code in sorted(set(failed.values())):
        text += f"; exit code {code}: rows {ranges(index for index in failed if failed[index] == code)}"
    if left := [index for index in rows if index not in codes]:
        text += f"; not tried here: rows {ranges(left)}"
    return text


def is_task_end(line: str) -> bool:
    """Whether `task_end` wrote a line."""
    return TASK_END.match(line) is not None
