"""Options that several commands have, written once as a frozen dataclass."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import fields
from functools import wraps
from typing import Any, get_type_hints

from dlcctr.commands.signature import parameters_of, show_parameters


def with_options(
    group: type[Any], parameter: str, *, without: Collection[str] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Let a command that takes a dataclass have its fields as options of its own, in place of that parameter.

    Parameters
    ----------
    group : type
        A dataclass; each field's type is as Typer wants an option.
    parameter : str
        The command's parameter that gets it.
    without : collection of str
        Fields that the command does not offer; they keep their defaults.
    """
    hints = get_type_hints(group, include_extras=True)
    offered = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields(group)
        if each.name not in without
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def run(*args: Any, **given: Any) -> None:
            chosen = group(**{each.name: given.pop(each.name) for each in offered})
            command(*args, **given, **{parameter: chosen})

        shown: list[inspect.Parameter] = []
        for each in parameters_of(command):
            shown += offered if each.name == parameter else [each]
        show_parameters(run, shown)
        return run

    return decorate
