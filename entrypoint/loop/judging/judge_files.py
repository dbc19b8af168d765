"""Judge what DeepLabCut itself has written: rows of several animals, and others that our loop does not take.

A process of its own reads the table and decodes the video once more, as `dlc quality` does afterwards.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from dlcctr.errors import DlcctrError
from dlcctr.model.prior.record import PRIORS
from dlcctr.quality.measures.track import Track
from dlcctr.results.h5.h5_file import read_table
from dlcctr.results.times.frame_times import read_frame_times
from entrypoint.loop.judging.child import be_child, judge_in_child
from entrypoint.loop.judging.judge_job import APART, MOST_VALUES, NOT_JUDGED, TOO_LONG, not_judged
from entrypoint.loop.judging.judge_row import Judged, judge_track
from entrypoint.loop.judging.look import look
from entrypoint.loop.judging.positions import positions_of
from entrypoint.loop.judging.seen import Seen
from entrypoint.protocol import Job, Message, Order, Report, order_line, parse_order

JOB = "job.json"


def judge_files(job: Job, report: Report) -> Judged:
    """Judge the files in a job's folder, which are proven to be whole.

    Returns
    -------
    Judged
        Empty where they were not judged, which never harms the result: a message says why.
    """
    if job.frames * len(job.columns) // 3 > MOST_VALUES:
        report(Message(TOO_LONG))
        return NOT_JUDGED
    folder = Path(job.folder).with_name(APART)
    try:
        folder.mkdir()
        (folder / JOB).write_bytes(order_line(Order(job)))
        return judge_in_child(__name__, folder)
    except Exception as error:  # the result itself is whole
        return not_judged(error, report)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_and_judge(job: Job) -> Judged:
    """Judge them in this process."""
    import numpy

    (file,) = Path(job.folder).glob("*.h5")
    positions, bodyparts, individuals = positions_of(read_table(file))
    video = Path(job.original or job.video)
    seen: Seen | None = None
    with contextlib.suppress(DlcctrError):  # positions can be judged without pictures
        seen = look(video, None if job.found.clean else job.found, job.frames, job.crop)
    width, height = (seen.series.width, seen.series.height) if seen else (0, 0)
    track = Track(
        positions,
        bodyparts,
        individuals,
        # tracks may end before the video does
        times_s=numpy.asarray(read_frame_times(Path(job.times)), float)[: len(positions)] if job.times else None,
        rate=job.found.fps or None,
        bounds=(0, 0, width, height) if width else None,
    )
    prior = PRIORS.parse(job.prior, Path("pose prior")) if job.prior else None
    return judge_track(track, prior, seen, video)


def main(folder: str) -> None:
    """Judge what a job in a folder names, and leave the files in it."""
    be_child(folder, lambda place: read_and_judge(parse_order((place / JOB).read_text(encoding="utf-8")).job))
