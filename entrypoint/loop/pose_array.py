"""Positions on disk, one row for every stream frame, so that memory does not grow with the video."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from entrypoint.protocol import Job

POSES_NAME = "poses.float32"
LIKELIHOOD = 2


@contextmanager
def open_poses(job: Job, n_bodyparts: int) -> Iterator[Any]:
    """A float32 array (n_frames, n_bodyparts, 3) in the scratch folder, gone afterwards.

    Frames that did not decode are NaN with likelihood 0 from the beginning.
    """
    import numpy

    file = Path(job.folder).parent / POSES_NAME
    shape = (job.frames, n_bodyparts, 3)
    try:
        with file.open("xb") as handle:  # a hole in a file that the disk cannot fill would kill the process later
            for _ in range(job.frames):
                handle.write(bytes(4 * n_bodyparts * 3))
        poses: Any = numpy.memmap(file, numpy.float32, "r+", shape=shape)
        for first, stop in job.missing:
            poses[first:stop] = numpy.nan
            poses[first:stop, :, LIKELIHOOD] = 0
        yield poses
    finally:
        file.unlink(missing_ok=True)


def stream_numbers(job: Job) -> Any:
    """Stream frame number of each decoded frame, an int64 array (n_decoded,)."""
    import numpy

    decodes: Any = numpy.ones(job.frames, bool)
    for first, stop in job.missing:
        decodes[first:stop] = False
    return numpy.flatnonzero(decodes)
