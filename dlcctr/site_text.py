"""Writing a site profile for people to edit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dlcctr.errors import OutputError
from dlcctr.site import FOLDER_VARIABLE
from dlcctr.site_profile import Site
from dlcctr.site_values import KEYS, SECTIONS
from dlcctr.system.files import write_text_atomic


def write_site(site: Site, file: Path, head: Sequence[str], notes: Mapping[str, str]) -> None:
    """Write a profile for people to edit: every key with what it is for, the unset ones as comments.

    Parameters
    ----------
    head : sequence of str
        Lines for the top.
    notes : mapping
        What to say beside a key, in place of what it is for.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    try:
        write_text_atomic(file, site_text(site, head, notes))
    except OSError as error:
        raise OutputError(
            f"{file}: cannot be written: {error.strerror}", f"set {FOLDER_VARIABLE} to a folder that you can write to"
        ) from error


def site_text(site: Site, head: Sequence[str], notes: Mapping[str, str]) -> str:
    """Text of a profile; see `write_site`."""
    lines = [f"# {_printable(line)}".rstrip() for line in head]
    for section in ("", *SECTIONS):
        lines += ["", f"[{section}]"] if section else []
        for key in (key for key in KEYS if KEYS[key].section == section):
            lines += _key_lines(key, getattr(site, key), notes.get(key) or KEYS[key].meaning)
    return "\n".join(lines) + "\n"


def _key_lines(key: str, value: Any, note: str) -> list[str]:
    unset = value is None or value == getattr(Site(), key)
    shown = "…" if value is None else _toml(value)
    return [f"{'# ' if unset else ''}{key} = {shown}  # {_printable(note)}"]


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _toml(value: Any) -> str:
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)
