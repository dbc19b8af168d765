"""Which parameters Typer sees of a command that a decorator has wrapped."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from typing import Any


def parameters_of(command: Callable[..., None]) -> list[inspect.Parameter]:
    """Parameters of a command, with their types as objects, not as text."""
    return list(inspect.signature(command, eval_str=True).parameters.values())


def show_parameters(run: Any, parameters: Iterable[inspect.Parameter]) -> None:
    """Let Typer make the arguments and options of `run` from these parameters. It reads both places."""
    shown = list(parameters)
    run.__signature__ = inspect.Signature(shown)
    run.__annotations__ = {each.name: each.annotation for each in shown}
