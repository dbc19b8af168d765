"""Names of new folders in `labeled-data`, and of pictures in them, as DeepLabCut gives them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

MOST_CHARS = 60
"""Of a video's name: up to 240 bytes, and a folder's name has room for 255."""
_ODD = re.compile(r'[<>:"/\\|?*]')
"""What Windows cannot have in a folder's name."""


class FolderNames:
    """Gives each video a folder of its own: its name without the ending, as in DeepLabCut, if nothing else has it.

    Parameters
    ----------
    taken : iterable of str
        Folders that exist, and names of the project's own videos.
    """

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = {name.casefold() for name in taken}

    def new(self, video: str, row: int) -> str:
        """Name for a row's video: ``<stem>``, else ``<stem>-row<N>``, else with one more number."""
        stem = PurePosixPath(video).stem
        # DeepLabCut passes over folders with "_labeled" in their names, and hidden ones
        shown = "".join(character if character.isprintable() else "_" for character in stem)
        plain = _ODD.sub("_", shown).replace("_labeled", "-labeled").lstrip(".")[:MOST_CHARS].rstrip(". ")
        numbered = f"{plain or 'video'}-row{row}"
        tries = [*([plain] if plain == stem else []), numbered, *(f"{numbered}-{n}" for n in range(2, 10_000))]
        name = next(each for each in tries if each.casefold() not in self._taken)
        self._taken.add(name.casefold())
        return name


def picture_name(frame: int, n_frames: int) -> str:
    """Name of a frame's picture, with as many digits as DeepLabCut gives it: ``img0012.png``."""
    width = math.ceil(math.log10(n_frames)) if n_frames > 0 else 0
    return f"img{str(frame).zfill(width)}.png"
