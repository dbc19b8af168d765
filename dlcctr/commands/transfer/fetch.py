"""The command `fetch`: results from the cluster."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.transfer import options

if TYPE_CHECKING:
    from dlcctr.transfer.fetch import FetchResult
    from dlcctr.transfer.remote.address import Remote


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="fetch")(fetch_manifest)


def fetch_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    source: Annotated[
        str, typer.Argument(metavar="HOST:FOLDER", help="HOST:FOLDER to fetch from; by default where it was pushed.")
    ] = "",
    *,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    logs: Annotated[bool, typer.Option("--logs", help="Also the tasks' logs.")] = False,
    model: Annotated[
        Path | None,
        typer.Option(help="Project or bundle that must have made the results; by default the one in campaign.toml."),
    ] = None,
    outliers: Annotated[
        str,
        typer.Option(metavar="FOLDER", help="Only the frames that `outliers -o FOLDER` took there."),
    ] = "",
    transfer_host: options.TransferHost = "",
    streams: options.Streams = 2,
    bwlimit: options.Bwlimit = None,
    ssh: options.Ssh = "",
    as_json: options.AsJson = False,
) -> None:
    """Fetch finished rows from a cluster, each whole or not at all.

    Other rows may still run; run it again to continue after an interruption. Rows whose receipt or files are not as
    they should be are listed at the end, with exit code 8; the others are fetched.
    """
    from dlcctr.errors import UsageError
    from dlcctr.system.terminal.progress import transfer_bar
    from dlcctr.transfer.fetch import FetchOptions, fetch
    from dlcctr.transfer.remote.address import ssh_words

    options.end_as_by_ctrl_c()
    if outliers:
        if rows or logs or model:
            raise UsageError("--outliers goes with no other choice of what to fetch", "leave it, or the others, out")
        _fetch_outliers(manifest, options.resolve_remote(manifest, source, transfer_host), ssh, outliers, as_json)
        return
    request = FetchOptions(
        remote=options.resolve_remote(manifest, source, transfer_host),
        ssh=ssh_words(ssh),
        rows=rows,
        logs=logs,
        model=model,
        streams=streams,
        limit_mb_s=bwlimit,
    )
    done = fetch(manifest, request, bar=transfer_bar)
    _print(manifest, done, as_json=as_json)
    raise typer.Exit(int(done.exit_code))


def _fetch_outliers(manifest: Path, remote: Remote, ssh: str, folder: str, as_json: bool) -> None:
    from dlcctr.system.terminal.console import plural, print_json, print_lines, warn
    from dlcctr.transfer.fetch_outliers import fetch_outliers
    from dlcctr.transfer.remote.address import ssh_words

    done = fetch_outliers(manifest, remote, ssh_words(ssh), folder)
    if as_json:
        print_json(
            "fetch --outliers", manifest=str(manifest), host=done.remote.host, folder=str(done.folder), exit_code=0,
            taken=done.taken, here=done.here, pictures=done.pictures, pages=[str(page) for page in done.pages],
            notes=done.notes,
        )  # fmt: skip
        return
    for note in done.notes:
        warn(f"note: {note}")
    lines = [f"fetched {plural(done.pictures, 'frame')} of {plural(len(done.taken), 'video')} to {done.folder}"]
    lines += [f"{page} shows them; {page.with_suffix('.txt').name} says what to do next" for page in done.pages]
    print_lines(lines)


def _print(manifest: Path, done: FetchResult, *, as_json: bool) -> None:
    from dataclasses import asdict

    from dlcctr.system.terminal.console import print_json, print_lines, warn

    if as_json:
        facts = {name: value for name, value in asdict(done).items() if name != "remote"}
        remote = {"host": done.remote.host, "folder": done.remote.folder}
        print_json("fetch", manifest=str(manifest), exit_code=int(done.exit_code), **remote, **facts)
        return
    for note in done.notes:
        warn(f"note: {note}")
    print_lines(_lines(manifest, done))
    for line in refusals(manifest, done):
        warn(line)


def _lines(manifest: Path, done: FetchResult) -> list[str]:
    from dlcctr.system.terminal.console import plural, row_ranges, size_text

    steps = f" and {plural(done.steps, 'step')}" if done.steps else ""
    taken = f"fetched {plural(len(done.taken), 'row')}{steps}, {size_text(done.n_bytes)}, from {done.remote}"
    lines = [f"{taken}; {len(done.here)} were here already"]
    if done.failed:
        lines.append(f"failed there: {row_ranges(done.failed)}")
    if done.waiting:
        lines.append(f"not finished there: {row_ranges(done.waiting)}")
    return [*lines, f"next: dlcctr check {shlex.quote(str(manifest))}"]


def refusals(manifest: Path, done: FetchResult) -> list[str]:
    """Rows that were not fetched, each with its cause, and what to do about rows with the same cause."""
    from dlcctr.system.terminal.console import ranges

    lines = []
    for remedy in dict.fromkeys(row.remedy for row in done.refused):
        rows = [row for row in done.refused if row.remedy == remedy]
        indices = ranges(row.index for row in rows)
        file = shlex.quote(f"{done.remote.folder}/{manifest.name}")
        there = (
            f"look at them on {done.remote.host} (dlcctr check {file} --rows {indices}), and analyse them again there"
        )
        lines += [f"row {row.index} is not taken: {row.cause}" for row in rows]
        lines.append(f"  what to do: {remedy or there}")
    return lines
