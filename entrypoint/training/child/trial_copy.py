"""A copy of a project in which a trial may write: configuration and one shuffle; labels are linked."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dlcctr.contract import SCRATCH_PREFIX

LINKED = ("labeled-data", "training-datasets", "videos")


@contextmanager
def trial_copy(config: Path, train: Path) -> Iterator[Path]:
    """Yield the config.yaml of a copy that is removed afterwards.

    Parameters
    ----------
    train : Path
        The shuffle's folder of snapshots; its settings are copied, its snapshots are not.
    """
    project = config.absolute().parent
    with tempfile.TemporaryDirectory(prefix=f"{SCRATCH_PREFIX}trial-") as folder:
        copy = Path(folder) / project.name
        copy.mkdir()
        shutil.copy(config, copy / config.name)
        for name in LINKED:
            if (project / name).exists():
                (copy / name).symlink_to(project / name)
        for each in (train, train.parent / "test"):
            target = copy / each.absolute().relative_to(project)
            target.mkdir(parents=True)
            for file in each.glob("*.yaml"):
                shutil.copy(file, target / file.name)
        yield copy / config.name
