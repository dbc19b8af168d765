"""What a round gave: read from what the commands wrote, and kept as lines of `results.jsonl`."""

from __future__ import annotations

import csv
import json
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.rounds.openfield.stretches import HELD_OUT_FOLDER, held_out

Errors = dict[int, list[float]]
"""Distances from the label in px: of each held-out frame a number for each body part, NaN where there is none."""


def read_errors(project: Path) -> dict[str, Errors]:
    """Errors in held-out frames, of the models ``now`` and ``before``, from the table of `evaluate`."""
    (file,) = project.glob("evaluation-results-pytorch/*/*/evaluation.csv")
    found: dict[str, Errors] = {}
    with file.open(encoding="utf-8", newline="") as stream:
        for line in csv.DictReader(stream):
            if line["folder"] == HELD_OUT_FOLDER:
                frame = int(line["picture"].removeprefix("img").removesuffix(".png"))
                error = float(line["error_px"]) if line["error_px"] else float("nan")
                found.setdefault(line["model"], {}).setdefault(frame, []).append(error)
    return found


def read_losses(project: Path) -> list[tuple[int, float]]:
    """Epochs and training losses of the newest iteration, from what `dlc train` wrote."""
    file = max(project.glob("dlc-models-pytorch/*/*/train/dlcctr-losses.csv"))
    with file.open(encoding="utf-8", newline="") as stream:
        lines = [line for line in csv.DictReader(stream) if line["train_loss"]]
    return [(int(line["epoch"]), float(line["train_loss"])) for line in lines]


class Results:
    """Lines of one start model, one for each split and way; a line counts as soon as it is written."""

    def __init__(self, file: Path, start: str) -> None:
        self._file, self._start = file, start
        self.lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        self.begin()

    def has(self, split: int, way: str) -> bool:
        """Whether it is measured."""
        return any((each["split"], each["way"]) == (split, way) for each in self.lines)

    def begin(self) -> None:
        """Time from here."""
        self._began, self._used = time.monotonic(), _cpu_s()

    def add(self, split: int, way: str, errors: Mapping[int, Sequence[float]], **found: Any) -> None:
        """Write a line, and say it."""
        rounded = {str(frame): [round(each, 3) for each in errors[frame]] for frame in sorted(errors)}
        spent = {"seconds": round(time.monotonic() - self._began), "cpu_s": round(_cpu_s() - self._used)}
        line = {"start": self._start, "split": split, "way": way, "held_out": held_out(split), **found, **spent}
        line["errors_px"] = rounded
        self.lines.append(line)
        with self._file.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
        px = np.array(list(rounded.values()))
        print(
            f"{self._start} split {split} {way}: {len(found.get('picked', ()))} frames, held-out error mean "
            f"{np.nanmean(px):.2f} px, median {np.nanmedian(px):.2f} px; {spent['seconds']} s", flush=True,
        )  # fmt: skip


def _cpu_s() -> float:
    """CPU time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
