"""The command `check`: account for every row."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dlcctr.quality.record import Quality
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
    flagged: Annotated[
        bool, typer.Option("--flagged", help="List rows whose tracking is suspicious; exit with 20 if there are any.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Account for every row: whole, degraded, failed, broken or missing.

    Exits with 0 if all rows are whole, and with 20 and a list of the others if not.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.results.check import CheckOptions
    from dlcctr.results.check import check as run_check
    from dlcctr.system.terminal.console import print_json
    from dlcctr.system.terminal.progress import progress

    options = CheckOptions(model, out, accept_degraded=accept_degraded, quick=quick, deep=deep, jobs=jobs, rows=rows)
    result = run_check(manifest, options, progress=progress)
    qualities = _qualities(result)
    code = result.exit_code
    if flagged and any(quality.flags for quality in qualities.values()):
        code = ExitCode.UNFINISHED
    if as_json:
        print_json("check", **{**as_fields(result, qualities), "exit_code": int(code)})
    else:
        _print(result, qualities, show_all=show_all, show_flags=flagged)
    raise typer.Exit(int(code))


def _qualities(result: CheckResult) -> dict[int, Quality]:
    """What was judged of the rows that have a result."""
    from dlcctr.quality.rows import read_qualities

    return read_qualities((each.row, each.folder) for each in result.rows if each.folder and each.analysed)


def as_fields(result: CheckResult, qualities: Mapping[int, Quality] = MappingProxyType({})) -> dict[str, Any]:
    """Body of the JSON output."""
    return {
        "manifest": str(result.manifest),
        "out": str(result.campaign.out),
        "exit_code": int(result.exit_code),
        "totals": result.totals,
        "rows": [_row_fields(row, qualities.get(row.row.index)) for row in result.rows],
        "notes": result.notes,
    }


def _row_fields(result: RowResult, quality: Quality | None) -> dict[str, Any]:
    return {
        "index": result.row.index,
        "line": result.row.line,
        "video": result.row.video,
        "state": result.state.value,
        "cause": result.cause,
        "notes": list(result.notes),
        "folder": str(result.folder) if result.folder else None,
        "kept_frames": result.kept_frames,
        "flags": list(quality.flag_names) if quality else None,
        "analysed": result.analysed,
        "steps": {step.spec.name: {"state": step.state.value, "detail": step.detail} for step in result.steps},
    }


def _print(result: CheckResult, qualities: Mapping[int, Quality], *, show_all: bool, show_flags: bool) -> None:
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
    _print_flags(result, qualities, show_flags=show_flags)
    counts = ", ".join(f"{count} {state}" for state, count in result.totals.items() if count)
    place = find_whereabouts(result.manifest, result.campaign)
    print_lines([f"{plural(len(result.rows), 'row')}: {counts or 'none'}"])
    say_next(after_check(result, place) or _after_all(result, qualities))


def _after_all(result: CheckResult, qualities: Mapping[int, Quality]) -> list[str]:
    """What comes next where every row is whole."""
    name = shlex.quote(str(result.manifest))
    return [f"next, is the tracking right: dlcctr report {name}"] if qualities else []


def _print_flags(result: CheckResult, qualities: Mapping[int, Quality], *, show_flags: bool) -> None:
    """Say how many rows are suspicious; with `show_flags`, which ones and why."""
    from collections import Counter

    from dlcctr.commands.in_image import here
    from dlcctr.system.terminal.console import plural, print_lines, print_table

    odd = {index: quality for index, quality in qualities.items() if quality.flags}
    if not odd:
        print_lines(["flags: no judged row has any"] if show_flags and qualities else [])
        return
    if show_flags:
        videos = {each.row.index: each.row.video for each in result.rows}
        print_table(
            ("row", "flags", "video"),
            [(index, ", ".join(quality.flag_names), videos[index]) for index, quality in sorted(odd.items())],
        )
    kinds = Counter(name for quality in odd.values() for name in quality.flag_names)
    shown = ", ".join(f"{count} {name}" for name, count in kinds.most_common())
    more = "" if show_flags else here(f"; list: dlcctr check {shlex.quote(str(result.manifest))} --flagged")
    print_lines([f"{plural(len(odd), 'row')} of {len(qualities)} judged flagged: {shown}{more}"])


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
