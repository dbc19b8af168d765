"""Positions on disk, so that memory does not grow with the video."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

from entrypoint.video.frame_scan import FrameScan

DECODED_NAME, STREAM_NAME = "poses.float32", "stream-poses.float32"
LIKELIHOOD = 2
GROW_FRAMES = 1 << 14
GROW_BYTES = 1 << 20
"""Bytes that are written at once."""


class PoseArray:
    """Positions of the decoded frames in their order, as many as there turn out to be, in files that end with it.

    Parameters
    ----------
    folder : Path
        Folder for the files.
    """

    def __init__(self, folder: Path, n_bodyparts: int) -> None:
        self.n_bodyparts = n_bodyparts
        self._folder = folder
        self._array: Any = None

    def __enter__(self) -> PoseArray:
        with (self._folder / DECODED_NAME).open("xb"):
            pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in (DECODED_NAME, STREAM_NAME):
            (self._folder / name).unlink(missing_ok=True)

    def put(self, first: int, positions: Any) -> None:
        """Store positions (n, n_bodyparts, 3) of the frames from `first` on.

        Raises
        ------
        OSError
            There is no space for them.
        """
        stop = first + len(positions)
        if self._array is None or stop > len(self._array):
            self._grow(stop)
        self._array[first:stop] = positions

    def get(self, first: int, stop: int) -> Any:
        """Positions of the frames ``[first, stop)``, all of which were stored; a view, float32."""
        return self._array[first:stop]

    def by_stream_frame(self, scan: FrameScan) -> Any:
        """Positions of all stream frames (n_stream, n_bodyparts, 3); NaN with likelihood 0 where one did not decode."""
        import numpy

        if scan.clean:
            return self._array[: scan.stream]
        out = self._map(STREAM_NAME, 0, scan.stream)
        place = done = 0
        for first, stop in [*scan.missing, [scan.stream, scan.stream]]:
            out[place:first] = self._array[done : done + first - place]
            done += first - place
            out[first:stop] = numpy.nan
            out[first:stop, :, LIKELIHOOD] = 0
            place = stop
        return out

    def _grow(self, least: int) -> None:
        have = 0 if self._array is None else len(self._array)
        frames = max(least, have + max(GROW_FRAMES, have // 2))
        self._array = self._map(DECODED_NAME, have, frames)

    def _map(self, name: str, have: int, frames: int) -> Any:
        """Array of `frames` in a file that holds `have` of them."""
        import numpy

        file, each = self._folder / name, 4 * self.n_bodyparts * 3
        with file.open("ab") as handle:  # a hole in a file that the disk cannot fill would kill the process later
            left = (frames - have) * each
            while left > 0:
                left -= handle.write(bytes(min(left, GROW_BYTES)))
        return numpy.memmap(file, numpy.float32, "r+", shape=(frames, self.n_bodyparts, 3))
