"""Every row of a campaign with all that the tables say of it: state, receipt, quality, flags, rating, own columns."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.errors import DlcctrError, ManifestError
from dlcctr.quality.ratings.table import Rating, current_ratings, fitting_ratings
from dlcctr.quality.record import Quality, Timeline, read_quality
from dlcctr.quality.report.compared import Compared, compare
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.row_state import RowResult
from dlcctr.system.terminal.progress import RowProgress, no_progress
from dlcctr.tables.own_columns import OwnColumns, own_columns


@dataclass(frozen=True)
class CampaignRow:
    """One row.

    Parameters
    ----------
    receipt, quality
        Of its result; None without one, and where the row was not judged.
    problem : str
        Why what belongs to its result cannot be read; empty where it can.
    """

    result: RowResult
    receipt: Receipt | None = None
    quality: Quality | None = None
    problem: str = ""
    compared: Compared = field(default_factory=lambda: Compared("unknown", ""))
    rating: Rating | None = None
    own: tuple[str, ...] = ()

    @property
    def row(self) -> Row:
        """The manifest's row."""
        return self.result.row


@dataclass(frozen=True)
class CampaignRows:
    """All rows, sorted by index, the names of the manifest's own columns, and notes about the campaign."""

    rows: list[CampaignRow]
    own: OwnColumns
    notes: list[str]


def read_campaign_rows(
    manifest: Path, taken: tuple[str, ...], *, jobs: int | None = None, progress: RowProgress = no_progress
) -> CampaignRows:
    """Read a campaign; files are compared with their receipts by size, as `check --quick` does.

    Parameters
    ----------
    taken : tuple of str
        Names of columns that the manifest's own get others for.

    Raises
    ------
    DlcctrError
        As `dlcctr.results.check.check`; what is wrong with a row stands in it.
    """
    result = check(manifest, CheckOptions(quick=True, jobs=jobs), progress=progress)
    own = own_columns(read_sheet(manifest), taken)
    ratings, problems = _ratings(manifest, [each.row for each in result.rows])
    with progress("reading quality", len(result.rows)) as step:
        rows = []
        for each in result.rows:
            rows.append(replace(_read(each), rating=ratings.get(each.row.index), own=own.of(each.row.line)))
            step()
    compared = compare([(each.row, each.quality) for each in rows])
    placed = [replace(each, compared=found) for each, found in zip(rows, compared, strict=True)]
    return CampaignRows(placed, own, problems)


def _ratings(manifest: Path, rows: list[Row]) -> tuple[dict[int, Rating], list[str]]:
    try:
        ratings, problems = fitting_ratings(CampaignPaths.of(manifest).ratings, rows)
    except ManifestError as error:
        return {}, [error.message]
    return current_ratings(ratings), [f"a rating is left out: {problem}" for problem in problems]


def _read(result: RowResult) -> CampaignRow:
    if not result.analysed or result.folder is None:
        return CampaignRow(result)
    try:
        receipt = read_receipt(result.folder)
        quality = read_quality(result.folder)
    except DlcctrError as error:
        return CampaignRow(result, problem=error.message)
    if receipt is None:
        return CampaignRow(result, problem="its receipt has gone")
    return CampaignRow(result, receipt, replace(quality, timeline=Timeline()) if quality else None)
