"""Where the finished parts of a row lie until its result is committed, and how they go away; no heavy imports here.

The worker writes them and reads them again: `entrypoint.loop.checkpoint_files`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr import __version__
from dlcctr.contract import CONTRACT_VERSION, PARTS_PREFIX
from dlcctr.results import commit

if TYPE_CHECKING:
    from entrypoint.protocol import Job

PART_SUFFIX = ".npz"
KEY = re.compile(r"[0-9a-f]{16}")
KEY_FIELDS = (
    "model", "shuffle", "trainset_index", "columns", "batch_size", "crop", "frames", "decoded", "missing",
)  # fmt: skip
"""Of a job. Device, threads and runtime are not among them: another node may go on with a row."""


def with_parts(job: Job, folder: Path, fingerprint: str, part_s: float) -> Job:
    """Tell a job of our own loop where its finished parts lie.

    Parameters
    ----------
    folder : Path
        The row's; parts lie in a folder beside it, whose name says all that must be equal for them to fit.
    fingerprint : str
        Of the video.
    part_s : float
        Seconds from part to part.
    """
    facts = {
        "contract": CONTRACT_VERSION,
        "dlcctr": __version__,
        "fingerprint": fingerprint,
        "outputs": job.scan["outputs"],
        **{name: getattr(job, name) for name in KEY_FIELDS},
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    return replace(job, parts=str(folder.with_name(f"{PARTS_PREFIX}{folder.name}-{key}")), part_s=part_s)


def has_parts(folder: Path) -> bool:
    """Whether anything of an unfinished attempt at a row is kept."""
    return any(file.suffix == PART_SUFFIX for parts in _parts_folders(folder) for file in _entries(parts))


def remove_parts(folder: Path) -> None:
    """Remove all parts of a row.

    They leave their place in one rename, so that another attempt that is still running finds no folder for more.
    """
    for parts in _parts_folders(folder):
        with contextlib.suppress(OSError):
            away = commit.private_folder(folder.parent)
            with contextlib.suppress(OSError):  # another attempt was faster
                parts.rename(away / parts.name)
            shutil.rmtree(away, ignore_errors=True)


def _parts_folders(folder: Path) -> Iterator[Path]:
    start = f"{PARTS_PREFIX}{folder.name}-"
    for entry in _entries(folder.parent):
        if entry.name.startswith(start) and KEY.fullmatch(entry.name[len(start) :]):
            yield entry


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
