"""One small module per command; each has `add(app)`, which parses, calls and renders, and imports the rest late."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

SHARED = {
    "manifest": "Find videos, probe them, and write the manifest and campaign.toml.",
    "validate": "Say which rows are changed, missing, double, colliding or unreadable.",
    "check": "Account for every row: whole, degraded, failed, broken or not there yet.",
    "plan": "Divide the rows among array tasks of about equal expected time.",
    "sbatch": "Print the sbatch script of a job array, to be read, edited and submitted by hand.",
    "status": "Say what became of every row on the cluster: done, running, waiting, failed and why, or lost.",
    "logs": "Print what a row wrote into its log.",
    "model": "Look into a trained project, pack it as one file, verify and unpack that.",
    "version": "Print the versions of dlcctr, the contract and Python.",
}
"""Commands that need no Docker, and are in the image's own command line too."""

HOST = {
    "push": "Send a campaign with its videos, model and image to the cluster; only what is not there.",
    "fetch": "Take finished rows from the cluster, each whole or not at all, while others run.",
    "submit": "Hand the rows to Slurm, each at most once.",
    "watch": "New videos to the cluster and their results back, by itself.",
    "resubmit": "Submit what is not whole once more, by cause.",
    "cancel": "Take a campaign's waiting and running tasks out of the queue.",
    "site": "Make, list and show site profiles: how a cluster is asked for GPUs.",
    "run": "Analyse the rows on this machine: in Docker, in Apptainer or without either.",
    "image": "Build, inspect, save and push the image, and make the SIF.",
}


GROUPS = {
    **dict.fromkeys(("site", "plan", "sbatch", "submit", "status", "logs", "resubmit", "cancel"), "cluster"),
    **dict.fromkeys(("push", "fetch", "watch"), "transfer"),
}
"""Commands that lie in a folder of their own."""


def module_of(name: str) -> str:
    """Module of a command."""
    return ".".join(filter(None, ("dlcctr.commands", GROUPS.get(name), name)))


def register_shared(app: typer.Typer) -> None:
    """Add the commands that work on the host and inside the image."""
    for name in SHARED:
        _add(app, name)


def register(app: typer.Typer) -> None:
    """Add all commands of the host side."""
    for name in (*SHARED, *HOST):
        _add(app, name)


def _add(app: typer.Typer, name: str) -> None:
    importlib.import_module(module_of(name)).add(app)


def overview(program: str, summary: str) -> str:
    """Text of the bare ``--help``. Typer would need ten times as long as Python itself to say the same."""
    width = max(map(len, (*SHARED, *HOST))) + 2
    lines = [f"Usage: {program} [--debug] COMMAND [OPTIONS] [ARGS]...", "", f"  {summary}", "", "Commands:"]
    lines += [f"  {name:<{width}}{text}" for name, text in {**SHARED, **HOST}.items()]
    lines += ["", "Options:", f"  {'-h, --help':<{width + 3}}Show this, or with a command what the command takes."]
    lines += [f"  {'--debug':<{width + 3}}Show a traceback when something fails."]
    return "\n".join(lines)
