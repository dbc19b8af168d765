"""The loss curve of a trained model, in a project or in a bundle: ours, else the one that DeepLabCut itself wrote."""

from __future__ import annotations

import contextlib
import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from dlcctr.errors import ModelError
from dlcctr.model.curve.losses import DETECTOR, LOSSES_FILENAME, POSE, LossRow, parse_losses
from dlcctr.model.files import ModelTree

STATS_FILENAME = "learning_stats.csv"
TRAIN_LOSS, TEST_LOSS = "losses/train.total_loss", "losses/eval.total_loss"
STEP = "step"


def curve_of(tree: ModelTree, train: PurePosixPath) -> list[LossRow]:
    """Loss curve of the shuffle whose train folder this is; empty where there is none that can be read."""
    for name, parse in ((LOSSES_FILENAME, parse_losses), (STATS_FILENAME, parse_stats)):
        if tree.is_file(train / name):
            with contextlib.suppress(ModelError, ValueError, csv.Error):
                if rows := parse(tree.text(train / name)):
                    return rows
    return []


def parse_stats(text: str) -> list[LossRow]:
    """Rows of DeepLabCut's learning_stats.csv.

    PyTorch's has a head and a line for each epoch. TensorFlow's has neither head nor test: iteration, loss, learning
    rate. Lines of something else are left out.
    """
    lines = list(csv.reader(io.StringIO(text)))
    if not lines or not lines[0]:
        return []
    head = [name.strip() for name in lines[0]]
    return list(_with_head(head, lines[1:]) if STEP in head and TRAIN_LOSS in head else _without(lines))


def _with_head(head: Sequence[str], lines: Sequence[Sequence[str]]) -> Iterator[LossRow]:
    step, train = head.index(STEP), head.index(TRAIN_LOSS)
    test = head.index(TEST_LOSS) if TEST_LOSS in head else None
    for line in lines:
        if len(line) == len(head) and line[step].strip().isdecimal():
            yield LossRow(
                POSE, int(line[step]), _number(line[train]), math.nan if test is None else _number(line[test])
            )


def _without(lines: Sequence[Sequence[str]]) -> Iterator[LossRow]:
    for line in lines:
        if len(line) == 3 and line[0].strip().isdecimal():
            yield LossRow(POSE, int(line[0]), _number(line[1]), learning_rate=_number(line[2]))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def thinned(rows: Sequence[LossRow], most: int) -> list[LossRow]:
    """At most `most` rows of each network, evenly spread, the last one among them; tested ones first."""
    kept = []
    for network in (DETECTOR, POSE):
        own = [row for row in rows if row.network == network]
        tested = [row for row in own if math.isfinite(row.test_loss)]
        untested = [row for row in own if not math.isfinite(row.test_loss)]
        if len(own) > most and tested:
            own = _spread(tested, most // 2) + _spread(untested, most - most // 2)
        kept += sorted(_spread(own, most), key=lambda row: row.epoch)
    return kept


def _spread(rows: list[LossRow], most: int) -> list[LossRow]:
    step = max(1, math.ceil(len(rows) / most))
    return rows[::-1][::step][::-1]
