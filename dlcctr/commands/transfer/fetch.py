"""`fetch`: results from the cluster."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.transfer import options

if TYPE_CHECKING:
    from dlcctr.transfer.fetch import FetchResult


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="fetch")(fetch_manifest)


def fetch_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    source: Annotated[
        str, typer.Argument(metavar="HOST:FOLDER", help="Where from; where it was pushed to by default.")
    ] = "",
    *,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Only these rows.")] = "",
    logs: Annotated[bool, typer.Option("--logs", help="Also the tasks' logs.")] = False,
    transfer_host: options.TransferHost = "",
    streams: options.Streams = 2,
    bwlimit: options.Bwlimit = None,
    ssh: options.Ssh = "",
    as_json: options.AsJson = False,
) -> None:
    """Fetch finished rows from a cluster, each whole or not at all.

    Other rows may still run; run it again to continue after an interruption.
    """
    from dlcctr.system.progress import transfer_bar
    from dlcctr.transfer.fetch import FetchOptions, fetch
    from dlcctr.transfer.remote import ssh_words

    options.end_as_by_ctrl_c()
    request = FetchOptions(
        remote=options.resolve_remote(manifest, source, transfer_host),
        ssh=ssh_words(ssh),
        rows=rows,
        logs=logs,
        streams=streams,
        limit_mb_s=bwlimit,
    )
    _print(manifest, fetch(manifest, request, bar=transfer_bar), as_json=as_json)


def _print(manifest: Path, done: FetchResult, *, as_json: bool) -> None:
    from dataclasses import asdict

    from dlcctr.system.console import print_json, print_lines, warn

    if as_json:
        remote = {"host": done.remote.host, "folder": done.remote.folder}
        print_json(
            "fetch", manifest=str(manifest), **remote, **{k: v for k, v in asdict(done).items() if k != "remote"}
        )
        return
    for note in done.notes:
        warn(f"note: {note}")
    print_lines(_lines(manifest, done))


def _lines(manifest: Path, done: FetchResult) -> list[str]:
    from dlcctr.system.console import ranges, size_text

    lines = [f"took {len(done.taken)} rows, {size_text(done.n_bytes)}, from {done.remote}; {len(done.here)} were here"]
    if done.failed:
        lines.append(f"failed there: rows {ranges(done.failed)}")
    if done.waiting:
        lines.append(f"not finished there: rows {ranges(done.waiting)}")
    return [*lines, f"next: dlcctr check {shlex.quote(str(manifest))}"]
