"""What commands print: tables for people, one versioned JSON envelope for programs."""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from dlcctr import __version__
from dlcctr.contract import CONTRACT_VERSION
from dlcctr.system.terminal.wrapping import terminal_columns, wrap

if TYPE_CHECKING:
    from rich.table import Table

STDOUT = "standard output"
LONGEST_TABLE = 500
"""Rows from which a table is printed plainly; rich takes a millisecond per row."""
NUMBERS = ("index", "row", "line", "frames", "rows")
"""Columns that are aligned to the right and never wrapped."""
SINGLE_WORDS = ("phase", "problem", "state")
"""Columns with single words, which are never wrapped."""


def envelope(kind: str, **fields: Any) -> dict[str, Any]:
    """Fields of every JSON output: ``dlcctr`` (version), ``contract``, ``kind``; then the command's own."""
    return {"dlcctr": __version__, "contract": CONTRACT_VERSION, "kind": kind, **fields}


def print_json(kind: str, **fields: Any) -> None:
    """Print one JSON document on stdout."""
    _write(json.dumps(envelope(kind, **fields), indent=1) + "\n")


def _write(text: str, *, flush: bool = False) -> None:
    """Write to stdout; an error names it."""
    try:
        sys.stdout.write(text)
        if flush:
            sys.stdout.flush()
    except OSError as error:
        error.filename = STDOUT
        raise


HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # control characters, also of terminals
    "\xad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"  # unseen
    "\u2028\u2029"  # ends of lines
    "\ud800-\udfff]"  # bytes that are no text
)
"""Characters that must not reach a terminal or a log: they move the cursor, hide or reverse text, or fake a line."""


def one_line(text: str) -> str:
    r"""Text from outside on one line, with harmful characters shown as ``\x…``, ``\u…``."""
    return HARMFUL.sub(lambda match: ascii(match[0])[1:-1], text)


def paragraph(text: str) -> str:
    """Text of several lines, all but the first indented, so that none can be mistaken for one of ours."""
    return "\n".join(map(one_line, text.rstrip("\n").split("\n"))).replace("\n", f"\n{INDENT}")


INDENT = "  | "


def print_lines(lines: Iterable[str], *, flush: bool = False) -> None:
    """Print messages, one a line, wrapped at words on a terminal; names in them cannot move the cursor."""
    columns = terminal_columns(sys.stdout)
    for line in lines:
        _write(f"{wrap(one_line(line), columns)}\n", flush=flush)


def print_verbatim(lines: Iterable[str]) -> None:
    """Print lines that somebody may copy into a file: as they are, but for what moves the cursor."""
    for line in lines:
        _write(f"{one_line(line)}\n")


def print_script(text: str) -> None:
    """Print a file's text as it is; on a terminal, harmful characters are shown escaped."""
    if sys.stdout.isatty():
        print_verbatim(text.removesuffix("\n").replace("\t", "    ").split("\n"))
    else:
        _write(text)


def clear_screen() -> None:
    """Clear the screen, if there is one."""
    if sys.stdout.isatty():
        _write("\x1b[2J\x1b[H")


def warn(line: str) -> None:
    """Print one message on stderr, where it stays out of tables and JSON; wrapped at words on a terminal."""
    print(wrap(one_line(line), terminal_columns(sys.stderr)), file=sys.stderr)


def say_error(message: str, hint: str = "") -> None:
    """Print an error and its remedy on stderr; a stderr that cannot be written is ignored."""
    text = f"error: {paragraph(message)}" + (f"\n  what to do: {paragraph(hint)}" if hint else "")
    columns = terminal_columns(sys.stderr)
    with contextlib.suppress(OSError):
        print("\n".join(wrap(line, columns) for line in text.split("\n")), file=sys.stderr)


def say_stopped() -> None:
    """Report on stderr that a person stopped this."""
    with contextlib.suppress(OSError):
        print("stopped", file=sys.stderr)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table: fitted to the terminal, or on a pipe (and if it is long) one plain line per row, for grep."""
    cells = [[one_line(str(cell)) for cell in row] for row in rows]
    if sys.stdout.isatty() and len(cells) <= LONGEST_TABLE:
        from rich.console import Console

        Console(highlight=False, markup=False, emoji=False).print(_table(columns, cells))
        return
    widths = [max(len(line[i]) for line in [columns, *cells]) for i in range(len(columns))]
    for line in [columns, *cells]:
        _write("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Table for a terminal: without the columns that are empty in every row."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    filled = [i for i in range(len(columns)) if any(row[i] for row in rows)]
    for column in (columns[i] for i in filled):
        numeric = column in NUMBERS
        table.add_column(
            column, justify="right" if numeric else "left", no_wrap=numeric or column in SINGLE_WORDS, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(row[i]) for i in filled))
    return table


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


def row_ranges(indices: Iterable[int]) -> str:
    """``row 4``, ``rows 0-3,7``."""
    text = ranges(indices)
    return f"row {text}" if text.isdecimal() else f"rows {text}"


def duration(seconds: float) -> str:
    """A time for people: ``45 s``, ``12 min``, ``3 h 05 min``, ``2 d 03 h``."""
    minutes = round(seconds / 60)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24:02d} h"


def size_text(n_bytes: float) -> str:
    """``1.5 GB``: decimal units, as disks and networks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "B" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
