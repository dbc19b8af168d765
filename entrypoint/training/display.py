"""Progress of a training: on a terminal a bar, and a line now and then for logs."""

from __future__ import annotations

import math
import sys
import time
from typing import TextIO

from dlcctr.model.curve.losses import POSE, LossRow
from dlcctr.system.terminal.console import duration, print_lines
from dlcctr.system.terminal.live import is_live
from dlcctr.system.terminal.meter import Meter

EVERY_S = 10.0
RECENT = 20
"""Epochs whose mean time the time left is told from."""


class TrainingDisplay:
    """Shows one shuffle.

    Parameters
    ----------
    label : str
        What is trained, as ``shuffle 1``.
    unit : str
        What is counted.
    """

    def __init__(self, label: str, unit: str, stream: TextIO | None = None) -> None:
        self._label, self._unit = label, unit
        self._stream = stream if stream is not None else sys.stderr
        self._wanted, self._network, self._said_at = 0, POSE, -math.inf
        self._recent: list[tuple[int, float]] = []
        self._last: LossRow | None = None
        self._meter: Meter | None = None

    def begin(self, network: str, done: int, wanted: int) -> None:
        """A network's first epoch comes next."""
        self.close()
        self._network, self._wanted, self._said_at = network, wanted, -math.inf
        self._recent = [(done, time.monotonic())]
        if is_live(self._stream):
            self._meter = Meter(self._name(), wanted, self._count, self._stream, first=done).open()

    def show(self, row: LossRow) -> None:
        """One more row of the curve."""
        now = time.monotonic()
        self._last = row
        self._recent = [*self._recent, (row.epoch, now)][-RECENT:]
        if self._meter is not None:
            self._meter.update(min(row.epoch, self._wanted))
        elif now - self._said_at >= EVERY_S or row.epoch == self._wanted or not math.isnan(row.test_loss):
            self._said_at = now
            print_lines([self._line(row)], flush=True)

    def close(self) -> None:
        """End the bar."""
        if self._meter is not None:
            self._meter.close()
            self._meter = None

    def _name(self) -> str:
        return self._label if self._network == POSE else f"{self._label}, {self._network}"

    def _count(self, done: int, total: int) -> str:
        loss = f", loss {self._last.train_loss:.3g}" if self._last else ""
        return f"{self._unit} {done} of {total}{loss}"

    def _line(self, row: LossRow) -> str:
        test = "" if math.isnan(row.test_loss) else f", test {row.test_loss:.3g}"
        left = self._left(row.epoch)
        return (
            f"{self._name()}: {self._unit} {row.epoch} of {self._wanted}, loss {row.train_loss:.3g}{test}"
            f"{', ' + left if left else ''}"
        )

    def _left(self, done: int) -> str:
        (first, began), (last, now) = self._recent[0], self._recent[-1]
        if last <= first or done >= self._wanted:
            return ""
        return f"{duration((self._wanted - done) * (now - began) / (last - first))} left"
