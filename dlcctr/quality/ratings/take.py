"""Put ratings that somebody gave to those that a campaign has."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import require_rows
from dlcctr.errors import ManifestError
from dlcctr.quality.ratings.table import current_ratings, merge_ratings, read_ratings, write_ratings
from dlcctr.system.locks import campaign_lock


@dataclass(frozen=True)
class Taken:
    """What became of a table of ratings.

    Parameters
    ----------
    file : Path
        The campaign's own table.
    read, new : int
        Ratings in the table that was given, and how many of them the campaign did not have.
    counts : dict
        What is said of the campaign's videos now: rating to number of rows.
    """

    file: Path
    read: int
    new: int
    counts: dict[str, int]


def take_ratings(manifest: Path, table: Path, rater: str = "") -> Taken:
    """Merge a table into the campaign's ratings; the newest of each person and row stays.

    Raises
    ------
    ManifestError
        The manifest or a table cannot be read, a line is wrong, or the table does not exist; nothing was changed.
    OutputError
        The campaign's table cannot be written.
    """
    rows = read_manifest(manifest)
    require_rows(rows, manifest)
    if not table.exists():
        raise ManifestError(f"{table}: does not exist", "export the ratings from the report (key e)")
    given = read_ratings(table, rows, rater=rater)
    paths = CampaignPaths.of(manifest)
    with campaign_lock(paths.ratings_lock):
        old = read_ratings(paths.ratings, rows)
        merged = merge_ratings(old, given)
        if merged != old:
            write_ratings(paths.ratings, merged)
    counts = Counter(rating.rating or "note only" for rating in current_ratings(merged).values())
    return Taken(paths.ratings, len(given), len(set(merged) - set(old)), dict(counts.most_common()))
