"""The command `check`: account for every row."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dlcctr.results.row_state import CheckResult, RowResult


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(check)


def check(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    model: Annotated[
        Path | None, typer.Option(help="Trained DeepLabCut project or bundle; by default the one in campaign.toml.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Root of the results; by default the one in campaign.toml.")] = None,
    accept_degraded: Annotated[
        bool, typer.Option("--accept-degraded", help="Accept results in which some frames did not decode.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="Compare sizes only; misses edited values and shifted frames.")
    ] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Also open every .h5 (needs pandas: in the image).")] = False,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    show_all: Annotated[bool, typer.Option("--all", help="List whole rows too.")] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of rows to check at once.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Account for every row: whole, degraded, failed, broken or missing.

    Exits with 0 if all rows are whole, and with 20 and a list of the others if not.
    """
    from dlcctr.results.check import CheckOptions
    from dlcctr.results.check import check as run_check
    from dlcctr.system.terminal.console import print_json
    from dlcctr.system.terminal.progress import progress

    options = CheckOptions(model, out, accept_degraded=accept_degraded, quick=quick, deep=deep, jobs=jobs, rows=rows)
    result = run_check(manifest, options, progress=progress)
    if as_json:
        print_json("check", **as_fields(result))
    else:
        _print(result, show_all=show_all)
    raise typer.Exit(int(result.exit_code))


def as_fields(result: CheckResult) -> dict[str, Any]:
    """Body of the JSON output."""
    return {
        "manifest": str(result.manifest),
        "out": str(result.campaign.out),
        "exit_code": int(result.exit_code),
        "totals": result.totals,
        "rows": [_row_fields(row) for row in result.rows],
        "notes": result.notes,
    }


def _row_fields(result: RowResult) -> dict[str, Any]:
    return {
        "index": result.row.index,
        "line": result.row.line,
        "video": result.row.video,
        "state": result.state.value,
        "cause": result.cause,
        "notes": list(result.notes),
        "folder": str(result.folder) if result.folder else None,
        "kept_frames": result.kept_frames,
    }


def _print(result: CheckResult, *, show_all: bool) -> None:
    from dlcctr.commands.in_image import say_next
    from dlcctr.results.row_state import State
    from dlcctr.slurm.advice import after_check
    from dlcctr.slurm.whereabouts import find_whereabouts
    from dlcctr.system.terminal.console import plural, print_lines, print_table

    shown = [row for row in result.rows if show_all or row.state is not State.WHOLE]
    if shown:
        print_table(
            ("row", "state", "video", "cause"),
            [(row.row.index, row.state.value, row.row.video, "; ".join(filter(None, (row.cause, *row.notes))))
             for row in shown],
        )  # fmt: skip
    print_lines([f"note: {note}" for note in (*_notes_of_whole(result), *result.notes)])
    counts = ", ".join(f"{count} {state}" for state, count in result.totals.items() if count)
    place = find_whereabouts(result.manifest, result.campaign)
    print_lines([f"{plural(len(result.rows), 'row')}: {counts or 'none'}"])
    say_next(after_check(result, place))


def _notes_of_whole(result: CheckResult) -> list[str]:
    """Notes on whole rows, each once: if the videos' folder has moved, all rows have the same note."""
    from dlcctr.results.row_state import State
    from dlcctr.system.terminal.console import row_ranges

    rows: dict[str, list[int]] = {}
    for row in result.rows:
        if row.state is State.WHOLE:
            for note in row.notes:
                rows.setdefault(note, []).append(row.row.index)
    return [f"{row_ranges(indices)}: {note}" for note, indices in rows.items()]
