"""`validate`: whether the manifest is still true of the videos and every row can be analysed."""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from dlcctr.campaign.config import Campaign, read_campaign
from dlcctr.campaign.hardware_times import read_hardware_times
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import (
    NO_FOLDER_HINT,
    Row,
    folder_problem,
    inspect_campaign_model,
    require_rows,
    row_settings,
)
from dlcctr.campaign.tracking import tracking_problem
from dlcctr.campaign.videos.discover import file_id
from dlcctr.campaign.videos.near_names import near_text
from dlcctr.campaign.videos.unchanged import find_change
from dlcctr.contract import FAILURE_SUFFIX
from dlcctr.errors import DlcctrError, ManifestError
from dlcctr.model.inspection import ModelInfo
from dlcctr.model.project.trust import UNASKED
from dlcctr.system.terminal.console import plural
from dlcctr.system.terminal.progress import RowProgress, no_progress
from dlcctr.system.values.names import NAME_MAX_BYTES

LONGEST_ENDINGS = {False: "_meta.pickle", True: "_assemblies.pickle"}
"""Longest of what DeepLabCut puts behind video and scorer, for single-animal and for multi-animal models."""

INDEXED = (".mp4", ".m4v", ".mov", ".avi")
"""Endings of videos whose index counts the frames; of others the manifest's number is an estimate."""

MANIFEST = "MANIFEST"
"""Stands in `REMEDIES` for the manifest's own name."""
ADD = f"dlcctr manifest VIDEO -o {MANIFEST} --append"
REMOVE = "remove the old row's line"
REMEDIES = {
    "changed": f"put the old file back; or give the new one another name, add it (`{ADD}`), and {REMOVE}",
    "missing": "put the videos back, or fix videos.root in campaign.toml",
    "duplicate": "remove one of the two rows where it has no results yet; do not renumber the others",
    "colliding": f"give the file another name, add it (`{ADD}`), and {REMOVE}",
    "same-folder": NO_FOLDER_HINT,
    "unreadable": f"repair the file, give it another name, add it (`{ADD}`), and {REMOVE}",
    "override": "fix the cells model, shuffle, snapshot or crop on that line, or leave them empty",
    "times": "fix the file, or the cell `times` on that line; it may also be empty",
    "model": "put the model back, or make a new campaign for the new one",
}
"""What to do, by kind of problem."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `kind` is one of `REMEDIES`."""

    kind: str
    line: int
    index: int | None
    video: str
    message: str


@dataclass(frozen=True)
class Validation:
    """All problems, sorted by line; notes are not problems."""

    manifest: Path
    rows: list[Row]
    problems: list[Problem]
    notes: list[str] = field(default_factory=list)


def validate(manifest: Path, *, jobs: int | None = None, progress: RowProgress = no_progress) -> Validation:
    """Compare a manifest with the videos on disk, the model and itself.

    Raises
    ------
    ManifestError
        The manifest or campaign.toml cannot be read at all.
    """
    rows, campaign = read_manifest(manifest), read_campaign(manifest)
    require_rows(rows, manifest)

    with (
        progress("validating rows", len(rows)) as step,
        ThreadPoolExecutor(max_workers=jobs or min(16, 2 * (os.cpu_count() or 1))) as pool,
    ):

        def look(row: Row) -> Problem | None:
            problem = _video_problem(row, campaign.video_root)
            step()
            return problem

        problems = [problem for problem in pool.map(look, rows) if problem]
    models = _Models()
    problems += [_problem("same-folder", row, problem) for row in rows if (problem := folder_problem(row))]
    problems += [*_double(rows, campaign), *_colliding(rows), *_too_long(rows, campaign, models)]
    problems += [*_model_problems(rows, campaign, models), *_crop_problems(rows, campaign)]
    found, doubts = _times_problems(rows, campaign)
    problems += found
    problems.sort(key=lambda problem: (problem.line, problem.kind))
    return Validation(manifest, rows, problems, [*_notes(rows), *models.notes(), *doubts])


def _problem(kind: str, row: Row, message: str) -> Problem:
    return Problem(kind, row.line, row.index, row.video, message)


def _video_problem(row: Row, root: Path) -> Problem | None:
    path = root / row.video
    if row.error:
        return _problem("unreadable", row, row.error)
    try:
        if change := find_change(path, row, content=True):
            return _problem("changed", row, change)
    except FileNotFoundError:
        return _problem("missing", row, f"is not below {root}{near_text(root, row.video)}")
    except OSError as error:
        return _problem("unreadable", row, f"{error.strerror}: check its owner and permissions")
    return None


def _double(rows: Sequence[Row], campaign: Campaign) -> Iterator[Problem]:
    """Rows of one path, file or content; another model, shuffle, snapshot, crop or tracking makes a row different."""
    seen: dict[object, Row] = {}
    for row in rows:
        mine = row_settings(row, campaign)
        settings = (mine.model, mine.shuffle, mine.snapshot, mine.crop, mine.tracking)
        identity = file_id(campaign.video_root / row.video)
        content = row.fingerprint if row.bytes else ""
        for key, what in ((("path", row.video), "is the video"), (identity, "is the same file as the video"),
                          (content, "has the same content as the video")):  # fmt: skip
            if not key:
                continue
            first = seen.setdefault((key, settings), row)
            if first is not row:
                yield _problem("duplicate", row, f"{what} of line {first.line} (row {first.index}), {first.video}")
                break


def _colliding(rows: Sequence[Row]) -> Iterator[Problem]:
    """Paths that collide on file systems that ignore case or the composition of letters."""
    groups: dict[str, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", row.video).casefold())
        groups[folded].setdefault(row.video, row)
    for group in groups.values():
        first, *others = group.values()
        for row in others:
            yield _problem(
                "colliding",
                row,
                f"differs from line {first.line}, {first.video}, only in case or in the form of accents",
            )


class _Models:
    """The models of a manifest's rows, each inspected once."""

    def __init__(self) -> None:
        self._found: dict[tuple[object, ...], tuple[ModelInfo | None, str]] = {}

    def find(self, settings: Campaign) -> tuple[ModelInfo | None, str]:
        """A row's model, and what is wrong with it; neither if no model is named."""
        if not settings.model:
            return None, ""
        key = (settings.model, settings.shuffle, settings.trainset_index, settings.snapshot, settings.model_hash)
        if key not in self._found:
            try:
                self._found[key] = inspect_campaign_model(settings), ""
            except DlcctrError as error:
                self._found[key] = None, error.message.splitlines()[0]
        return self._found[key]

    def notes(self) -> list[str]:
        """Remarks on the models that were inspected."""
        places = {model.unsafe_loading for model, _ in self._found.values() if model}
        return [f"{place}: {UNASKED}" for place in sorted(places) if place]


def _too_long(rows: Sequence[Row], campaign: Campaign, models: _Models) -> Iterator[Problem]:
    """Videos whose names leave no room for the suffixes that DeepLabCut and dlcctr add."""
    for row in rows:
        name = row.video.rpartition("/")[2]
        stem = name.rpartition(".")[0] or name
        model, _ = models.find(row_settings(row, campaign))
        longest = [name + FAILURE_SUFFIX]
        if model and model.scorer:
            longest.append(stem + model.scorer + LONGEST_ENDINGS[model.multianimal])
        over = max(len(text.encode("utf-8", "surrogateescape")) for text in longest) - NAME_MAX_BYTES
        if over > 0:
            message = f"its name is too long for the names of its results: make it {plural(over, 'byte')} shorter"
            yield _problem("colliding", row, message)


def _model_problems(rows: Sequence[Row], campaign: Campaign, models: _Models) -> Iterator[Problem]:
    """Problems of models that cannot be read or differ from campaign.toml."""
    if text := models.find(campaign)[1]:
        yield Problem("model", 0, None, campaign.file.name, text)
    for row in filter(_overrides, rows):
        if text := models.find(row_settings(row, campaign))[1]:
            yield _problem("override", row, text)
    for row in rows:
        settings = row_settings(row, campaign)
        model = models.find(settings)[0]
        if model and (text := tracking_problem(settings.tracking, model)):
            yield _problem("override", row, text)


def _overrides(row: Row) -> bool:
    return bool(row.model or row.snapshot or row.shuffle is not None)


def _crop_problems(rows: Sequence[Row], campaign: Campaign) -> Iterator[Problem]:
    for row in rows:
        crop = row.crop or campaign.crop
        if crop and row.width and row.height and (crop[1] > row.width or crop[3] > row.height):
            text = ",".join(map(str, crop))
            yield _problem("override", row, f"crop {text} is larger than the picture, {row.width} x {row.height} px")


def _times_problems(rows: Sequence[Row], campaign: Campaign) -> tuple[list[Problem], list[str]]:
    """Hardware times that cannot be read, or are not as many as frames where the container's index counts these.

    Those whose unit is in doubt are notes.
    """
    problems, doubts = list[Problem](), list[str]()
    for row in rows:
        try:
            times = read_hardware_times(row, campaign.video_root)
            if times and row.frames and PurePosixPath(row.video).suffix.lower() in INDEXED:
                times.check_count(row.frames)
            doubts += [doubt] if times and (doubt := times.doubt(row.fps)) else []
        except ManifestError as error:
            problems.append(_problem("times", row, error.message))
    return problems, doubts


def _notes(rows: Sequence[Row]) -> list[str]:
    pairs = itertools.pairwise([-1, *(row.index for row in rows)])
    gaps = [(before + 1, after - 1) for before, after in pairs if after > before + 1]
    absent = ",".join(str(first) if first == last else f"{first}-{last}" for first, last in gaps)
    return [f"no rows {absent}: array tasks for them end with exit code 3"] if gaps else []
