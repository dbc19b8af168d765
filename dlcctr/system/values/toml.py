"""Values in TOML files that people read and edit."""

from __future__ import annotations

import sys
from typing import Any

from dlcctr.system.values.numbers import WHOLE_NUMBERS

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def parse_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises
    ------
    ValueError
        It is not TOML, is nested too deeply, or contains a number of more than 64 bits.
    """
    try:
        table: dict[str, Any] = tomllib.loads(text)
        _check_numbers(table)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return table


def _check_numbers(value: Any, name: str = "a number") -> None:
    if isinstance(value, (dict, list)):
        for key, each in value.items() if isinstance(value, dict) else ((name, each) for each in value):
            _check_numbers(each, key)
    elif isinstance(value, int) and value not in WHOLE_NUMBERS:
        raise ValueError(f"{name} has more than 64 bits")


def toml_value(value: str | bool | int | float | tuple[str | int, ...]) -> str:
    """Text of a value, to be written after ``key =``; a tuple becomes an array on one line."""
    import tomlkit

    return tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()
