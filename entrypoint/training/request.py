"""What `dlc train` was asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import UsageError
from entrypoint.training.child.find_weights import WEIGHTS_VARIABLE
from entrypoint.training.events import CHECKPOINT_EVERY_S

FLOAT32, AMP = "float32", "amp"
PRECISIONS = (FLOAT32, AMP)
AGAIN = "run the same command again: it goes on from the last checkpoint"
IMAGE_FOLDER = Path("/weights")
"""Folder of weights that is bound into a container, where no other is named."""


@dataclass(frozen=True)
class TrainRequest:
    """Options of `dlc train`.

    Parameters
    ----------
    shuffles : tuple of int
        Trained one after the other.
    weights : str
        A file, a folder, a project, ``none``; empty for published weights on this machine.
    precision : str
        One of `PRECISIONS`.
    same_settings : bool
        Give a set that has not been trained the settings of the training before.
    """

    project: Path
    shuffles: tuple[int, ...] = (1,)
    trainset_index: int = 0
    seed: int | None = None
    epochs: int | None = None
    net_type: str = ""
    weights: str = ""
    batch_size: int | None = None
    device: str = "auto"
    allow_cpu: bool = False
    precision: str = FLOAT32
    trial: bool = False
    scratch: Path | None = None
    checkpoint_s: float = CHECKPOINT_EVERY_S
    same_settings: bool = False


def parse_precision(text: str) -> str:
    """One of `PRECISIONS`; anything else is a `UsageError`."""
    if text not in PRECISIONS:
        raise UsageError(
            f"--precision is {text!r}; it must be one of {', '.join(PRECISIONS)}", "leave it out for float32"
        )
    return text


def parse_shuffles(shuffles: Sequence[int]) -> tuple[int, ...]:
    """Shuffles without repetition; the first one where none is named."""
    return tuple(dict.fromkeys(shuffles)) or (1,)


def weight_places(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Folders in which published weights may be: the one that is named, then the caches of the engines."""
    home = Path(environment.get("HOME") or "/")
    caches = Path(environment.get("XDG_CACHE_HOME") or home / ".cache")
    named = environment.get(WEIGHTS_VARIABLE)
    hub = Path(environment.get("HF_HOME") or caches / "huggingface")
    places = [
        *([Path(named)] if named else []),
        IMAGE_FOLDER,
        *([Path(environment["HF_HUB_CACHE"])] if environment.get("HF_HUB_CACHE") else []),
        hub,
        Path(environment.get("TORCH_HOME") or caches / "torch"),
        Path(environment.get("KERAS_HOME") or home / ".keras"),
    ]
    return [str(each.absolute()) for each in dict.fromkeys(places)]
