"""Judge a row in the task that analyses it, from what is in memory anyway: its positions, its pictures, its times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from entrypoint.loop import row_times
from entrypoint.loop.judging.apart import judge_apart
from entrypoint.loop.judging.judge_row import Judged, RowFacts, judge_row
from entrypoint.loop.judging.seen import Seen
from entrypoint.protocol import Job, Message, Report
from entrypoint.video.frame_scan import FrameScan

FEW_VALUES = 100_000
"""Positions up to which a row is judged in this process; each takes some 250 bytes of memory meanwhile."""
MOST_VALUES = 6_000_000
"""Positions beyond which a row is not judged in its task."""
APART = "judging"
"""Folder beside a job's folder, of a row that is judged by another process."""
NOT_JUDGED = Judged({})
TOO_LONG = "too long to be judged here; afterwards: dlcctr quality m.csv"


def judge_job(job: Job, scan: FrameScan, positions: Any, seen: Seen, report: Report) -> Judged:
    """Judge a job of our loop.

    Parameters
    ----------
    positions : ndarray, (n, n_bodyparts, 3)
        Of the stream's frames.

    Returns
    -------
    Judged
        Empty where it was not judged, which never harms the analysis: a message says why.
    """
    import numpy

    values = positions.shape[0] * positions.shape[1]
    if values > MOST_VALUES:
        report(Message(TOO_LONG))
        return NOT_JUDGED
    try:
        row = RowFacts(
            positions=positions,
            bodyparts=tuple(dict.fromkeys(column[-2] for column in job.columns)),
            times_s=numpy.asarray(row_times.read(job, scan), float) if job.times or scan.times else None,
            rate=scan.fps or None,
            seen=seen,
            video=job.video,
            prior=job.prior,
        )
        return judge_row(row) if values <= FEW_VALUES else judge_apart(row, Path(job.folder).with_name(APART))
    except Exception as error:  # the result itself is whole
        return not_judged(error, report)


def not_judged(error: Exception, report: Report) -> Judged:
    """Say why a row was not judged."""
    text = " ".join(str(error).split())[:200]
    why = f"it could not be judged ({type(error).__name__}: {text}); its result is whole"
    report(Message(why, is_warning=True))
    return NOT_JUDGED
