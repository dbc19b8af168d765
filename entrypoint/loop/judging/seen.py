"""The pictures of a pass, measured one after the other while they are analysed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.quality.measures.pictures import PictureSeries, PictureStatistics
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.pixels import Box


@dataclass(frozen=True)
class Seen:
    """Measures of the pictures that were analysed, and the part of each that was: None for all of it."""

    series: PictureSeries
    box: Box | None


class SeenPictures:
    """Measures the pictures that a pass shows to the network; of all others of the stream it knows nothing."""

    def __init__(self) -> None:
        self._statistics = PictureStatistics()
        self._next = 0

    def add(self, at: int, frames: Any, scan: FrameScan | None) -> None:
        """Measure a batch.

        Parameters
        ----------
        at : int
            Its first frame, counted in decoded frames.
        frames : ndarray, (n, height, width, 3)
            uint8.
        scan : FrameScan or None
            What is known of the video; None as long as all frames have decoded.
        """
        for number, picture in enumerate(frames, at):
            self._skip_to(scan.stream_number(number) if scan else number)
            self._statistics.add(picture)
            self._next += 1

    def finish(self, stream: int, box: Box | None) -> Seen:
        """All measures, one for each of the stream's frames."""
        self._skip_to(stream)
        return Seen(self._statistics.finish(), box)

    def _skip_to(self, number: int) -> None:
        while self._next < number:
            self._statistics.skip()
            self._next += 1
