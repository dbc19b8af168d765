"""Names from outside: what a text, a file's name and a path may contain.

The reader of a name checks it here, once, and everything else relies on that. A line break is a character like others:
there are videos with such names, and `dlcctr.system.terminal.console` shows them on one line.

Each `check_…` function gives the text back, or raises a `ValueError` that can stand in a message as it is.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from dlcctr.contract import PRIVATE_PREFIX

NAME_MAX_BYTES = 255
"""Most bytes of a file name on the file systems that clusters use."""
SHOWN_CHARS = 80
_SURROGATE = re.compile(r"[\ud800-\udfff]")


def check_text(text: str, what: str = "text") -> str:
    """Text that can be written into any file: whole characters only."""
    if _SURROGATE.search(text):
        raise _refusal(text, what, "it contains half a character (a lone surrogate)")
    return text


def check_path(text: str, what: str = "a path") -> str:
    """Path, absolute or not, that an operating system can be asked for."""
    if "\0" in text:
        raise _refusal(text, what, "it contains a NUL character")
    return check_text(text, what)


def check_name(text: str, what: str = "the name of a file") -> str:
    """Name of one file or folder in a known folder."""
    if not text:
        raise _refusal(text, what, "it is empty")
    if text in (".", "..") or "/" in text:
        raise _refusal(text, what, "it leads to another folder")
    if len(check_path(text, what).encode()) > NAME_MAX_BYTES:
        raise _refusal(text, what, f"it is longer than {NAME_MAX_BYTES} bytes")
    return text


def check_below(text: str, what: str = "a path below a folder") -> str:
    """POSIX path of something below a folder; given back without ``.`` and doubled ``/``."""
    path = PurePosixPath(check_path(text, what))
    if path.is_absolute():
        raise _refusal(text, what, "it begins with /")
    if not path.parts or ".." in path.parts:
        raise _refusal(text, what, "it leads out of its folder" if path.parts else "it is empty")
    if any(part.startswith(PRIVATE_PREFIX) for part in path.parts):
        raise _refusal(text, what, f"names that begin with {PRIVATE_PREFIX} are dlcctr's own, which it removes")
    return str(path)


def _refusal(text: str, what: str, why: str) -> ValueError:
    shown = repr(text)
    shown = f"{shown[:SHOWN_CHARS]}…" if len(shown) > SHOWN_CHARS else shown
    return ValueError(f"{shown} cannot be {what}: {why}")


def is_url(text: str) -> bool:
    """Whether a text is a web address of letters that no configuration file and no shell takes for anything else."""
    return bool(re.fullmatch(r"https?://[A-Za-z0-9._~:/?#@!&()*+,;=%-]+", text, re.ASCII))
