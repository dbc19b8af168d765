"""When a result is whole: what its receipt must say, compared with the manifest's row and the model."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.precision import FLOAT32
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.campaign.tracking import PROJECTS_OWN, UNIQUE_OWNER, Tracking
from dlcctr.contract import ELLIPSE_FIX, FIXES_KEY, FRAME_TIMES_FILENAME, RowState
from dlcctr.errors import DlcctrError, ManifestError
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import FrameCounts

if TYPE_CHECKING:
    from dlcctr.model.inspection import ModelInfo

Part = tuple[str, ...]

COORDS = ("x", "y", "likelihood")
ELLIPSE_TRACKS = "_el.h5"
"""Ending of DeepLabCut's files with tracks by its ellipse tracker, the default for several body parts."""


@dataclass(frozen=True)
class Expected:
    """What a row's result must have been made with.

    Parameters
    ----------
    parts : tuple
        Columns without scorer and coordinate, in order: ``(bodypart,)``, or ``(individual, bodypart)`` in
        multi-animal projects. Empty where the model's parts are not known.
    snapshot : str
        Its name, ``snapshot-200``; empty where only the model's hash tells, as beside an index.
    """

    model_id: str
    model_hash: str
    parts: tuple[Part, ...]
    multianimal: bool
    shuffle: int
    trainset_index: int
    crop: tuple[int, int, int, int] | None
    csv: bool
    tracking: Tracking = PROJECTS_OWN
    precision: str = FLOAT32
    snapshot: str = ""


SNAPSHOT_NAME = re.compile(r"[^-.][^-]*(-[^-]+)*-\d+")
"""Not an index, such as ``-1``, nor ``best``."""


def expected_of(settings: Campaign, info: ModelInfo | None = None) -> Expected:
    """What the rows with these settings must have been made with.

    Parameters
    ----------
    settings : Campaign
        Settings of the row, from `dlcctr.campaign.rows.row_settings`.
    info : ModelInfo, optional
        The model on this machine; without it, campaign.toml's values are used.

    Raises
    ------
    ManifestError
        Neither says which model it is.
    """
    known = info or settings
    model_id, model_hash = (info.id, info.hash) if info else (settings.model_id, settings.model_hash)
    if not model_id or not model_hash:
        raise ManifestError(
            f"{settings.file}: does not say which model made the results",
            "give the DeepLabCut project with --model, or make the campaign again: "
            "dlcctr manifest VIDEOS -o m.csv --model PROJECT --overwrite",
        )
    return Expected(
        model_id=model_id,
        model_hash=model_hash,
        parts=_parts(known.bodyparts, settings.tracking.names(known.individuals), known.unique_bodyparts),
        multianimal=bool(known.individuals),
        shuffle=known.shuffle,  # of a bundle, what it holds
        trainset_index=known.trainset_index,
        crop=settings.crop_in_force(info.crop if info else None),
        csv=settings.csv,
        tracking=settings.tracking,
        precision=settings.precision,
        snapshot=info.snapshot if info else _name_of(settings.snapshot),
    )


def _name_of(snapshot: str) -> str:
    name = snapshot.strip().removesuffix(".pt").removesuffix(".index")
    return name if SNAPSHOT_NAME.fullmatch(name) else ""


class ExpectedOfRows:
    """What each row of a campaign must have been made with; each model is inspected once.

    Parameters
    ----------
    campaign : Campaign
        Its own model must be known; `model_ids` holds the ids of the models that were asked for.

    Raises
    ------
    ManifestError
        It is not known which model made the campaign's results.
    ModelError
        The campaign's model cannot be read.
    """

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.model_ids: set[str] = set()
        self._models: dict[tuple[Path | None, int, int, str], ModelInfo | DlcctrError | None] = {}
        self.of(Row(index=0, video="."))

    def of(self, row: Row) -> Expected:
        """What a row must have been made with; raises `DlcctrError` where its model cannot be read."""
        settings = row_settings(row, self.campaign)
        key = (settings.model, settings.shuffle, settings.trainset_index, settings.snapshot)
        if key not in self._models:
            try:
                self._models[key] = self._inspect(settings)
            except DlcctrError as error:
                self._models[key] = error
        found = self._models[key]
        if isinstance(found, DlcctrError):
            raise found
        expected = expected_of(settings, found)
        self.model_ids.add(expected.model_id)
        return expected

    def _inspect(self, settings: Campaign) -> ModelInfo | None:
        """Model of these settings; None where campaign.toml says enough of it."""
        if settings.model_hash or not settings.model:
            return None
        from dlcctr.model.inspection import inspect_model

        return inspect_model(
            settings.model,
            shuffle=settings.shuffle,
            trainset_index=settings.trainset_index,
            snapshot=settings.snapshot,
        )


def with_model(campaign: Campaign, model: Path | None) -> Campaign:
    """Campaign whose results are compared with the model in a folder, if one is given."""
    return replace(campaign.without_model_facts(), model=model.absolute()) if model else campaign


def _parts(bodyparts: Sequence[str], individuals: Sequence[str], unique: Sequence[str]) -> tuple[Part, ...]:
    if not individuals:
        return tuple((part,) for part in bodyparts)
    tracked = [(who, part) for who in individuals for part in bodyparts]
    return (*tracked, *((UNIQUE_OWNER, part) for part in unique))


def identity_problems(receipt: Receipt, row: Row, expected: Expected) -> list[str]:
    """Why a receipt is not this row's: another video, model or parameter. Its index may differ; see `index_note`."""
    problems = []
    if receipt.row.video != row.video:
        problems.append(f"foreign receipt: it belongs to the video {receipt.row.video!r}")
    if row.fingerprint and receipt.row.fingerprint != row.fingerprint:
        problems.append("foreign receipt: it belongs to other video content (its fingerprint is not the manifest's)")
    elif row.bytes is not None and receipt.row.bytes not in (None, row.bytes):
        problems.append(
            f"foreign receipt: it belongs to a video of {receipt.row.bytes} bytes, but {row.bytes} in the manifest"
        )
    if receipt.model.hash != expected.model_hash:
        problems.append(f"it was made with another model ({receipt.model.id or 'unnamed'})")
    held, made_with = receipt.parameters, receipt.model.snapshot
    pairs: dict[str, tuple[object, object]] = {
        "snapshot": (made_with, expected.snapshot if made_with and expected.snapshot else made_with),
        "shuffle": (held.shuffle, expected.shuffle),
        "trainset_index": (held.trainset_index, expected.trainset_index),
        "crop": (held.crop and list(held.crop), expected.crop and list(expected.crop)),
        "precision": (held.precision, expected.precision),
        **_tracking_pairs(held.tracking, expected.tracking),
    }
    differences = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return problems + [
        f"it was made with {name} {made}, the campaign says {wanted}" for name, (made, wanted) in differences.items()
    ]


def is_of_other_video(receipt: Receipt, row: Row) -> bool:
    """Whether a receipt is of another video than the row's, or of other content under its name."""
    other = bool(row.fingerprint) and receipt.row.fingerprint != row.fingerprint
    return other or receipt.row.video != row.video


def _tracking_pairs(held: Tracking, wanted: Tracking) -> dict[str, tuple[object, object]]:
    return {name: (getattr(held, name), value) for name, value in asdict(wanted).items()}


def is_failure_of(receipt: Receipt, row: Row, expected: Expected) -> bool:
    """Whether a failed attempt was at this row with this model; it may have failed before it knew more."""
    held = (receipt.row.video, receipt.row.fingerprint, receipt.model.hash)
    wanted = (row.video, row.fingerprint, expected.model_hash)
    return all(not mine or not theirs or mine == theirs for mine, theirs in zip(held, wanted, strict=True))


def index_note(receipt: Receipt, row: Row) -> str:
    """Note for a video that had another index, as after a manifest was made again: the result stays valid."""
    held = receipt.row.index
    return "" if held == row.index else f"analysed as row {held} of another manifest"


def content_problems(receipt: Receipt, expected: Expected) -> list[str]:
    """Contradictions within a receipt of a whole result: files, rows, frames, columns."""
    names = [entry.name for entry in receipt.files]
    problems = []
    if sum(name.endswith(".h5") for name in names) != 1:
        problems.append("its receipt does not list exactly one .h5")
    if expected.csv and not any(name.endswith(".csv") for name in names):
        problems.append("the campaign needs a .csv, but its receipt lists none")
    if receipt.times and FRAME_TIMES_FILENAME not in names:
        problems.append(f"its receipt describes times, but does not list {FRAME_TIMES_FILENAME}")
    problems += [*_frame_problems(receipt, expected), *_column_problems(receipt, expected)]
    return [*problems, *_tracker_problems(receipt, expected)]


def _tracker_problems(receipt: Receipt, expected: Expected) -> list[str]:
    """Tracks of images whose trackers were at fault, which those images did not know.

    One had filterpy 2, whose Kalman filters see no positions; the other gave poses to the wrong animal.
    """
    if not expected.multianimal:
        return []
    version = receipt.software.get("filterpy", "")
    if not version.startswith("1."):
        named = f"filterpy {version}" if version else "an image from before filterpy was pinned"
        return [f"its tracks were made by {named}, which loses animals without an error: analyse it again"]
    by_ellipses = any(entry.name.endswith(ELLIPSE_TRACKS) for entry in receipt.files)
    if by_ellipses and ELLIPSE_FIX not in receipt.software.get(FIXES_KEY, "").split():
        return [
            "its tracks may hold poses of the wrong animal: the image that made them lacks the fix of DeepLabCut's "
            f"ellipse tracker (issue {ELLIPSE_FIX}): analyse it again"
        ]
    return []


def _frame_problems(receipt: Receipt, expected: Expected) -> list[str]:
    frames = receipt.frames
    if frames is None:
        return ["its receipt has no frame counts"]
    problems = []
    missing = _missing_frames(frames)
    if missing is None or frames.stream - frames.decoded != missing:
        problems.append(
            f"its frame counts contradict each other ({frames.stream} in the stream, {frames.decoded} decoded)"
        )
    if receipt.state is RowState.OK and frames.decoded != frames.stream:
        problems.append(f"it is marked ok, but {frames.stream - frames.decoded} frames did not decode")
    rows = receipt.columns.rows
    # tracks of several animals may end before the video does
    tail_missing = expected.multianimal and rows is not None and 0 < rows < frames.stream
    if rows != frames.stream and not tail_missing:
        problems.append(f"its .h5 has {rows} rows for {frames.stream} frames")
    return problems


def _missing_frames(frames: FrameCounts) -> int | None:
    """Number of frames in the missing ranges; None where these overlap or leave the stream."""
    last = total = 0
    for first, stop in frames.missing:
        if not last <= first < stop <= frames.stream:
            return None
        last, total = stop, total + stop - first
    return total


def _column_problems(receipt: Receipt, expected: Expected) -> list[str]:
    columns = receipt.columns.names
    if not columns:
        return ["its receipt names no columns"]
    held = tuple(dict.fromkeys(column[:-1] for column in columns))
    if expected.parts and held != expected.parts:
        return [f"its columns are not the model's in the model's order: {_first_difference(held, expected.parts)}"]
    coords = [column[-1] for column in columns]
    per_part, rest = divmod(len(coords), len(held))
    if rest or tuple(coords[:3]) != COORDS or coords != coords[:per_part] * len(held):
        return ["its columns are not x, y, likelihood of one body part after the other"]
    return []


def _first_difference(held: Sequence[Part], wanted: Sequence[Part]) -> str:
    for mine, theirs in zip(held, wanted, strict=False):
        if mine != theirs:
            return f"{'/'.join(mine)} instead of {'/'.join(theirs)}"
    return f"{len(held)} instead of {len(wanted)}"


def stray_files(names: Iterable[str], receipt: Receipt) -> list[str]:
    """Files in a results folder that are not in its receipt: your own, such as labelled videos."""
    return sorted(set(names) - {entry.name for entry in receipt.files})
