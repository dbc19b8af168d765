"""One small module per command; each has `add(app)`, which parses, calls and renders, and imports the rest late."""

from __future__ import annotations

import importlib
import importlib.util

import typer

SHARED = ("manifest", "validate", "check", "version")
"""Need no Docker: also in the image's own command line."""
HOST = ("run", "image")


def register_shared(app: typer.Typer) -> None:
    """Add the commands that work on the host and inside the image."""
    for name in SHARED:
        _add(app, name)


def register(app: typer.Typer) -> None:
    """Add all commands of the host side."""
    for name in (*SHARED, *HOST):
        _add(app, name)


def _add(app: typer.Typer, name: str) -> None:
    if importlib.util.find_spec(f"dlcctr.commands.{name}") is None:
        return
    importlib.import_module(f"dlcctr.commands.{name}").add(app)
