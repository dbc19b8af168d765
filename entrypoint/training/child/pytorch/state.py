"""A training's whole state between two epochs, in one file beside the snapshots.

DeepLabCut's snapshots have no random generators, by default no optimizer, and forget which one was the best: a training
that goes on from one is another training. From this file it is the same.
"""

from __future__ import annotations

import os
import pickle
import random
import tempfile
import zipfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.system.files import fsync_path

STATE_FILENAME = "dlcctr-state.pt"
TEMPORARY = ".dlcctr-saving-"


@dataclass
class State:
    """What a training goes on from.

    Parameters
    ----------
    network : str
        ``detector`` or ``pose``.
    epoch : int
        Epochs of it that are done.
    is_done : bool
        All of them; the next network begins.
    runner : dict
        `TrainingRunner.state_dict`: model, optimizer, scheduler, metadata.
    curve : list
        Loss rows of all networks so far, as texts.
    """

    network: str
    epoch: int
    is_done: bool
    runner: dict[str, Any]
    best: float | None
    curve: list[list[str]]
    generators: dict[str, Any] = field(default_factory=dict)


def save_state(folder: Path, state: State) -> None:
    """Write the file in one step, with the random generators as they are now."""
    import torch

    table = {**vars(state), "generators": _generators()}
    save_whole(torch.save, table, folder / STATE_FILENAME)


def load_state(folder: Path, device: str) -> State | None:
    """Read the file; None where there is none, or it is damaged, which only costs what it would have saved."""
    import torch

    try:
        table = torch.load(folder / STATE_FILENAME, map_location=device, weights_only=True)
        return State(**table)
    except (OSError, RuntimeError, EOFError, TypeError, pickle.UnpicklingError, zipfile.BadZipFile):
        return None


def remove_state(folder: Path) -> None:
    """Remove the file, and what killed processes were writing."""
    for each in (folder / STATE_FILENAME, *folder.glob(f"{TEMPORARY}*")):
        each.unlink(missing_ok=True)


def save_whole(save: Any, content: Any, file: Path) -> None:
    """Call `save` with a private file, which then takes the place of `file`; nobody ever finds half of one."""
    handle, name = tempfile.mkstemp(prefix=TEMPORARY, dir=file.parent)
    private = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            save(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        private.chmod(0o644)
        private.replace(file)
    except BaseException:
        with suppress(OSError):
            private.unlink()
        raise
    fsync_path(file.parent)


def restore_generators(kept: dict[str, Any]) -> None:
    """Set all random generators that DeepLabCut draws from (albumentations' are Python's)."""
    import numpy as np
    import torch

    version, numbers, gauss = kept["python"]
    random.setstate((version, tuple(numbers), gauss))
    name, keys, *rest = kept["numpy"]
    np.random.set_state((name, np.array(keys, dtype=np.uint32), *rest))
    torch.set_rng_state(kept["torch"].cpu())
    if kept["cuda"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([each.cpu() for each in kept["cuda"]])


def _generators() -> dict[str, Any]:
    import numpy as np
    import torch

    version, numbers, gauss = random.getstate()
    name, keys, *rest = np.random.get_state()
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [name, [int(each) for each in keys], *rest],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
