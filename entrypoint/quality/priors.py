"""The pose prior of a row: the model's, or that of the campaign's own confident frames, made once and kept."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import row_folder
from dlcctr.errors import DlcctrError
from dlcctr.model.files import open_tree
from dlcctr.model.prior.make import prior_of_model
from dlcctr.model.prior.record import PRIORS, PosePrior
from dlcctr.quality.measures.track import Track
from dlcctr.quality.priors.campaign_prior import prior_of_campaign
from dlcctr.quality.priors.known_prior import CAMPAIGN_PRIOR
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.system.files import write_text_atomic
from entrypoint.quality.read_track import read_track

MAX_VIDEOS = 40
"""Videos whose confident frames make a prior."""


class Priors:
    """Priors by model, each read or made once."""

    def __init__(self, campaign: Campaign, rows: Sequence[Row]) -> None:
        self._campaign, self._rows = campaign, rows
        self._known: dict[tuple[Path | None, str], PosePrior | None] = {}

    def of(self, settings: Campaign, receipt: Receipt) -> PosePrior | None:
        """Prior for a row; None where the model has no labels and too few frames are confident."""
        key = settings.model, receipt.model.id
        if key not in self._known:
            self._known[key] = self._of_model(settings.model, receipt) or self._of_campaign(receipt)
        return self._known[key]

    def _of_model(self, model: Path | None, receipt: Receipt) -> PosePrior | None:
        if model is None or not model.exists():
            return None
        try:
            return prior_of_model(open_tree(model), receipt.model.bodyparts)
        except DlcctrError:
            return None

    def _of_campaign(self, receipt: Receipt) -> PosePrior | None:
        file = self._campaign.out / receipt.model.id / CAMPAIGN_PRIOR
        with contextlib.suppress(DlcctrError):
            if kept := PRIORS.find(file):
                return kept if kept.bodyparts == receipt.model.bodyparts else None
        prior = prior_of_campaign(self._tracks(receipt), receipt.model.bodyparts)
        if prior:
            with contextlib.suppress(DlcctrError):
                write_text_atomic(file, PRIORS.text(prior))
        return prior

    def _tracks(self, receipt: Receipt) -> list[Track]:
        tracks: list[Track] = []
        step = max(1, len(self._rows) // (4 * MAX_VIDEOS))
        for row in self._rows[::step]:
            with contextlib.suppress(DlcctrError):
                folder = row_folder(self._campaign.out, receipt.model.id, row.video)
                found = read_receipt(folder)
                if found and found.files and found.model.hash == receipt.model.hash:
                    tracks.append(read_track(folder, found, row))
            if len(tracks) == MAX_VIDEOS:
                break
        return tracks
