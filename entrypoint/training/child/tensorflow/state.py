"""A training's whole state between two iterations: all variables of the graph, and where the curve is.

DeepLabCut's snapshots hold the network alone, its optimizer's momenta not: its saver is made before these are.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.errors import DlcctrError, ModelError
from dlcctr.system.files import fsync_path, write_text_atomic
from dlcctr.system.state_files import StateFile

FOLDER = "dlcctr-state"
FILE = "state.json"


@dataclass(frozen=True)
class State:
    """What a training goes on from.

    Parameters
    ----------
    iteration : int
        Last one that is done.
    loss_sum, loss_count : float, int
        Of the row of the curve that is not full yet.
    log : str
        DeepLabCut's learning_stats.csv so far, which it empties when it begins.
    """

    iteration: int
    loss_sum: float
    loss_count: int
    curve: list[list[str]] = field(default_factory=list)
    log: str = ""

    @property
    def name(self) -> str:
        """Name of its variables' files."""
        return f"state-{self.iteration}"


STATES = StateFile(State, "a checkpoint of a training", ModelError, hint="remove its folder")


def save_state(train: Path, state: State, save: Any) -> None:
    """Write a state: `save` writes the variables at a path; the one before is removed when this one is whole."""
    folder = train / FOLDER
    folder.mkdir(exist_ok=True)
    save(str(folder / state.name))
    for each in folder.glob(f"{state.name}.*"):
        fsync_path(each)
    write_text_atomic(folder / FILE, STATES.text(state))
    for each in folder.iterdir():
        if each.name != FILE and not each.name.startswith(f"{state.name}."):
            each.unlink()


def load_state(train: Path) -> State | None:
    """Read a state; None where there is none, or it is not whole."""
    try:
        state = STATES.find(train / FOLDER / FILE)
    except DlcctrError:
        return None
    return state if state and (train / FOLDER / f"{state.name}.index").is_file() else None


def remove_state(train: Path) -> None:
    """Remove it."""
    shutil.rmtree(train / FOLDER, ignore_errors=True)
