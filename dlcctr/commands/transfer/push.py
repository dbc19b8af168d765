"""The command `push`: send a campaign to the cluster."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.transfer import options

if TYPE_CHECKING:
    from dlcctr.transfer.push import PushResult


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="push")(push_manifest)


def push_manifest(
    manifest: Annotated[Path, typer.Argument(help="Manifest; campaign.toml beside it is read.")],
    target: Annotated[
        str,
        typer.Argument(metavar="HOST:FOLDER", help="HOST:FOLDER to send to; by default where it was pushed before."),
    ] = "",
    *,
    image: Annotated[Path | None, typer.Option(help="SIF file to send, as dlc.sif.")] = None,
    build_sif: Annotated[
        Path | None,
        typer.Option(metavar="ARCHIVE", help="Archive (from `image save`) to send; dlc.sif is built from it there."),
    ] = None,
    rows: Annotated[str, typer.Option(metavar="0-9,12", help="Send only the videos of these rows.")] = "",
    videos_only: Annotated[bool, typer.Option("--videos-only", help="Send neither model nor image.")] = False,
    skip_bad_videos: Annotated[
        bool, typer.Option("--skip-bad-videos", help="Leave out rows whose video is missing or was changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    transfer_host: options.TransferHost = "",
    streams: options.Streams = 2,
    bwlimit: options.Bwlimit = None,
    ssh: options.Ssh = "",
    as_json: options.AsJson = False,
) -> None:
    """Send a campaign with its videos, model and image to a cluster.

    Sends only what is not there yet; run it again to continue after an interruption.
    """
    from dlcctr.system.terminal.console import warn
    from dlcctr.system.terminal.progress import transfer_bar
    from dlcctr.transfer.push import PushOptions, push
    from dlcctr.transfer.remote.address import ssh_words

    options.end_as_by_ctrl_c()
    request = PushOptions(
        remote=options.resolve_remote(manifest, target, transfer_host),
        ssh=ssh_words(ssh),
        rows=rows,
        image=image,
        build_sif=build_sif,
        videos_only=videos_only,
        streams=streams,
        limit_mb_s=bwlimit,
        dry_run=dry_run,
        skip_bad_videos=skip_bad_videos,
    )
    _print(manifest, push(manifest, request, bar=transfer_bar, say=warn), dry_run=dry_run, as_json=as_json)


def _print(manifest: Path, done: PushResult, *, dry_run: bool, as_json: bool) -> None:
    from dlcctr.system.terminal.console import print_json, print_lines, warn

    if as_json:
        print_json(
            "push",
            manifest=str(manifest),
            host=done.remote.host,
            folder=done.remote.folder,
            dry_run=dry_run,
            sent=done.sent,
            sent_bytes=done.sent_bytes,
            there=len(done.there),
            seconds=round(done.seconds, 1),
            made_sif=done.made_sif,
            left_out=done.left_out,
            notes=done.notes,
        )
        return
    for note in done.notes:
        warn(f"note: {note}")
    for index, why in done.left_out.items():
        warn(f"row {index} left out: {why}")
    print_lines(_lines(manifest, done, dry_run=dry_run))


def _lines(manifest: Path, done: PushResult, *, dry_run: bool) -> list[str]:
    from dlcctr.system.terminal.console import duration, plural, size_text
    from dlcctr.transfer.remote.program import has_scheduler

    files = f"{plural(len(done.sent), 'file')}, {size_text(done.sent_bytes)}"
    there = f"{len(done.there)} files were there already" if done.there else "none were there"
    if dry_run:
        free = f"; {size_text(done.free_bytes)} are free there" if done.free_bytes is not None else ""
        made = ["would build dlc.sif from dlc.tar there"] if done.made_sif else []
        return [
            *(f"would send {name}" for name in done.sent),
            *made,
            f"would send {files} to {done.remote}; {there}{free}",
        ]
    rate = f" in {duration(done.seconds)} ({size_text(done.sent_bytes / done.seconds)}/s)" if done.seconds >= 1 else ""
    name, name_there = shlex.quote(str(manifest)), shlex.quote(f"{done.remote.folder}/{manifest.name}")
    if has_scheduler():  # of another cluster than that one
        submit = f"next, on {done.remote.host}: dlcctr submit {name_there}; then here"
    else:
        submit = f"next: dlcctr submit {name} (it runs on {done.remote.host}); then"
    return [
        f"sent {files}{rate} to {done.remote}; {there}; all files verified on the remote host",
        *(["built dlc.sif there from dlc.tar, which is removed"] if done.made_sif else []),
        f"{submit}: dlcctr fetch {name}",
    ]
