"""Where a plan's speed comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from dlcctr import cost
from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.cost import Speed
from dlcctr.errors import DlcctrError, UsageError
from dlcctr.plan import read_plan
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.row_state import RowResult

MAX_RECEIPTS = 500
"""Receipts that are read for the speed, spread over the campaign."""
SPEED_HINT = (
    "give frames/s of one GPU (--fps 60), or measure: dlcctr plan … --calibrate analyses one row here, "
    "and so does any finished row, say of dlcctr run … --rows 0, whose receipt is then used"
)


def find_speed(
    manifest: Path, campaign: Campaign, finished: Sequence[RowResult], px: int, fps: float | None = None
) -> Speed:
    """What was typed in, else what finished rows say, else what the last plan went by.

    Parameters
    ----------
    px : int
        The campaign's usual picture, in pixels.
    fps : float, optional
        Frames/s of one GPU for that picture.

    Raises
    ------
    UsageError
        `fps` is no speed, or nothing says how fast a GPU is.
    """
    if fps is not None:
        return cost.speed_of_fps(fps, px, campaign.engine)
    spread = finished[:: math.ceil(len(finished) / MAX_RECEIPTS) or 1]
    receipts = [(receipt, each.row) for each in spread if (receipt := _receipt(each))]
    samples = [sample for receipt, row in receipts if (sample := cost.sample_of(receipt, row))]
    engine = cost.engine_of(campaign, [receipt for receipt, _ in receipts])
    speed = cost.speed_of_samples(samples, px, engine) or _speed_of_last_plan(manifest)
    if speed is None:
        raise UsageError("nothing says how fast a GPU is: no row of this campaign is finished yet", SPEED_HINT)
    return speed


def _speed_of_last_plan(manifest: Path) -> Speed | None:
    for file in sorted(CampaignPaths.of(manifest).plans.glob("*.json"), reverse=True):
        try:
            return Speed(**read_plan(file).facts["speed"])
        except (DlcctrError, KeyError, TypeError):  # damaged, or of another version: an older one will do
            continue
    return None


def _receipt(result: RowResult) -> Receipt | None:
    try:
        return read_receipt(result.folder) if result.folder else None
    except DlcctrError:  # replaced between the check and now
        return None
