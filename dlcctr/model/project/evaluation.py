"""Errors that DeepLabCut recorded for its snapshots in text files."""

from __future__ import annotations

import contextlib
import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model.engines import ENGINES
from dlcctr.model.files import ROOT, ModelTree
from dlcctr.model.project.shuffles import ModelFolder

_STEPS = ("training iterations:", "training iterations", "training epochs", "step")
_WANTED = re.compile(r"error|rmse|\bm?(?:AP|AR)\b", re.IGNORECASE)


@dataclass(frozen=True)
class RecordedErrors:
    """One number: ``test rmse`` of a snapshot, in px for errors and RMSE, 0-100 for mAP and mAR."""

    name: str
    value: float
    file: str


def recorded_errors(tree: ModelTree, shuffle: ModelFolder) -> dict[int, list[RecordedErrors]]:
    """Numbers by epoch (PyTorch) or iteration (TensorFlow); an evaluation's hide those noted during training."""
    top = ROOT / ENGINES[shuffle.engine].evaluation_folder / f"iteration-{shuffle.iteration}" / shuffle.folder.name
    files = [top / name for name in tree.names(top) if name.endswith("-results.csv") and "keypoint" not in name]
    if shuffle.engine == "pytorch":
        files.append(shuffle.folder / "train" / "learning_stats.csv")
    found: dict[int, list[RecordedErrors]] = {}
    for file in files:
        for step, numbers in _read(tree, file).items():
            found.setdefault(step, numbers)
    return found


def _read(tree: ModelTree, file: PurePosixPath) -> dict[int, list[RecordedErrors]]:
    """Numbers of one file by step; a file of another form gives none."""
    found: dict[int, list[RecordedErrors]] = {}
    if not tree.is_file(file):
        return found
    with contextlib.suppress(ModelError, csv.Error):
        rows = csv.reader(io.StringIO(tree.text(file)))
        header = [cell.strip() for cell in next(rows, [])]
        places = [place for place, name in enumerate(header) if name.lower() in _STEPS]
        wanted = {n: name for n, name in enumerate(header) if _WANTED.search(name) and not name.startswith("loss")}
        for row in rows if places else ():
            numbers = [RecordedErrors(_short(name), _number(row[place]), str(file))
                       for place, name in wanted.items() if place < len(row)]  # fmt: skip
            numbers = [each for each in numbers if not math.isnan(each.value)]
            step = _number(row[places[0]]) if places[0] < len(row) else math.nan
            if numbers and not math.isnan(step):
                found[int(step)] = numbers  # the last word on a snapshot counts
    return found


def _short(name: str) -> str:
    name = name.removeprefix("metrics/").replace(".", " ").replace("_", " ").replace("(px)", "").strip()
    return name[:1].lower() + name[1:]


def _number(text: str) -> float:
    """A number from a text; NaN if it is not one."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan
