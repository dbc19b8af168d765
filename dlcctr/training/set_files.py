"""Files of a training set, by DeepLabCut's names, and the pictures that are named in them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Frame = tuple[str, str]
"""Folder below labeled-data, and picture."""


def training_set_folder(project: Path, config: Mapping[str, Any], iteration: int) -> Path:
    """Where DeepLabCut keeps the training sets of an iteration."""
    name = f"UnaugmentedDataSet_{config['Task']}{config['date']}"
    return project / "training-datasets" / f"iteration-{iteration}" / name


def documentation_name(config: Mapping[str, Any], percent: int, shuffle: int) -> str:
    """Name of the file with a shuffle's split."""
    return f"Documentation_data-{config['Task']}_{percent}shuffle{shuffle}.pickle"


def frame_of(index: Any) -> Frame:
    """Folder and picture of a row; older tables have one text, of Windows too. `ValueError` for anything else."""
    words = [str(word) for word in index] if isinstance(index, tuple) else re.split(r"[\\/]", str(index))
    folder, picture = words[-2:]
    if {folder, picture} & {"", ".", ".."} or any(mark in folder + picture for mark in "/\\\0"):
        raise ValueError("names a picture outside labeled-data")
    return folder, picture
