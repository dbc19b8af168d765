"""The finished and judged rows of a campaign, with what people said of their videos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import DlcctrError, OutputError
from dlcctr.quality.ratings.table import current_ratings, fitting_ratings
from dlcctr.quality.record import Quality
from dlcctr.quality.rows import read_qualities
from dlcctr.results.receipt import Receipt
from dlcctr.results.steps.rows import CampaignRows


@dataclass(frozen=True)
class JudgedResult:
    """A finished row with its quality; of several rows of one video the last one."""

    row: Row
    folder: Path
    receipt: Receipt
    quality: Quality
    rating: str = ""

    @property
    def table(self) -> Path:
        """DeepLabCut's .h5."""
        found = next((self.folder / entry.name for entry in self.receipt.files if entry.name.endswith(".h5")), None)
        if found is None:
            raise OutputError(f"{self.folder}: its receipt lists no .h5", "analyse the row again with --overwrite")
        return found


def judged_results(manifest: Path, campaign: Campaign, rows: Sequence[Row]) -> list[JudgedResult]:
    """Finished and judged rows with what people said of them.

    Raises
    ------
    ManifestError
        The table of ratings cannot be read.
    """
    finished = CampaignRows(campaign, rows)
    known_receipts: dict[int, tuple[Row, Path, Receipt]] = {}
    for row in rows:
        try:
            known_receipts[row.index] = row, finished.folder(row), finished.receipt(row)
        except DlcctrError:
            continue  # `check` says what is wrong with it
    qualities = read_qualities((row, folder) for row, folder, _ in known_receipts.values())
    said = current_ratings(fitting_ratings(CampaignPaths.of(manifest).ratings, rows)[0])
    by_video = {
        row.video: JudgedResult(
            row, folder, receipt, qualities[index], said[index].rating if index in said else ""
        )
        for index, (row, folder, receipt) in known_receipts.items()
        if index in qualities
    }  # fmt: skip
    return list(by_video.values())
