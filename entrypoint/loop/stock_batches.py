"""Batches as stock DeepLabCut forms them, for networks in which the frames of a batch change each other's positions."""

from __future__ import annotations

from typing import Any

from entrypoint.engines.base import NotCovered


class StockBatches:
    """Fills a video's last batch up: DeepLabCut leaves the batch before in its place.

    Parameters
    ----------
    size : int
        Frames of a batch.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._last: Any = None

    def fill(self, frames: Any) -> Any:
        """A batch of full size that begins with `frames`; valid until the next one is made.

        Parameters
        ----------
        frames : ndarray, (n, height, width, 3)

        Raises
        ------
        NotCovered
            There is no earlier batch, so DeepLabCut would use what happens to be in memory.
        """
        if len(frames) == self._size:
            self._last = frames.copy() if self._last is None else self._keep(frames)
            return frames
        if self._last is None:
            raise NotCovered(
                f"the network's positions depend on whole batches, and the video has only {len(frames)} frames for "
                f"one of {self._size}"
            )
        self._last[: len(frames)] = frames
        return self._last

    def _keep(self, frames: Any) -> Any:
        self._last[:] = frames
        return self._last
