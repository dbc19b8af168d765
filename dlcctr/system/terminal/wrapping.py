"""Wrap messages at words, so that a terminal cuts neither a word nor, where it can be helped, a command."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from typing import TextIO

INDENT = "    "
"""Indentation of all but a message's first line: deeper than any line of ours, so none can be faked."""
LEAST_COLUMNS = 20
"""Narrower terminals than this wrap by themselves."""
_WORD = re.compile(r"(\s*)(\S+)")
_COMMAND = re.compile(
    r"`[^`]+`"  # what stands in backticks
    r"|(?<![\w./-])(?:(?:dlcctr|dlc) (?!and )|docker (?:load|login|run)|(?:apptainer|singularity) (?:build|run)"
    r"|squeue -|scontrol (?:--|release|update)|pip install|apt-get install|ffmpeg -|ssh-keygen -)"
    r"(?:(?!; |, |\. | \(|: |[;.)]$)[^`)])+"  # a command without them, to the end of its clause
)


def terminal_columns(stream: TextIO) -> int | None:
    """Width of the terminal that a stream goes to, in columns; None where lines are left as they are."""
    try:
        if not stream.isatty():
            return None
        columns = int(os.environ.get("COLUMNS", "0")) or os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    return columns if columns >= LEAST_COLUMNS else None


def wrap(line: str, columns: int | None) -> str:
    """Break a line between words, never within a command; what is wider than the terminal gets its own line.

    Parameters
    ----------
    line : str
        One line, without its end.
    columns : int or None
        Width of the terminal; None leaves the line as it is.

    Returns
    -------
    str
        Lines that are joined by line feeds; all but the first begin with `INDENT`.
    """
    if columns is None or _width(line) <= columns:
        return line
    lines: list[str] = []
    current = ""
    for blanks, word in _words(line):
        if current.strip() and _width(current + blanks + word) > columns:
            lines.append(current)
            current = INDENT + word
        else:
            current += blanks + word
    return "\n".join([*lines, current])


def _words(line: str) -> Iterator[tuple[str, str]]:
    """Words and whole commands, each with the blanks before it."""
    at = 0
    while match := _WORD.match(line, at):
        start, end = match.span(2)
        # a command may begin within a word, behind a bracket
        if (command := _COMMAND.search(line, start)) and command.start() < end:
            end = max(end, command.end())
            end += len(line[end:]) - len(line[end:].lstrip(";,.):"))  # what follows it stays with it
        yield match[1], line[start:end]
        at = end


def _width(text: str) -> int:
    """Columns that a text takes: letters of East Asia take two, accents none."""
    if text.isascii():
        return len(text)
    shown = [each for each in text if not unicodedata.combining(each)]
    return len(shown) + sum(unicodedata.east_asian_width(each) in "WF" for each in shown)
