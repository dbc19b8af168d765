"""What each row is compared with: the videos of the same camera. The one place that asks `dlcctr.quality` for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlcctr.campaign.rows import Row
from dlcctr.quality import campaign
from dlcctr.quality.cameras import camera_of, day_of
from dlcctr.quality.campaign import JudgedRow
from dlcctr.quality.record import Flag, Quality


@dataclass(frozen=True)
class Compared:
    """A row among the others of its camera.

    Parameters
    ----------
    camera : str
        See `dlcctr.quality.cameras`.
    day : str
        ``2026-01-31``, from the video's name; `dlcctr.quality.cameras.NO_DAY` without a date in it.
    flags : tuple of Flag
        The row's own flags, then those that only the other rows' numbers tell.
    """

    camera: str
    day: str
    flags: tuple[Flag, ...] = ()


def compare(rows: Sequence[tuple[Row, Quality | None]]) -> list[Compared]:
    """Compare all rows with each other; in the order in which they were given."""
    judged = [JudgedRow(row.index, camera_of(row), quality) for row, quality in rows if quality]
    found = campaign.compare(judged)
    return [
        Compared(camera_of(row), day_of(row.video), _flags(quality, found.get(row.index, ()))) for row, quality in rows
    ]


def _flags(quality: Quality | None, more: Sequence[Flag]) -> tuple[Flag, ...]:
    return campaign.with_campaign(quality, more).flags if quality else ()
