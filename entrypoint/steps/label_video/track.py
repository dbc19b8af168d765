"""The positions of frame after frame, with those of the frames before, from a table of any length."""

from __future__ import annotations

from typing import Any

from dlcctr.results.h5.positions import PositionColumns, PositionsFile

BLOCK_FRAMES = 5000


class Track:
    """Reads a table of positions forwards, a block at a time.

    Parameters
    ----------
    file : PositionsFile
        Open table.
    offset : tuple of int
        The corner that its positions count from, in px of the video.
    before : int
        Frames before each that are wanted, too.
    """

    def __init__(self, file: PositionsFile, offset: tuple[int, int], before: int = 0) -> None:
        self._file, self._offset, self._before = file, offset, before
        self._first, self._block = 0, file.read(0, 0)

    @property
    def columns(self) -> PositionColumns:
        """Its columns."""
        return self._file.columns

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return self._file.rows

    def at(self, frame: int) -> Any:
        """Positions of a frame and of up to `before` frames before it, the frame's own last.

        Returns
        -------
        numpy.ndarray
            (1 to before + 1, points, 3): x and y in px of the video, and likelihood; NaN where there is none.
        """
        import numpy

        low = max(frame - self._before, 0)
        if low < self._first or frame >= self._first + len(self._block):
            self._first = low
            self._block = self._file.read(low, frame + BLOCK_FRAMES)
            self._block[~numpy.isfinite(self._block)] = numpy.nan
            self._block[..., :2] += self._offset
        return self._block[low - self._first : frame - self._first + 1]
