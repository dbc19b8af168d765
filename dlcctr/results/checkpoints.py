"""What an unfinished attempt at a row has kept, read from file names alone: no numpy, no engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dlcctr.contract import CHECKPOINTS_PREFIX

KEY = re.compile(r"[0-9a-f]{16}")
"""Digest of all that must be equal for checkpoints to be usable."""
CHECKPOINT_NAME = re.compile(r"([0-9]{1,15})-([0-9]{1,15})\.npz")
"""Frames from the first to before the second number."""


def checkpoint_folders(folder: Path) -> Iterator[Path]:
    """Folders of checkpoints of a row, given the folder of its result, which need not exist."""
    start = f"{CHECKPOINTS_PREFIX}{folder.name}-"
    for entry in _entries(folder.parent):
        if entry.name.startswith(start) and KEY.fullmatch(entry.name[len(start) :]):
            yield entry


def kept_frames(folder: Path) -> int:
    """Frames from the first one on that the next attempt at a row need not analyse again; 0 where none were kept."""
    return max((_reach(each) for each in checkpoint_folders(folder)), default=0)


def _reach(folder: Path) -> int:
    names = [match for entry in _entries(folder) if (match := CHECKPOINT_NAME.fullmatch(entry.name))]
    done = 0
    for first, stop in sorted((int(name[1]), int(name[2])) for name in names):
        if first <= done:
            done = max(done, stop)
    return done


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
