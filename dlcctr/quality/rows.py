"""The quality of a campaign's rows, as it was judged, with the flags by the comparison of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.errors import DlcctrError
from dlcctr.quality.cameras import camera_of
from dlcctr.quality.campaign import JudgedRow, compare, with_campaign
from dlcctr.quality.record import Quality, read_quality


def read_qualities(rows: Iterable[tuple[Row, Path]]) -> dict[int, Quality]:
    """Quality of those rows that have been judged, by their indices.

    Parameters
    ----------
    rows : iterable of (Row, Path)
        Rows with a result, and their folders. All rows of the campaign, or the comparison is with those that are given.

    Returns
    -------
    dict
        A row whose `quality.json` is damaged is left out: `check` calls it broken.
    """
    judged = []
    for row, folder in rows:
        try:
            quality = read_quality(folder)
        except DlcctrError:
            continue
        if quality:
            judged.append(JudgedRow(row.index, camera_of(row), quality))
    flags = compare(judged)
    return {each.index: with_campaign(each.quality, flags.get(each.index, ())) for each in judged}
