"""Batches that a network computes while the next ones are being read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from entrypoint.engines.base import Finish, Network
from entrypoint.loop.backend import start
from entrypoint.loop.checkpoints.writer import CheckpointWriter
from entrypoint.loop.result import LoopResult
from entrypoint.protocol import Report


def _no_progress(_: int) -> None:
    """Nobody wants to know."""


class UnderWay:
    """Batches that a network was given and whose positions have not been asked for: as many as it can take ahead.

    Parameters
    ----------
    progress : callable
        Gets the number of decoded frames that are finished.
    """

    def __init__(
        self,
        network: Network,
        result: LoopResult,
        checkpoints: CheckpointWriter,
        report: Report,
        progress: Callable[[int], None] = _no_progress,
    ) -> None:
        self._network, self._result, self._checkpoints = network, result, checkpoints
        self._progress, self._report = progress, report
        self._batches: deque[tuple[int, int, Finish]] = deque()

    def begin(self, at: int, frames: Any, count: int) -> None:
        """Begin with a batch, of which the first `count` positions are of the frames from `at` on."""
        self._batches.append((at, count, start(self._network, frames, self._result, self._report)))
        while len(self._batches) > self._network.ahead:
            self._finish_one()

    def finish_all(self) -> None:
        """Wait for all positions."""
        while self._batches:
            self._finish_one()

    def _finish_one(self) -> None:
        at, count, finish = self._batches.popleft()
        self._checkpoints.take(at, finish()[:count], self._result.batch_size, self._result.backend)
        self._progress(max(at + count, self._checkpoints.start))
