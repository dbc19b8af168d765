"""One row of a manifest: its fields, its model and parameters, and how rows are named on a command line."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.precision import precision_problem
from dlcctr.campaign.spreadsheet import MAKE_HINT
from dlcctr.campaign.tracking import PROJECTS_OWN, Tracking
from dlcctr.errors import ManifestError, ModelError, UsageError
from dlcctr.model.inspection import ModelInfo, inspect_model
from dlcctr.system.values.numbers import parse_whole

SHOWN_CHARS = 60


def inspect_campaign_model(settings: Campaign) -> ModelInfo:
    """Inspect the model of a campaign, or of a row with its own settings (`dlcctr.campaign.rows.row_settings`).

    Raises
    ------
    ModelError
        No model is named, it is incomplete, or it is no longer the campaign's.
    """
    if settings.model is None:
        raise ModelError(
            f"no model: {settings.file} {'names none' if settings.file.exists() else 'does not exist'}",
            "give the DeepLabCut project folder with --model",
        )
    model = inspect_model(
        settings.model,
        shuffle=settings.shuffle,
        trainset_index=settings.trainset_index,
        snapshot=settings.snapshot,
    )
    if settings.model_hash and settings.model_hash != model.hash:
        raise ModelError(
            f"{settings.model}: not the model that {settings.file} was made for (its hash is {model.hash[:8]}, "
            f"not {settings.model_hash[:8]})",
            "put the campaign's model back, or make a new campaign: dlcctr manifest VIDEOS -o m.csv --model PROJECT",
        )
    return model


Crop = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)  # there may be a hundred thousand
class Row:
    """One video.

    Parameters
    ----------
    index : int
        Zero-based; what ``analyze --index`` takes.
    video : str
        POSIX path relative to the campaign's video root.
    frames : int or None
        What the container's header claims, or duration x fps; None where neither is known.
    fps, duration_s : float or None
        Frames per second, seconds.
    width, height : int or None
        Size of the picture in px, as DeepLabCut reads it (a rotation flag is applied).
    fingerprint : str
        See `dlcctr.campaign.videos.fingerprint`.
    error : str
        Why the video could not be read; empty otherwise.
    model, shuffle, snapshot, crop
        Values that override the campaign's for this row; empty or None where they do not. `crop` is
        ``(x1, x2, y1, y2)`` in px, origin at the top left.
    tracking : Tracking
        The columns `individuals`, `n_tracks`, `tracker` and `identity`.
    camera : str
        Word for its camera; empty where the video's own facts tell (`dlcctr.quality.cameras`).
    times : str
        File of hardware times, and column; see `dlcctr.campaign.hardware_times`. Empty where there is none.
    own : tuple of (str, str)
        The lab's own columns, in small letters, and their text as it stands in the row's line.
    line : int
        Line of the manifest file that the row starts on, for messages; 0 if it is not from a file.
    first : Row or None
        An earlier row of the same video and model with another crop or other animals: a result's folder is that of its
        video and model, so this row has none of its own. None if there is no such row.
    """

    index: int
    video: str
    frames: int | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    codec: str = ""
    duration_s: float | None = None
    bytes: int | None = None
    fingerprint: str = ""
    error: str = ""
    model: str = ""
    shuffle: int | None = None
    snapshot: str = ""
    crop: Crop | None = None
    tracking: Tracking = PROJECTS_OWN
    camera: str = ""
    times: str = ""
    own: tuple[tuple[str, str], ...] = field(default=(), compare=False)
    line: int = 0
    first: Row | None = field(default=None, compare=False)


def with_firsts(rows: Iterable[Row]) -> list[Row]:
    """The same rows, each that has no results folder of its own with the row whose folder that is (`Row.first`)."""
    firsts: dict[tuple[str, str, int | None, str], Row] = {}
    found = []
    for row in rows:
        first = firsts.setdefault((row.video, row.model, row.shuffle, row.snapshot), row)
        shares = (first.crop, first.tracking) != (row.crop, row.tracking)
        found.append(replace(row, first=first) if shares else row)
    return found


NO_FOLDER_HINT = (
    "remove one of the two rows, and make a campaign for it in a folder of its own: "
    "dlcctr manifest VIDEO -o OTHER/m.csv --model PROJECT --crop X1,X2,Y1,Y2"
)


def folder_problem(row: Row) -> str:
    """Why a row cannot have a result of its own; empty where it can."""
    if row.first is None:
        return ""
    return (
        f"its result would have the folder of row {row.first.index} (line {row.first.line}): that is the same video "
        "with the same model, and only crop or animals differ"
    )


def find_row(rows: Sequence[Row], index: int, path: Path) -> Row:
    """Row of an index.

    Raises
    ------
    ManifestError
        There is no such row; the message gives the valid range.
    """
    for row in rows:
        if row.index == index:
            return row
    require_rows(rows, path)
    indices = [row.index for row in rows]
    valid = f"rows run from {min(indices)} to {max(indices)}" if len(indices) > 1 else f"its only row is {indices[0]}"
    if gaps := max(indices) - min(indices) + 1 - len(indices):
        valid += f", with {gaps} missing"
    raise ManifestError(f"{path}: no row {index}: {valid}", "give an index of the manifest's `index` column")


def require_rows(rows: Sequence[Row], path: Path) -> None:
    """Raise `ManifestError` for a manifest without rows: an empty campaign must not pass as a finished one."""
    if not rows:
        raise ManifestError(f"{path}: has no rows", MAKE_HINT)


def row_settings(row: Row, campaign: Campaign) -> Campaign:
    """Apply a row's own `model`, `shuffle`, `snapshot`, `crop` and tracking to its campaign.

    Id, hash, engine and body parts are known for the campaign's model only, so they are emptied where the row names
    another model, shuffle or snapshot. A relative `model` is relative to the campaign's folder.
    """
    model = campaign.model
    if row.model:
        model = Path(row.model).expanduser()
        model = model if model.is_absolute() else (campaign.folder / model).resolve()
    shuffle = campaign.shuffle if row.shuffle is None else row.shuffle
    snapshot = row.snapshot or campaign.snapshot
    tracking = row.tracking.over(campaign.tracking) if row.tracking is not PROJECTS_OWN else campaign.tracking
    settings = replace(
        campaign, model=model, shuffle=shuffle, snapshot=snapshot, crop=row.crop or campaign.crop, tracking=tracking
    )
    if model != campaign.model:
        settings = replace(settings, is_pinned=False)
    if (model, shuffle, snapshot) != (campaign.model, campaign.shuffle, campaign.snapshot):
        return settings.without_model_facts()
    return settings


def parse_crop(text: str) -> Crop:
    """Read ``x1,x2,y1,y2`` (also with semicolons or blanks between): px, origin at the top left.

    Raises
    ------
    ValueError
        Not four whole numbers, or the rectangle is empty.
    """
    words = [word for word in re.split(r"[,;\s]+", text.strip().strip("[]()")) if word]
    numbers = [number for word in words if (number := parse_whole(word)) is not None]
    if len(words) != 4 or len(numbers) != 4:
        raise ValueError(f"must be four whole numbers x1,x2,y1,y2 in px, not {text[:SHOWN_CHARS]!r}")
    x1, x2, y1, y2 = numbers
    if x1 >= x2 or y1 >= y2:
        raise ValueError(f"needs x1 < x2 and y1 < y2, not {text!r}")
    return x1, x2, y1, y2


def parse_precision(text: str) -> str:
    """Precision that --precision gives; raises `UsageError` for anything that is none."""
    if problem := precision_problem(text):
        raise UsageError(f"--precision is {problem}", "leave it out to compute as stock DeepLabCut does")
    return text


def parse_crop_option(text: str) -> Crop | None:
    """Crop that --crop gives, as `parse_crop` reads it; None where the option is empty.

    Raises
    ------
    UsageError
        Not four whole numbers, or the rectangle is empty.
    """
    try:
        return parse_crop(text) if text.strip() else None
    except ValueError as error:
        raise UsageError(f"--crop {error}", "for example --crop 0,640,100,480") from error


def choose_rows(rows: Sequence[Row], wanted: str, manifest: Path) -> list[Row]:
    """Rows of a list such as ``0-9,12``; all of them where it is empty. Raises `UsageError`, `ManifestError`."""
    if not wanted.strip():
        return list(rows)
    ordered = sorted(rows, key=lambda row: row.index)
    places = [row.index for row in ordered]
    chosen: dict[int, Row] = {}
    for part in wanted.split(","):
        words = [parse_whole(word.strip()) for word in part.split("-", 1)]
        first, last = words[0], words[-1]
        if first is None or last is None or last < first:
            raise UsageError(
                f"--rows {wanted[:SHOWN_CHARS]!r}: {part[:SHOWN_CHARS]!r} is not a row or a range of rows",
                "for example --rows 0-9,12",
            )
        find_row(rows, last, manifest)
        chosen |= {row.index: row for row in ordered[bisect_left(places, first) : bisect_right(places, last)]}
    return [row for row in rows if row.index in chosen]


def rows_for(
    rows: Sequence[Row], manifest: Path, *, index: int | None, indices: Sequence[int], wanted: str
) -> list[Row]:
    """Rows that a command is for: one, those of a plan's task, or a list such as ``0-9,12``; raises as `choose_rows`.

    Parameters
    ----------
    indices : sequence of int
        Of the task; empty without one.
    """
    if index is not None:
        return [find_row(rows, index, manifest)]
    if indices:
        return [row for row in rows if row.index in set(indices)]
    return choose_rows(rows, wanted, manifest)
