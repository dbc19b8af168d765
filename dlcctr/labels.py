"""Body parts in the heads of labelled data: the .csv beside DeepLabCut's .h5, of which only the head is looked at."""

from __future__ import annotations

import csv
from pathlib import PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model_tree import ROOT, ModelTree

HEAD_LINES = 4
SINGLE = "single"
"""DeepLabCut's name for the individual that unique body parts belong to."""


def labelled_parts(tree: ModelTree, iteration: int) -> dict[PurePosixPath, tuple[str, ...]]:
    """Body parts and then unique ones of every CollectedData_*.csv: of the labels and of the training data set."""
    return {file: parts for file in _files(tree, iteration) if (parts := _parts(tree, file))}


def _files(tree: ModelTree, iteration: int) -> list[PurePosixPath]:
    found = []
    for top in (ROOT / "labeled-data", ROOT / "training-datasets" / f"iteration-{iteration}"):
        for folder in tree.names(top):
            found += [top / folder / name for name in tree.names(top / folder)
                      if name.startswith("CollectedData_") and name.endswith(".csv")]  # fmt: skip
    return found


def _parts(tree: ModelTree, file: PurePosixPath) -> tuple[str, ...]:
    try:
        lines = list(csv.reader(tree.text(file).splitlines()[:HEAD_LINES]))
    except (ModelError, csv.Error):
        return ()
    rows = {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines if line}
    parts = rows.get("bodyparts", [])
    owners = rows.get("individuals", [""] * len(parts))
    shared = [part for part, owner in zip(parts, owners, strict=False) if part and owner != SINGLE]
    unique = [part for part, owner in zip(parts, owners, strict=False) if part and owner == SINGLE]
    return tuple(dict.fromkeys(shared)) + tuple(dict.fromkeys(unique))
