"""The loss curve of a training: one line of CSV for each epoch."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import ModelError
from dlcctr.system.files import read_bounded

LOSSES_FILENAME = "dlcctr-losses.csv"
"""File in a shuffle's train folder with its loss curve, and in a bundle at the same place."""
POSE, DETECTOR = "pose", "detector"
COLUMNS = ("network", "epoch", "train_loss", "test_loss", "learning_rate", "seconds")
MAX_BYTES = 64 << 20
REMEDY = "remove the file; the next epochs of a training begin it anew"


@dataclass(frozen=True)
class LossRow:
    """Losses of one epoch.

    Parameters
    ----------
    network : str
        `POSE`, or `DETECTOR` of a top-down model.
    epoch : int
        From 1; an iteration with TensorFlow.
    train_loss : float
        Mean over the epoch's batches; not a number where the engine gave none.
    test_loss : float
        Of the frames that were held out; not a number in epochs without a test.
    seconds : float
        How long the epoch took.
    """

    network: str
    epoch: int
    train_loss: float
    test_loss: float = math.nan
    learning_rate: float = math.nan
    seconds: float = math.nan


def losses_text(rows: Iterable[LossRow]) -> str:
    """Text of the file; numbers in full, so that curves can be compared exactly."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        numbers = (row.train_loss, row.test_loss, row.learning_rate, row.seconds)
        writer.writerow([row.network, row.epoch, *("" if math.isnan(each) else repr(each) for each in numbers)])
    return stream.getvalue()


def losses_for_json(rows: Iterable[LossRow]) -> list[list[float | None]]:
    """Epoch, train and test loss of each row; null for what is no number."""
    return [[row.epoch, *(each if math.isfinite(each) else None for each in (row.train_loss, row.test_loss))]
            for row in rows]  # fmt: skip


def read_losses(train: Path) -> list[LossRow]:
    """Loss curve in a shuffle's train folder; empty where there is none.

    Raises
    ------
    ModelError
        The file cannot be read, or is none.
    """
    file = train / LOSSES_FILENAME
    try:
        data = read_bounded(file, MAX_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error.strerror})", "check its owner and permissions") from error
    try:
        if data is None:
            raise ValueError("it is too long")
        return parse_losses(data.decode("utf-8"))
    except (ValueError, csv.Error) as error:  # also text that is not UTF-8
        raise ModelError(f"{file}: not a loss curve ({error})", REMEDY) from error


def parse_losses(text: str) -> list[LossRow]:
    """Rows of the file's text; `ValueError` (or `csv.Error`) for another one."""
    lines = list(csv.reader(io.StringIO(text)))
    if not lines or tuple(lines[0]) != COLUMNS:
        raise ValueError(f"its first line is not {','.join(COLUMNS)}")
    rows = []
    for number, line in enumerate(lines[1:], 2):
        if len(line) != len(COLUMNS):
            raise ValueError(f"line {number} has {len(line)} of {len(COLUMNS)} values")
        network, epoch, *numbers = line
        try:
            rows.append(LossRow(network, int(epoch), *(float(each) if each else math.nan for each in numbers)))
        except ValueError:
            raise ValueError(f"line {number} has something else than numbers") from None
    return rows
