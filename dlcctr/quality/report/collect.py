"""Everything that a report shows, read once: manifest, receipts, quality, ratings."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import DlcctrError
from dlcctr.quality.ratings.table import Rating, current_ratings, fitting_ratings
from dlcctr.quality.record import Flag, Quality, read_quality
from dlcctr.quality.report.compared import Compared, compare
from dlcctr.quality.report.timeline import bins_for, reduced
from dlcctr.quality.report.trainings import ModelTraining, trainings_of
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.row_state import Attempt, CheckResult, RowResult, State
from dlcctr.system.terminal.console import row_ranges
from dlcctr.system.terminal.progress import RowProgress, no_progress

MANY = 5
MAX_SEVERITY = 3.0
"""How much worse than its limit a number can count: e^3, twenty times."""
FLAGGED, NOT_MADE, NOT_JUDGED = 100.0, 50.0, 40.0
"""Where rows stand in the order: flagged results first, then rows without one, then those that nobody has judged."""


@dataclass(frozen=True)
class Video:
    """One row, as the report shows it.

    Parameters
    ----------
    receipt : Receipt or None
        Of its result; None without one.
    quality : Quality or None
        None where it was not judged, or cannot be read.
    compared : Compared
        Its camera, its day, and all of its flags.
    rating : Rating or None
        The newest.
    notes : tuple of str
        What else is known: remarks of the receipt, and why the quality cannot be read.
    """

    result: RowResult
    receipt: Receipt | None = None
    quality: Quality | None = None
    compared: Compared = field(default_factory=lambda: Compared("unknown", ""))
    rating: Rating | None = None
    notes: tuple[str, ...] = ()

    @property
    def row(self) -> Row:
        """The manifest's row."""
        return self.result.row

    @property
    def attempt(self) -> Attempt | None:
        """The one that made its analysis; where it has none, the last that failed."""
        return self.result.made or self.result.attempt

    @property
    def flags(self) -> tuple[Flag, ...]:
        """What is suspicious about it."""
        return self.compared.flags

    @property
    def flag_names(self) -> list[str]:
        """Kinds of its flags, each once."""
        return list(dict.fromkeys(flag.name for flag in self.flags))

    @property
    def duration_s(self) -> float | None:
        """Length of the video, in seconds."""
        row, quality = self.row, self.quality
        if quality and quality.duration_s is not None:
            return quality.duration_s
        return row.duration_s or (row.frames / row.fps if row.frames and row.fps else None)

    @property
    def badness(self) -> float:
        """Number to sort by: flagged results by how far they are from their limits, then rows that need something."""
        if self.flags:
            return FLAGGED + sum(1 + severity(flag) for flag in self.flags)
        if not self.result.analysed:
            return NOT_MADE if self.result.state is not State.UNFINISHED else -1.0
        if self.quality is None:
            return NOT_JUDGED
        return max((stretch.score for stretch in self.quality.stretches), default=0.0)


def severity(flag: Flag) -> float:
    """How far a flag's number is from its limit, on either side: 0 (at it) to `MAX_SEVERITY`."""
    if flag.value <= 0 or flag.threshold <= 0:
        return MAX_SEVERITY if flag.value != flag.threshold else 0.0
    return min(abs(math.log(flag.value / flag.threshold)), MAX_SEVERITY)


@dataclass(frozen=True)
class Report:
    """A campaign as the report shows it.

    Parameters
    ----------
    videos : list of Video
        Worst first.
    notes : list of str
        About the campaign as a whole.
    trainings : list of ModelTraining
        How its models were trained, where that is known here.
    """

    check: CheckResult
    videos: list[Video]
    notes: list[str]
    trainings: list[ModelTraining] = field(default_factory=list)

    @property
    def campaign(self) -> Campaign:
        """The campaign.toml."""
        return self.check.campaign

    @property
    def name(self) -> str:
        """Names of the campaign's folder and of its manifest, for a title."""
        return f"{self.check.manifest.absolute().parent.name}/{self.check.manifest.name}"

    @property
    def key(self) -> str:
        """Name of the campaign that no other one has: under it a browser keeps the ratings."""
        text = "\n".join(f"{v.row.index} {v.row.fingerprint} {v.row.video!a}" for v in self.by_index)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def by_index(self) -> list[Video]:
        """The videos in the manifest's order."""
        return sorted(self.videos, key=lambda video: video.row.index)


def collect(manifest: Path, *, jobs: int | None = None, progress: RowProgress = no_progress) -> Report:
    """Read a campaign; files are compared with their receipts by size, as `check --quick` does.

    Raises
    ------
    DlcctrError
        As `dlcctr.results.check.check`; a row's own files never raise, they stand in its notes.
    """
    result = check(manifest, CheckOptions(quick=True, jobs=jobs), progress=progress)
    ratings, notes = _ratings(manifest, [each.row for each in result.rows])
    with progress("reading quality", len(result.rows)) as step:
        videos = []
        for each in result.rows:
            videos.append(_read(each, ratings.get(each.row.index), bins_for(len(result.rows))))
            step()
    videos, shared = _share_notes(videos)
    compared = compare([(video.row, video.quality) for video in videos])
    placed = [
        Video(v.result, v.receipt, v.quality, found, v.rating, v.notes)
        for v, found in zip(videos, compared, strict=True)
    ]
    placed.sort(key=lambda video: (-video.badness, video.row.index))
    trainings = trainings_of(result.campaign, [each.row for each in result.rows])
    return Report(result, placed, [*shared, *result.notes, *notes], trainings)


def _share_notes(videos: list[Video]) -> tuple[list[Video], list[str]]:
    """Say a note once that most videos have, such as that the videos are not on this machine."""
    counts = Counter(note for video in videos for note in set(video.notes))
    common = {note for note, count in counts.items() if count >= MANY and 2 * count > len(videos)}
    if not common:
        return videos, []
    lines = [f"{row_ranges(v.row.index for v in videos if note in v.notes)}: {note}" for note in sorted(common)]
    return [replace(v, notes=tuple(note for note in v.notes if note not in common)) for v in videos], lines


def _ratings(manifest: Path, rows: Sequence[Row]) -> tuple[dict[int, Rating], list[str]]:
    ratings, problems = fitting_ratings(CampaignPaths.of(manifest).ratings, rows)
    return current_ratings(ratings), [f"a rating is not shown: {problem}" for problem in problems]


def _read(result: RowResult, rating: Rating | None, bins: int) -> Video:
    if result.folder is None or result.state is State.BROKEN:
        return Video(result, rating=rating, notes=result.notes)
    notes = list(result.notes)
    receipt: Receipt | None = None
    quality: Quality | None = None
    try:
        receipt = read_receipt(result.folder)
        if quality := read_quality(result.folder):
            quality = replace(quality, timeline=reduced(quality.timeline, bins))
    except DlcctrError as error:
        notes.append(error.message)
    return Video(result, receipt, quality, rating=rating, notes=tuple(notes))
