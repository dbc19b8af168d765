"""A page of ours replaces an older one of its kind, and nothing else."""

from __future__ import annotations

from pathlib import Path

from dlcctr.errors import UsageError

MARK_WITHIN = 1000
"""Bytes at the start of a page that hold its mark."""


def refuse_another_file(file: Path, *, mark: str, kind: str, remedy: str) -> None:
    """Make sure that a page may be written there.

    Parameters
    ----------
    mark : str
        Text by which a page of this kind is known.
    kind : str
        What the page is, for a message: ``report``.
    remedy : str
        How to give another name.

    Raises
    ------
    UsageError
        The file is there and no page of this kind.
    """
    try:
        with file.open("rb") as stream:
            head = stream.read(MARK_WITHIN)
    except OSError:
        return  # it is not there, or writing says what is wrong with it
    if head and mark.encode() not in head:
        raise UsageError(f"{file}: already exists, and is not a {kind}", remedy)
