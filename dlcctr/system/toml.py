"""Values in TOML files that people read and edit."""

from __future__ import annotations


def toml_value(value: str | bool | int | tuple[str | int, ...]) -> str:
    """Text of a value as it stands behind ``key =``; a tuple becomes an array on one line."""
    import tomlkit

    return tomlkit.item(list(value) if isinstance(value, tuple) else value).as_string()
