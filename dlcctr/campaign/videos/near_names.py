"""A video that is not there, while one with nearly its name is: what a spreadsheet or another system made of it."""

from __future__ import annotations

import unicodedata
from pathlib import Path


def find_near(root: Path, video: str) -> str:
    """Name of the one file below `root` that differs from a row's name in what is hardly seen; empty without one.

    That is the form of accents (a Mac takes them apart), upper and lower case, blanks around names, and backslashes
    between folders.

    Parameters
    ----------
    video : str
        As in the manifest, relative to `root`.
    """
    found = [""]
    for part in _plain(video).split("/"):
        found = [f"{folder}{name}/" for folder in found for name in _names(root / folder) if _plain(name) == part]
    return found[0].rstrip("/") if len(found) == 1 else ""


def near_text(root: Path, video: str) -> str:
    """The end of a message about a video that is not there: which one is; empty where there is none like it."""
    near = find_near(root, video)
    return f"; there is {near!r}, written a little differently: copy its name into the row" if near else ""


def _plain(name: str) -> str:
    composed = unicodedata.normalize("NFC", name.replace("\\", "/"))
    return "/".join(part.strip() for part in composed.casefold().split("/") if part.strip() not in ("", "."))


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
