"""What commands print: tables for people, one versioned JSON envelope for programs."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any

from dlcctr import __version__
from dlcctr.contract import CONTRACT_VERSION

LONGEST_TABLE = 500
"""Rows; rich takes a millisecond for each."""

if TYPE_CHECKING:
    from rich.table import Table

Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""From a text and a total to a context manager that yields a function, which counts one step."""


def envelope(kind: str, **fields: Any) -> dict[str, Any]:
    """What every JSON output begins with: ``dlcctr`` (version), ``contract``, ``kind``; then the command's own."""
    return {"dlcctr": __version__, "contract": CONTRACT_VERSION, "kind": kind, **fields}


def print_json(kind: str, **fields: Any) -> None:
    """Print one JSON document on stdout."""
    sys.stdout.write(json.dumps(envelope(kind, **fields), indent=1) + "\n")


def one_line(text: str) -> str:
    r"""Show a name on one line: control characters (also of terminals) and bytes that are no text as ``\x…``."""
    shown = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", lambda match: ascii(match[0])[1:-1], text)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def print_lines(lines: Iterable[str]) -> None:
    """Print plain lines; names in them cannot move the cursor."""
    for line in lines:
        print(one_line(line))


def warn(line: str) -> None:
    """Print one line on stderr, where it stays out of tables and JSON."""
    print(one_line(line), file=sys.stderr)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: fitted to the terminal, or on a pipe (and when it is long) one plain line a row, for grep."""
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty() and len(cells) <= LONGEST_TABLE:
        from rich.console import Console

        Console(highlight=False, markup=False, emoji=False).print(_table(columns, cells))
        return
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    for line in [columns, *cells]:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        numeric = column in ("index", "line", "frames", "rows")
        table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    return table


@contextmanager
def no_progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """What a function uses whose caller asks for no progress bar; see `progress`."""
    del what, total
    yield lambda: None


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Progress bar on stderr, on a terminal only; yields a function that counts one step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def plural(count: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def ranges(indices: Iterable[int]) -> str:
    """``0-3,7``: the form that array jobs take."""
    text: list[str] = []
    run: list[int] = []
    for index in [*sorted(indices), None]:
        if run and (index is None or index != run[-1] + 1):
            text.append(str(run[0]) if run[0] == run[-1] else f"{run[0]}-{run[-1]}")
            run = []
        if index is not None:
            run.append(index)
    return ",".join(text)
