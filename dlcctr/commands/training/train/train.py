"""The group of commands `train`."""

from __future__ import annotations

import typer

from dlcctr.commands.program import CommandGroup
from dlcctr.commands.training.train import cluster, run, status, there, transfer


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        cls=CommandGroup, no_args_is_help=True, help="Train a project in the image: on a cluster, or on this machine."
    )
    group.command(name="submit")(there.runs_there(cluster.submit))
    group.command(name="script")(cluster.script)
    group.command(name="status")(there.runs_there(status.status))
    group.command(name="run")(run.run)
    group.command(name="push")(transfer.push)
    group.command(name="fetch")(transfer.fetch)
    app.add_typer(group, name="train")
