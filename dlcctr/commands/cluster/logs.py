"""The command `logs`: a row's lines, from whichever file holds them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from dlcctr.commands.cluster.on_cluster import runs_on_cluster


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(runs_on_cluster(logs))


def logs(
    manifest: Annotated[Path, typer.Argument(help="Manifest.")],
    row: Annotated[int, typer.Argument(min=0, help="Index of the row.")],
    *,
    show_all: Annotated[
        bool, typer.Option("--all", help="The whole file, with the task's other rows and earlier attempts.")
    ] = False,
    lines: Annotated[int, typer.Option(min=1, help="Print only the last N lines.")] = 200,
) -> None:
    """Print a row's log.

    Uses the log of the row's newest task or local run.
    """
    from dlcctr.slurm.status.row_log import find_log
    from dlcctr.system.terminal.console import print_verbatim, warn

    found = find_log(manifest, row)
    for note in found.notes:
        warn(note)
    chosen, left_out = _last(found.all_lines() if show_all else found.lines(), lines)
    if not chosen and not show_all:
        warn(f"{found.file}: contains nothing about row {row}; these are its last lines")
        chosen, left_out = _last(found.all_lines(), lines)
    more = f", the last {lines} of {lines + left_out} lines" if left_out else ""
    warn(f"{found.file}{more}")
    print_verbatim(chosen)


def _last(lines: Iterator[str], most: int) -> tuple[list[str], int]:
    kept: deque[str] = deque(maxlen=most)
    total = 0
    for total, line in enumerate(lines, start=1):  # noqa: B007 - the count is what is wanted
        kept.append(line)
    return list(kept), total - len(kept)
