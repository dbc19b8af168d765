"""The times of a job's frames in the worker: from the file that the job names, or from the loop's own pass."""

from __future__ import annotations

from array import array
from pathlib import Path

from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.results.times.frame_times import FrameTimes, read_frame_times, write_frame_times
from entrypoint.protocol import Job
from entrypoint.video.frame_scan import FrameScan


def read(job: Job, scan: FrameScan) -> array[float]:
    """Times of all stream frames in seconds, NaN where not known.

    Parameters
    ----------
    scan : FrameScan
        What is known of the video in the end; of a pass in this process where the job names no file.
    """
    if job.times:
        return read_frame_times(Path(job.times))
    assert scan.times is not None
    return scan.times.seconds


def write(job: Job, scan: FrameScan | None) -> FrameTimes | None:
    """Write the times that the loop's own pass found into the job's folder; None where the job has a file of them."""
    if job.times or scan is None or scan.times is None:
        return None
    write_frame_times(Path(job.folder) / FRAME_TIMES_FILENAME, scan.times.seconds)
    return scan.times.describe()
