"""A command about jobs, typed on the lab's machine: it runs on the login node that the campaign was pushed to."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dlcctr.commands.signature import parameters_of, show_parameters

if TYPE_CHECKING:
    from dlcctr.transfer.remote.address import Remote

Here = Annotated[
    bool,
    typer.Option("--here", help="Work on this machine even if the campaign was pushed to a cluster."),
]


def runs_on_cluster(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command run over ssh where this machine has no Slurm and campaign.toml says where the campaign was pushed.

    The command's first parameter is `manifest`. It gets the option ``--here``; its other options go to the cluster as
    they were typed.
    """

    @wraps(command)
    def run(ctx: typer.Context, *, here: bool = False, **given: Any) -> None:
        remote = None if here else _find_remote(ctx, given)
        if remote is None:
            command(**given)
            return
        raise typer.Exit(run_there(given["manifest"], remote, sys.argv[1:]))

    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    here = inspect.Parameter("here", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Here)
    show_parameters(run, [context, *parameters_of(command), here])
    return run


def _find_remote(ctx: typer.Context, given: dict[str, Any]) -> Remote | None:
    """Where the campaign was pushed to; None if the command runs on this machine."""
    from dlcctr.campaign.config import read_campaign
    from dlcctr.transfer.remote.address import remote_of
    from dlcctr.transfer.remote.program import has_scheduler

    manifest: Path = given["manifest"]
    in_image = bool(ctx.obj and ctx.obj())
    told = given.get("squeue") or given.get("sacct")
    if in_image or told or has_scheduler() or not manifest.exists():
        return None
    campaign = read_campaign(manifest)
    return remote_of(campaign) if campaign.remote_host else None


def run_there(manifest: Path, remote: Remote, words: Sequence[str]) -> int:
    """Run this command on the cluster, in the campaign's folder; see `attach`.

    Parameters
    ----------
    words : sequence of str
        Arguments after ``dlcctr`` on the command line, the command's name first.
    """
    from dlcctr.campaign.paths import TYPED_VARIABLE, typed_manifest

    remedy = "install it there as on this machine, or give its path as `program` in [remote] of campaign.toml"
    return attach(
        remote,
        _words_there(manifest, words),
        variables={TYPED_VARIABLE: str(manifest)},
        remedy=remedy,
        push=f"dlcctr push {typed_manifest(manifest)}",
    )


def attach(remote: Remote, words: Sequence[str], *, variables: Mapping[str, str], remedy: str, push: str) -> int:
    """Run dlcctr on another machine, in a folder there; its output and its questions appear here.

    Parameters
    ----------
    words : sequence of str
        Command and options, as they are meant there.
    variables : mapping
        Environment variables for it.
    remedy : str
        What to do where there is no dlcctr.
    push : str
        Command that makes the folder there.

    Returns
    -------
    int
        Exit code of the command there.

    Raises
    ------
    DlcctrError
        The host cannot be reached, or has no such folder or no dlcctr.
    """
    from dlcctr.errors import ToolMissingError, TryAgainError, UsageError
    from dlcctr.system import processes
    from dlcctr.system.terminal.console import warn
    from dlcctr.transfer.remote.address import ssh_words
    from dlcctr.transfer.remote.program import NO_FOLDER, NOT_FOUND, SSH_FAILED, command_in_folder
    from dlcctr.transfer.remote.ssh import log_in

    line = command_in_folder(remote, words, variables=variables)
    warn(f"on {remote}:")
    with log_in(remote.host, ssh_words()) as login:
        # with a terminal ssh says at the end that the connection is closed
        terminal = ("-t", "-o", "LogLevel=ERROR") if sys.stdin.isatty() and sys.stdout.isatty() else ()
        code = processes.attach([*login.words, *terminal, login.host, line])
    if code == NOT_FOUND:
        raise ToolMissingError(
            f"{remote.host}: {remote.program} was not found in the shells that ssh starts there", remedy
        )
    if code == NO_FOLDER:
        raise UsageError(
            f"{remote}: there is no such folder, or it cannot be entered",
            f"see whether its disk is mounted there; if the folder is gone, send it again: {push}",
        )
    if code == SSH_FAILED:
        raise TryAgainError(f"{remote.host}: the connection was lost", "run the same command again")
    return code


def _words_there(manifest: Path, words: Sequence[str]) -> list[str]:
    """The same arguments for the cluster, with the manifest's name there."""
    found = next((n for n, word in enumerate(words) if n and Path(word) == manifest), None)
    return [manifest.name if n == found else word for n, word in enumerate(words)]
