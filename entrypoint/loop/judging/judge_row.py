"""Judge one row: from positions, times and pictures to the files that say what is suspicious about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.model.prior.record import PRIORS, PosePrior
from dlcctr.quality.judge import judge
from dlcctr.quality.measures.track import Track
from dlcctr.quality.record import QUALITIES, QUALITY_FILENAME, TABLE_FILENAME
from dlcctr.quality.table_file import table_bytes
from entrypoint.loop.judging.row_pictures import take_pictures
from entrypoint.loop.judging.seen import Seen


@dataclass(frozen=True)
class RowFacts:
    """What a row is judged by.

    Parameters
    ----------
    positions : array, (n, n_bodyparts, 3)
        Of the stream's frames.
    times_s : array, (n,), or None
        Times of the frames in seconds; NaN where not known.
    rate : float or None
        Nominal frames/s.
    seen : Seen
        The pictures that were analysed.
    video : str
        Path of the video.
    prior : str
        Text of the pose prior; empty where there is none.
    """

    positions: Any
    bodyparts: tuple[str, ...]
    times_s: Any
    rate: float | None
    seen: Seen
    video: str
    prior: str


@dataclass(frozen=True)
class Judged:
    """What is said of a row: its files by name, and the kinds of what is suspicious; empty where it was not judged."""

    files: Mapping[str, bytes]
    flags: tuple[str, ...] = ()


def judge_row(row: RowFacts) -> Judged:
    """Judge a row of one animal, and take pictures of the frames that a person should see."""
    import numpy

    pictures = row.seen.series
    track = Track(
        numpy.asarray(row.positions, float)[:, None],
        row.bodyparts,
        times_s=row.times_s,
        rate=row.rate,
        bounds=(0, 0, pictures.width, pictures.height) if pictures.width else None,
    )
    prior = PRIORS.parse(row.prior, Path("pose prior")) if row.prior else None
    return judge_track(track, prior, row.seen, Path(row.video))


def judge_track(track: Track, prior: PosePrior | None, seen: Seen | None, video: Path) -> Judged:
    """Judge positions; without `seen`, pictures of the video are neither judged nor taken."""
    pictures = seen.series if seen else None
    judgement = judge(track, prior, pictures)
    quality, stills = take_pictures(video, track, judgement, seen) if seen else (judgement.record, {})
    files = {
        QUALITY_FILENAME: QUALITIES.text(quality).encode("utf-8"),
        TABLE_FILENAME: table_bytes(track, judgement, pictures),
    }
    return Judged(files | stills, quality.flag_names)
