"""Judge a row in the task that analyses it, from what is in memory anyway: its positions, its pictures, its times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.model.prior.record import PRIORS, PosePrior
from dlcctr.quality.judge import judge
from dlcctr.quality.measures.pictures import PictureSeries, PictureStatistics
from dlcctr.quality.measures.track import Track
from dlcctr.quality.record import QUALITIES, QUALITY_FILENAME, TABLE_FILENAME
from dlcctr.quality.table_file import table_bytes
from entrypoint.loop import row_times
from entrypoint.loop.judging.row_pictures import take_pictures
from entrypoint.protocol import Job, Message, Report
from entrypoint.video.frame_scan import FrameScan
from entrypoint.video.pixels import Box

MOST_VALUES = 6_000_000
"""Positions beyond which a row is not judged in its task: each takes some 250 bytes of memory meanwhile."""


Judged = tuple[Mapping[str, bytes], tuple[str, ...]]


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


def judge_job(job: Job, scan: FrameScan, positions: Any, seen: Seen, report: Report) -> Judged:
    """Judge a job of our loop.

    Parameters
    ----------
    positions : ndarray, (n, n_bodyparts, 3)
        Of the stream's frames.

    Returns
    -------
    files : mapping of str to bytes
        The row's files by name; none where it was not judged, which never harms the analysis: a message says why.
    flags : tuple of str
        Kinds of what is suspicious about it.
    """
    import numpy

    n_frames, n_bodyparts = len(positions), positions.shape[1]
    if n_frames * n_bodyparts > MOST_VALUES:
        report(Message("too long to be judged here; afterwards: dlc quality"))
        return {}, ()
    pictures = seen.series
    try:
        track = Track(
            numpy.asarray(positions, float)[:, None],
            tuple(dict.fromkeys(column[-2] for column in job.columns)),
            times_s=numpy.asarray(row_times.read(job, scan), float) if job.times or scan.times else None,
            rate=scan.fps or None,
            bounds=(0, 0, pictures.width, pictures.height) if pictures.width else None,
        )
        judgement = judge(track, _prior(job), pictures)
        quality, files = take_pictures(Path(job.video), track, judgement, seen.box)
        made = {
            QUALITY_FILENAME: QUALITIES.text(quality).encode("utf-8"),
            TABLE_FILENAME: table_bytes(track, judgement, pictures),
        }
        return made | files, quality.flag_names
    except Exception as error:  # the result itself is whole
        text = " ".join(str(error).split())[:200]
        why = f"it could not be judged ({type(error).__name__}: {text}); its result is whole"
        report(Message(why, is_warning=True))
        return {}, ()


def _prior(job: Job) -> PosePrior | None:
    return PRIORS.parse(job.prior, Path(job.config)) if job.prior else None
