"""Both models on each video: what is measured of their results, and how far they agree."""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.campaign.rows import Row
from dlcctr.compare.agreement import Agreement, Positions, agreement
from dlcctr.compare.plan import SIDES
from dlcctr.compare.prepare import Prepared
from dlcctr.compare.sample import Why
from dlcctr.errors import DlcctrError, OutputError, ToolMissingError
from dlcctr.quality.record import TABLE_FILENAME, PartQuality, Quality, read_quality
from dlcctr.results.receipt import Receipt
from dlcctr.results.steps.rows import CampaignRows
from dlcctr.system.terminal.progress import RowProgress, no_progress

SCORE = "score."
"""Beginning of the names of those columns of quality.csv.gz that hold a part's score."""


@dataclass(frozen=True)
class Measures:
    """Shares of the points of the common body parts, 0 to 1; None where it cannot be had.

    Parameters
    ----------
    wrong : float or None
        Points that are probably more than 5 px off: the mean score.
    unsure, jumping, odd : float or None
        With a small likelihood, that jumped, that do not fit the other parts.
    flags : tuple of str
        Kinds of flags of the row itself.
    prior : str
        What poses were compared with: ``labels``, ``campaign`` or ``none``.
    """

    wrong: float | None
    unsure: float | None = None
    jumping: float | None = None
    odd: float | None = None
    flags: tuple[str, ...] = ()
    prior: str = "none"


@dataclass(frozen=True)
class Side:
    """One model's result of a video, as far as there is one.

    Parameters
    ----------
    cause : str
        Why there is nothing to compare; empty where there is.
    """

    measures: Measures | None = None
    parts: tuple[PartQuality, ...] = ()
    folder: Path | None = None
    receipt: Receipt | None = None
    quality: Quality | None = None
    cause: str = ""


@dataclass(frozen=True)
class Pair:
    """A video with both results."""

    row: Row
    why: Why
    a: Side
    b: Side
    agreement: Agreement | None = None
    note: str = ""

    @property
    def is_complete(self) -> bool:
        """Whether both were judged."""
        return self.a.measures is not None and self.b.measures is not None


def read_pairs(prepared: Prepared, progress: RowProgress = no_progress) -> list[Pair]:
    """Read both results of each video of the sample; what is missing or damaged stands in a pair's causes."""
    sides = []
    for name in SIDES:
        manifest = prepared.folder.manifest(name)
        rows = read_manifest(manifest)
        sides.append((CampaignRows(read_campaign(manifest), rows), {row.index: row for row in rows}))
    common = prepared.common
    is_same = len(common) == len(set(prepared.plan.models[0].parts)) == len(set(prepared.plan.models[1].parts))
    pairs = []
    with progress("reading both results", len(prepared.plan.rows)) as step:
        for planned, row in zip(prepared.plan.rows, prepared.rows, strict=True):
            a, b = (_side(finished, rows.get(row.index), common, is_same) for finished, rows in sides)
            found, note = _agreement(a, b, common)
            pairs.append(Pair(row, planned.why, a, b, found, note))
            step()
    return pairs


def _side(finished: CampaignRows, row: Row | None, common: Sequence[str], is_same: bool) -> Side:
    if row is None:
        return Side(cause="its manifest has no such row any more")
    try:
        receipt = finished.receipt(row)
        folder = finished.folder(row)
        quality = read_quality(folder)
        if quality is None:
            return Side(folder=folder, receipt=receipt, cause="not judged")
        return Side(_measures(folder, quality, common, is_same), _parts(quality, common), folder, receipt, quality)
    except DlcctrError as error:
        return Side(cause=error.message)


def _parts(quality: Quality, common: Sequence[str]) -> tuple[PartQuality, ...]:
    return tuple(part for part in quality.parts if part.name in common)


def _measures(folder: Path, quality: Quality, common: Sequence[str], is_same: bool) -> Measures:
    parts = _parts(quality, common)
    wrong = quality.summary.get("score_mean") if is_same else mean_score(folder, quality, common)
    return Measures(
        wrong,
        _mean([part.low_share for part in parts]),
        _mean([part.jump_share for part in parts]),
        _mean([part.odd_share for part in parts]),
        quality.flag_names,
        quality.prior.source,
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(known) / len(known) if known else None


def mean_score(folder: Path, quality: Quality, common: Sequence[str]) -> float | None:
    """Mean score of some body parts, from ``quality.csv.gz``; None for a video without frames.

    Raises
    ------
    OutputError
        The file cannot be read, or is not of this row.
    """
    file = folder / TABLE_FILENAME
    total, n = 0.0, 0
    try:
        with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
            lines = csv.reader(text)
            scores = [place for place, name in enumerate(next(lines, [])) if name.startswith(SCORE)]
            if len(scores) != len(quality.parts):
                raise ValueError(f"{len(scores)} columns of scores for {len(quality.parts)} body parts")
            places = [place for place, part in zip(scores, quality.parts, strict=True) if part.name in common]
            for cells in lines:
                for place in places:
                    if cells[place]:
                        total, n = total + float(cells[place]), n + 1
    except (OSError, EOFError, ValueError, IndexError, csv.Error, zlib.error) as error:
        said = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise OutputError(f"{file}: cannot be read: {said}", "judge the row again: dlc quality MANIFEST") from error
    return total / n if n and math.isfinite(total) else None


def _agreement(a: Side, b: Side, common: Sequence[str]) -> tuple[Agreement | None, str]:
    """How far both agree, and why that is not known."""
    if not (a.receipt and b.receipt and a.folder and b.folder):
        return None, ""
    if a.receipt.model.individuals or b.receipt.model.individuals:
        return None, "several animals: which of A's is which of B's is not known"
    try:
        one, other = _positions(a.folder, a.receipt), _positions(b.folder, b.receipt)
        lengths = [side.quality.summary.get("body_length_px") for side in (a, b) if side.quality]
        length = next((each for each in lengths if each), None)
        frames = max(a.receipt.columns.rows or 0, b.receipt.columns.rows or 0)
        return agreement(one, other, common, frames, length), ""
    except ToolMissingError:
        return None, "the campaign has no .csv, and reading .h5 needs pandas and PyTables: the image has them"
    except DlcctrError as error:
        return None, error.message


def _positions(folder: Path, receipt: Receipt) -> Positions:
    """Its .csv, which needs only Python to be read; the .h5 where the campaign has no .csv."""
    names = [entry.name for ending in (".csv", ".h5") for entry in receipt.files if entry.name.endswith(ending)]
    if not names:
        raise OutputError(f"{folder}: its receipt lists no .h5", "analyse the row again with --overwrite")
    crop = receipt.parameters.crop
    return Positions(folder / names[0], (crop[0], crop[2]) if crop else (0, 0))
