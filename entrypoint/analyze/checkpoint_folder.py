"""Where the checkpoints of a row are until its result is committed, and how they are removed; no heavy imports here.

The worker writes them and reads them again: `entrypoint.loop.checkpoints.files`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr import __version__
from dlcctr.contract import CHECKPOINTS_PREFIX, CONTRACT_VERSION
from dlcctr.results import commit
from dlcctr.results.checkpoints import checkpoint_folders, kept_frames

if TYPE_CHECKING:
    from entrypoint.protocol import Job

KEY_FIELDS = ("model", "shuffle", "trainset_index", "columns", "batch_size", "crop", "precision", "decoder")
"""Fields of a job that must be equal. Device, threads and runtime may differ: another node can continue a row."""
SCAN_FIELDS = ("stream", "decoded", "missing", "outputs")
"""The same of a job's scan, if it has one."""


def with_checkpoints(job: Job, folder: Path, fingerprint: str, checkpoint_s: float) -> Job:
    """Give a job of our own loop a place for its checkpoints.

    Parameters
    ----------
    folder : Path
        The row's folder; the checkpoints are in one beside it, whose name stands for all that must be equal for them to
        fit.
    fingerprint : str
        The video's.
    checkpoint_s : float
        Seconds between two checkpoints.
    """
    facts = {
        "contract": CONTRACT_VERSION,
        "dlcctr": __version__,
        "fingerprint": fingerprint,
        "scan": {name: getattr(job.scan, name) for name in SCAN_FIELDS} if job.scan else None,
        **{name: getattr(job, name) for name in KEY_FIELDS},
    }
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
    place = folder.with_name(f"{CHECKPOINTS_PREFIX}{folder.name}-{key}")
    return replace(job, checkpoint_folder=str(place), checkpoint_s=checkpoint_s)


def has_checkpoints(folder: Path) -> bool:
    """Whether an unfinished attempt at a row has left a checkpoint."""
    return kept_frames(folder) > 0


def remove_checkpoints(folder: Path) -> None:
    """Remove all checkpoints of a row.

    They are moved away in one rename, so that another attempt that is still running finds no folder to add to.
    """
    for each in checkpoint_folders(folder):
        with contextlib.suppress(OSError):
            away = commit.private_folder(folder.parent)
            with contextlib.suppress(OSError):  # another attempt was faster
                each.rename(away / each.name)
            shutil.rmtree(away, ignore_errors=True)
