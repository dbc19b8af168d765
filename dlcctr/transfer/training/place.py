"""A shuffle's folder gets its name in one rename; the one that it replaces moves aside, and comes back after a kill."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

from dlcctr.contract import REPLACED_PREFIX
from dlcctr.system.files import fsync_path


def place_folder(new: Path, folder: Path) -> None:
    """Give a whole folder its name, in place of the one that has it. Raises `OSError`; the old one is then there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    for path in (*sorted(new.rglob("*")), new):
        fsync_path(path)
    aside = None
    if folder.exists():
        aside = Path(tempfile.mkdtemp(prefix=REPLACED_PREFIX, dir=folder.parent))
        folder.rename(aside / folder.name)
    try:
        new.rename(folder)
    except BaseException:
        if aside is not None:
            with contextlib.suppress(OSError):
                (aside / folder.name).rename(folder)
                aside.rmdir()
        raise
    fsync_path(folder.parent)
    if aside is not None:
        shutil.rmtree(aside, ignore_errors=True)


def settle_folders(parent: Path) -> None:
    """Undo what was killed between two renames, and clear away what was killed after them. Raises `OSError`."""
    for aside in sorted(parent.glob(f"{REPLACED_PREFIX}*")) if parent.is_dir() else ():
        for old in aside.iterdir() if aside.is_dir() else ():
            if not (parent / old.name).exists():
                old.rename(parent / old.name)
        shutil.rmtree(aside, ignore_errors=True)
