"""New videos in a lab's folder: which are copied completely, and which already have a row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.campaign.videos.discover import discover
from dlcctr.campaign.videos.fingerprint import fingerprint
from dlcctr.campaign.videos.probe import probe_all
from dlcctr.errors import VideoError
from dlcctr.system.terminal.console import duration

TEMPORARY = re.compile(
    r"^~|^\.|[._~-](tmp|temp|part|partial|filepart|crdownload|download|copying)([._~-]|$)", re.IGNORECASE
)
"""Names that copying programs give to incomplete files, whatever their ending; people use them as well."""
PATIENCE = 10
"""Factor by which a file with such a name must keep its size for longer."""

SAME = "the same content as"


@dataclass(frozen=True)
class Arrival:
    """One file as it was last seen.

    Parameters
    ----------
    bytes, mtime : int, float
        Size, and time of the last change in seconds since 1970.
    since : float
        When it was first seen like that.
    note : str
        Reason why the video is not in the manifest, for people.
    """

    bytes: int
    mtime: float
    since: float
    note: str = ""

    def is_same(self, other: Arrival) -> bool:
        """Whether the file has not changed."""
        return (self.bytes, self.mtime) == (other.bytes, other.mtime)


@dataclass(frozen=True)
class Sighting:
    """Result of one look at the folders: files to add now, and all others with the reason."""

    ready: list[Path] = field(default_factory=list)
    seen: dict[str, Arrival] = field(default_factory=dict)


def look(
    folders: Sequence[str],
    rows: Sequence[Row],
    before: Mapping[str, Arrival],
    *,
    root: Path,
    own: Sequence[Path],
    now: float,
    settle_s: float,
) -> Sighting:
    """Find videos that have no row.

    A file is ready once it has kept its size and time for `settle_s` seconds (longer under a temporary name), can be
    opened, and its content has no row yet under another name.

    Parameters
    ----------
    before : mapping
        Result of the look before, by the video's name below the root.
    root : Path
        Video root of the campaign.
    own : sequence of Path
        Files and folders that are never videos: manifest, campaign.toml, results.
    now : float
        Seconds since 1970.

    Raises
    ------
    UsageError
        A folder is not below the video root.
    """
    try:
        found = discover(folders, root=root, own=own)
    except VideoError:  # the folders are empty, or a mount is away: nothing arrived
        return Sighting(seen=dict(before))
    known = {row.video for row in rows}
    sighting = Sighting()
    ripe: list[tuple[str, Path]] = []
    for video in found.videos:
        if video.video in known:
            continue
        arrival = _see(video.path, before.get(video.video), now)
        if arrival is None:
            continue
        if arrival.note.startswith(SAME):  # a copy that has not changed since it was found to be one
            sighting.seen[video.video] = arrival
            continue
        note = _waits_for(video.path, arrival, now, settle_s)
        sighting.seen[video.video] = replace(arrival, note=note)
        if not note:
            ripe.append((video.video, video.path))
    _judge(ripe, rows, sighting)
    return sighting


def _see(path: Path, before: Arrival | None, now: float) -> Arrival | None:
    try:
        about = path.stat()
    except OSError:
        return None
    arrival = Arrival(about.st_size, about.st_mtime, now)
    return before if before and before.is_same(arrival) else arrival


def _waits_for(path: Path, arrival: Arrival, now: float, settle_s: float) -> str:
    if arrival.bytes == 0:
        return "empty so far"
    temporary = bool(TEMPORARY.search(path.name))
    # Not by the file's own time: a camera's clock may be ahead
    rest = settle_s * (PATIENCE if temporary else 1) - (now - arrival.since)
    why = "a temporary name" if temporary else "changed a moment ago"
    return f"{why}; added in {duration(rest)} if it stays unchanged" if rest > 0 else ""


def _judge(ripe: Sequence[tuple[str, Path]], rows: Sequence[Row], sighting: Sighting) -> None:
    """Leave out what cannot be opened, and content that has a row."""
    by_content = {row.fingerprint: f"row {row.index} ({row.video})" for row in rows if row.fingerprint}
    facts = probe_all([path for _, path in ripe])
    for (name, path), fact in zip(ripe, facts, strict=True):
        arrival = sighting.seen[name]
        if fact.error:
            sighting.seen[name] = replace(arrival, note=f"cannot be opened (yet): {fact.error}")
            continue
        content = fact.fingerprint or fingerprint(path)
        if content in by_content:
            sighting.seen[name] = replace(arrival, note=f"{SAME} {by_content[content]}")
            continue
        by_content[content] = name
        del sighting.seen[name]
        sighting.ready.append(path)
