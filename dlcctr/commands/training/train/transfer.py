"""`train push` and `train fetch`: a project on another machine, and what was trained there."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dlcctr.commands.training.train import options as own
from dlcctr.commands.transfer import options

if TYPE_CHECKING:
    from dlcctr.transfer.training.fetch import FetchedTraining
    from dlcctr.transfer.training.push import PushedTraining, PushTraining

Target = Annotated[str, typer.Argument(metavar="HOST:FOLDER", help="Host, and the project's folder there.")]


def push(
    project: own.Project,
    target: Target,
    *,
    image: Annotated[Path | None, typer.Option(help="SIF file to send, as dlc.sif.")] = None,
    previous: Annotated[
        bool, typer.Option("--previous", help="Send the models of the iteration before, too, to start from.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    transfer_host: options.TransferHost = "",
    streams: options.Streams = 2,
    bwlimit: options.Bwlimit = None,
    ssh: options.Ssh = "",
    as_json: own.AsJson = False,
) -> None:
    """Send a project to be trained: labels, training sets, this iteration's models; no videos.

    Sends only what is not there yet. What was trained there is never touched.
    """
    from dlcctr.system.terminal.progress import transfer_bar
    from dlcctr.transfer.remote.address import parse_target, ssh_words
    from dlcctr.transfer.training.push import PushTraining, push_training

    options.end_as_by_ctrl_c()
    request = PushTraining(
        project,
        parse_target(target, transfer_host),
        ssh_words(ssh),
        image=image,
        previous=previous,
        streams=streams,
        limit_mb_s=bwlimit,
        dry_run=dry_run,
    )
    _print_pushed(request, push_training(request, bar=transfer_bar), as_json=as_json)


def fetch(
    target: Target,
    project: Annotated[Path, typer.Argument(help="Project here that they are of; this folder by default.")] = Path(),
    *,
    shuffle: Annotated[
        list[int] | None,
        typer.Option("--shuffle", min=0, help="Only this shuffle; may be repeated. All that are trained by default."),
    ] = None,
    transfer_host: options.TransferHost = "",
    ssh: options.Ssh = "",
    as_json: own.AsJson = False,
) -> None:
    """Fetch shuffles that were trained there, with their training sets and evaluations.

    Each comes whole, verified by hashes, or not at all. A different training that is here is never replaced: it is
    refused, and the exit code is 8.
    """
    from dlcctr.system.terminal.console import warn
    from dlcctr.transfer.remote.address import parse_target, ssh_words
    from dlcctr.transfer.training.fetch import FetchTraining, fetch_training

    options.end_as_by_ctrl_c()
    request = FetchTraining(project, parse_target(target, transfer_host), ssh_words(ssh), tuple(shuffle or ()))
    done = fetch_training(request, say=warn)
    _print_fetched(project, done, as_json=as_json)
    raise typer.Exit(int(done.exit_code))


def _print_pushed(request: PushTraining, done: PushedTraining, *, as_json: bool) -> None:
    from dlcctr.system.terminal.console import duration, plural, print_json, print_lines, size_text, warn

    if as_json:
        print_json(
            "train push",
            project=str(request.project),
            host=done.remote.host,
            folder=done.remote.folder,
            iteration=done.iteration,
            sent=done.sent,
            sent_bytes=done.sent_bytes,
            there=done.there,
            kept=done.kept,
            seconds=round(done.seconds, 1),
            dry_run=request.dry_run,
        )
        return
    for name in done.kept:
        warn(f"{name}: differs there, and stays as it is there")
    project, dry_run = request.project, request.dry_run
    what = f"{plural(len(done.sent), 'file')}, {size_text(done.sent_bytes)}, to {done.remote}"
    if dry_run:
        print_lines([f"would send {what}; {done.there} are there already"])
        return
    took = f" in {duration(done.seconds)}" if done.seconds >= 1 else ""
    start = f" --weights {shlex.quote(done.remote.folder)}" if request.previous and done.iteration else ""
    submit = f"dlcctr train submit {shlex.quote(str(done.remote))}{start}"
    print_lines([
        f"sent {what}{took}; {done.there} were there already; all files verified on the remote host",
        f"next, a short trial, which measures time and memory: {submit} --trial",
        f"then: {submit}",
        f"when it is trained: dlcctr train fetch {shlex.quote(str(done.remote))} {shlex.quote(str(project))}",
    ])  # fmt: skip


def _print_fetched(project: Path, done: FetchedTraining, *, as_json: bool) -> None:
    from dataclasses import asdict

    from dlcctr.system.terminal.console import duration, plural, print_json, print_lines, size_text, warn

    if as_json:
        print_json(
            "train fetch",
            project=str(project),
            host=done.remote.host,
            folder=done.remote.folder,
            iteration=done.iteration,
            taken=[asdict(each) for each in done.taken],
            here=done.here,
            waiting={str(number): how_far for number, how_far in done.waiting.items()},
            refused={str(number): why for number, why in done.refused.items()},
            notes=done.notes,
            seconds=round(done.seconds, 1),
        )
        return
    for note in done.notes:
        warn(f"note: {note}")
    for each in done.taken:
        more = ", with its evaluation" if each.evaluated else ""
        print_lines([
            f"shuffle {each.shuffle}: {plural(each.epochs, each.unit)}, {plural(each.files, 'file')}, "
            f"{size_text(each.n_bytes)}{more}",
            f"  in {each.folder}",
        ])  # fmt: skip
    print_lines(f"shuffle {number}: here already" for number in done.here)
    print_lines(f"shuffle {number}: not trained there yet ({how_far})" for number, how_far in done.waiting.items())
    for number, why in done.refused.items():
        warn(f"shuffle {number} refused: {why}")
    took = f" in {duration(done.seconds)}" if done.seconds >= 1 else ""
    print_lines([f"iteration {done.iteration}: {plural(len(done.taken), 'shuffle')} fetched from {done.remote}{took}"])
    if done.taken or done.here:
        print_lines([f"next: dlcctr loop status {shlex.quote(str(project))}"])
