"""What each row is compared with: the videos of the same camera. The one place that asks `dlcctr.quality` for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from dlcctr.campaign.rows import Row
from dlcctr.quality import campaign
from dlcctr.quality.campaign import JudgedRow
from dlcctr.quality.record import Flag, Quality

NO_DAY = "no date in its name"
_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])(?!\d)")
"""A date as cameras write it into names: 2026-01-31, 20260131, 2026_01_31."""


@dataclass(frozen=True)
class Compared:
    """A row among the others of its camera.

    Parameters
    ----------
    camera : str
        Folder, size of the picture and frame rate.
    day : str
        ``2026-01-31``, from the video's name; `NO_DAY` without a date in it.
    flags : tuple of Flag
        The row's own flags, then those that only the other rows' numbers tell.
    """

    camera: str
    day: str
    flags: tuple[Flag, ...] = ()


def compare(rows: Sequence[tuple[Row, Quality | None]]) -> list[Compared]:
    """Compare all rows with each other; in the order in which they were given."""
    judged = [JudgedRow(row.index, _group_of(row), quality) for row, quality in rows if quality]
    found = campaign.compare(judged)
    return [
        Compared(camera_of(row), day_of(row.video), _flags(quality, found.get(row.index, ()))) for row, quality in rows
    ]


def _group_of(row: Row) -> str:
    return campaign.camera_of(row.width, row.height, row.fps, row.video)


def _flags(quality: Quality | None, more: Sequence[Flag]) -> tuple[Flag, ...]:
    return campaign.with_campaign(quality, more).flags if quality else ()


def camera_of(row: Row) -> str:
    """Name of what most likely is one camera: the folder without the days in it, size of the picture, frame rate."""
    folders = [_DAY.sub("", part).strip(" -_.") for part in PurePosixPath(row.video).parent.parts]
    facts = [
        "/".join(filter(None, folders)),
        f"{row.width}×{row.height}" if row.width and row.height else "",
        f"{row.fps:.4g}/s" if row.fps else "",
    ]
    return " · ".join(filter(None, facts)) or "unknown"


def day_of(video: str) -> str:
    """Day in a video's path, the last one where there are several."""
    found = _DAY.findall(video)
    return f"{found[-1][0]}-{found[-1][2]}-{found[-1][3]}" if found else NO_DAY
