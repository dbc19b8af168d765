"""`train submit` and `train status` of a project on another machine, named as for scp: they run there, over ssh."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from dlcctr.commands.signature import parameters_of, show_parameters

if TYPE_CHECKING:
    from dlcctr.transfer.remote.address import Remote


def runs_there(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command whose project is ``HOST:FOLDER`` run on that host, in that folder.

    The command's first parameter is `project`. Its options go there as they were typed: files that they name are
    looked for there.
    """

    @wraps(command)
    def run(project: Path, **given: Any) -> None:
        remote = _find_remote(project)
        if remote is None:
            command(project, **given)
            return
        raise typer.Exit(_run(project, remote, sys.argv[1:]))

    show_parameters(run, parameters_of(command))
    return run


def _find_remote(project: Path) -> Remote | None:
    """Host and folder; None for a project on this machine."""
    from dlcctr.transfer.remote.address import parse_target

    text = str(project)
    return parse_target(text) if ":" in text.partition("/")[0] and not project.exists() else None


def _run(project: Path, remote: Remote, words: Sequence[str]) -> int:
    from dlcctr.commands.cluster.on_cluster import attach
    from dlcctr.training.paths import TYPED_VARIABLE

    place = next(n for n, word in enumerate(words) if Path(word) == project)
    there = [*words[:place], ".", *words[place + 1 :]]
    remedy = f"install it there as on this machine, or log in and type the command there: ssh {remote.host}"
    push = f"dlcctr train push PROJECT {shlex.quote(str(project))}"
    return attach(remote, there, variables={TYPED_VARIABLE: str(project)}, remedy=remedy, push=push)
