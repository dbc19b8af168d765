"""The command `watch`: new videos to the cluster and their results back, automatically."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.transfer import options

if TYPE_CHECKING:
    from dlcctr.transfer.watch import Round, WatchOptions


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="watch")(watch_folders)


def watch_folders(
    manifest: Annotated[Path, typer.Argument(help="Manifest of the campaign; new videos are appended to it.")],
    folders: Annotated[
        list[str] | None, typer.Argument(help="Folders to watch; by default the campaign's video root.")
    ] = None,
    *,
    target: Annotated[
        str,
        typer.Option("--to", metavar="HOST:FOLDER", help="HOST:FOLDER on the cluster; by default where it was pushed."),
    ] = "",
    once: Annotated[
        bool, typer.Option("--once", help="One round, for cron; exit code 75 if something is still open.")
    ] = False,
    interval: Annotated[float, typer.Option(min=1, metavar="S", help="Seconds between rounds.")] = 300.0,
    settle: Annotated[
        float, typer.Option(min=0, metavar="S", help="Seconds a file must keep its size before it counts as complete.")
    ] = 60.0,
    submit: Annotated[
        str, typer.Option(metavar="'OPTIONS'", help="Options for `dlcctr submit` there, as one argument: '--fps 60'.")
    ] = "",
    program: Annotated[
        str, typer.Option(help="Command that runs dlcctr there; by default the one in campaign.toml, or dlcctr.")
    ] = "",
    image: Annotated[Path | None, typer.Option(help="SIF file to send with the first videos.")] = None,
    no_resubmit: Annotated[bool, typer.Option("--no-resubmit", help="Do not submit failed rows again.")] = False,
    transfer_host: options.TransferHost = "",
    streams: options.Streams = 2,
    bwlimit: options.Bwlimit = None,
    ssh: options.Ssh = "",
) -> None:
    """Send new videos to a cluster as they arrive, and fetch results.

    Appends each video to the manifest, pushes and submits it, and fetches its whole result; each exactly once.
    """
    from dlcctr.campaign.config import read_campaign
    from dlcctr.system.pause import pause
    from dlcctr.transfer.remote.address import ssh_words
    from dlcctr.transfer.watch import WatchOptions

    options.end_as_by_ctrl_c()
    request = WatchOptions(
        remote=options.resolve_remote(manifest, target, transfer_host),
        ssh=ssh_words(ssh),
        folders=tuple(folders or [str(read_campaign(manifest).video_root)]),
        image=image,
        submit=tuple(shlex.split(submit)),
        program=program,
        settle_s=settle,
        resubmit=not no_resubmit,
        streams=streams,
        limit_mb_s=bwlimit,
    )
    while True:
        done = _round(manifest, request)
        if once:
            raise typer.Exit(0 if done.is_idle else 75)
        pause(interval)


def _round(manifest: Path, request: WatchOptions) -> Round:
    """Run one round; an error that may go away is reported, and the next round does the rest."""
    from dlcctr.system.terminal.console import print_lines, warn
    from dlcctr.transfer.watch import describe, watch_once

    def say(line: str) -> None:
        print_lines([f"{time.strftime('%Y-%m-%d %H:%M:%S')} {line}"])

    done = watch_once(manifest, request, say=say)
    if done.error:
        warn(f"not finished this round: {done.error.message}")
        if done.error.hint:
            warn(f"  what to do: {done.error.hint} (the next round retries automatically)")
    say(describe(done))
    return done
