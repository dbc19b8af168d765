"""The command `collect`: one table over all rows of a campaign."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from dlcctr.tables.collect import Collected


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(collect)


def collect(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Folder of the table; by default `m.parquet` beside `m.csv`."),
    ] = None,
    step: Annotated[
        str,
        typer.Option(
            "--step", "--filtered", metavar="STEP", help="Take the positions of this step, not the analysis'."
        ),
    ] = "",
    compression: Annotated[
        str, typer.Option(metavar="zstd|snappy|gzip", help="How the files are compressed.")
    ] = "zstd",
    jobs: Annotated[int | None, typer.Option(min=1, help="Number of rows to check at once.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write one table of all positions, and one of all videos.

    Parquet, for pandas, polars, R and MATLAB. The next call adds rows that have finished since, renews those that have
    changed, and removes those that are no longer whole.
    """
    from dlcctr.contract import ExitCode
    from dlcctr.system.terminal.console import print_json
    from dlcctr.system.terminal.progress import progress
    from dlcctr.tables.collect import CollectOptions
    from dlcctr.tables.collect import collect as run_collect

    found = run_collect(manifest, CollectOptions(output, step, compression, jobs), progress=progress)
    if as_json:
        print_json("collect", manifest=str(manifest), **as_fields(found))
    else:
        _print(found)
    raise typer.Exit(int(ExitCode.UNFINISHED if found.unreadable else ExitCode.OK))


def as_fields(found: Collected) -> dict[str, Any]:
    """Body of the JSON output."""
    return {
        "table": str(found.table),
        "videos": str(found.videos),
        "videos_csv": str(found.videos_csv),
        "new": found.new,
        "kept": found.kept,
        "removed": found.removed,
        "lines": found.lines,
        "bytes": found.n_bytes,
        "left_out": [_left_out(each) for each in found.left_out],
        "notes": found.notes,
    }


def _left_out(each: Any) -> dict[str, Any]:
    return {"index": each.index, "state": each.state, "video": each.video, "cause": each.cause}


def _print(found: Collected) -> None:
    from dlcctr.system.terminal.console import plural, print_lines, print_table, size_text

    if found.left_out:
        print_table(
            ("row", "state", "video", "cause"),
            [(each.index, each.state, each.video, each.cause) for each in found.left_out],
        )
    print_lines([f"note: {note}" for note in found.notes])
    inside = found.new + found.kept
    print_lines(
        [
            f"{plural(inside, 'row')} in the table ({found.new} written now, {found.removed} removed), "
            f"{len(found.left_out)} left out",
            f"{found.table}: {size_text(found.n_bytes)}, {found.lines:,} lines written now",
            f"{found.videos}, {found.videos_csv.name}: {plural(inside + len(found.left_out), 'video')}",
        ]
    )
