"""The rows of a campaign with their finished results, as steps and those who ask for their states see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row, row_settings
from dlcctr.contract import STEPS_FOLDER, row_folder
from dlcctr.errors import DlcctrError, OutputError
from dlcctr.results.commit import Standing, standing
from dlcctr.results.expected import ExpectedOfRows
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.steps.receipt import read_step_receipt
from dlcctr.results.steps.standing import StepStanding, find_steps, step_hashes


@dataclass
class CampaignRows:
    """The rows of a campaign, each with its finished result.

    Parameters
    ----------
    campaign : Campaign
        The campaign.
    rows : sequence of Row
        All rows of the manifest.
    """

    campaign: Campaign
    rows: Sequence[Row]

    @cached_property
    def expected(self) -> ExpectedOfRows:
        """What each row must have been made with."""
        return ExpectedOfRows(self.campaign)

    @cached_property
    def _by_video(self) -> Mapping[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in sorted(self.rows, key=lambda row: row.index):
            found.setdefault(row.video, []).append(row)
        return found

    def settings(self, row: Row) -> Campaign:
        """Settings of a row."""
        return row_settings(row, self.campaign)

    def folder(self, row: Row) -> Path:
        """Folder of a row's result."""
        return row_folder(self.campaign.out, self.expected.of(row).model_id, row.video)

    def receipt(self, row: Row) -> Receipt:
        """Receipt of a row's finished analysis.

        Raises
        ------
        OutputError
            It has no whole result.
        """
        folder = self.folder(row)
        found = standing(folder, row, self.expected.of(row))
        receipt = read_receipt(folder) if found.state is Standing.FINISHED else None
        if receipt is None:
            why = f": {found.detail}" if found.detail else ""
            raise OutputError(
                f"row {row.index} ({row.video}): has no finished result{why}",
                "analyse it first (dlcctr run, or analyze in the image)",
            )
        return receipt

    def beside(self, row: Row) -> list[Row]:
        """The other rows of the same video, in their order."""
        return [other for other in self._by_video.get(row.video, []) if other.index != row.index]

    def is_last(self, row: Row) -> bool:
        """Whether a row is the last of its video."""
        return self._by_video.get(row.video, [row])[-1].index == row.index

    def steps(self, row: Row, receipt: Receipt, *, hashes: bool = False) -> list[StepStanding]:
        """States of a row's steps; raises as `find_steps` does.

        Parameters
        ----------
        receipt : Receipt
            That of its finished analysis.
        """
        return find_steps(
            self.folder(row),
            receipt,
            self.campaign.steps,
            last_of_video=self.is_last(row),
            other=lambda index, path: self._hash_of(row, index, path),
            hashes=hashes,
        )

    def _hash_of(self, row: Row, index: int, path: str) -> str:
        """SHA-256 of a file of another row of the same video; empty where there is none."""
        other = next((each for each in self.beside(row) if each.index == index), None)
        if other is None:
            return ""
        try:
            held = {entry.name: entry.sha256 for entry in self.receipt(other).files}
            parts = path.split("/")
            made = read_step_receipt(self.folder(other), parts[1]) if parts[0] == STEPS_FOLDER and parts[1:] else None
        except DlcctrError:
            return ""
        return {**held, **(step_hashes(made) if made else {})}.get(path, "")
