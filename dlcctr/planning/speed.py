"""Where a plan's speed comes from."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import CampaignPaths, typed_manifest
from dlcctr.campaign.rows import Row
from dlcctr.errors import CommandFailedError, DlcctrError, UsageError
from dlcctr.planning import cost
from dlcctr.planning.cost import Speed, row_frames
from dlcctr.planning.plan import read_plan
from dlcctr.results.receipt import Receipt, read_receipt
from dlcctr.results.row_state import RowResult

MAX_RECEIPTS = 500
"""Receipts that are read for the speed, spread over the campaign."""
SPEED_HINT = (
    "give frames/s of one GPU with --fps 60; a guess is enough for a first row, which is measured: "
    "dlcctr submit {manifest} --rows 0 --fps 60; on a machine with such a GPU it is measured by: "
    "dlcctr plan {manifest} --calibrate"
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
        raise UsageError(
            "the speed of a GPU is not known: no row of this campaign is finished yet",
            SPEED_HINT.format(manifest=typed_manifest(manifest)),
        )
    return speed


def _speed_of_last_plan(manifest: Path) -> Speed | None:
    for file in sorted(CampaignPaths.of(manifest).plans.glob("*.json"), reverse=True):
        with contextlib.suppress(DlcctrError):  # damaged, or of another version: an older one will do
            if speed := read_plan(file).facts.speed:
                return speed
    return None


def _receipt(result: RowResult) -> Receipt | None:
    try:
        return read_receipt(result.folder) if result.folder else None
    except DlcctrError:  # replaced between the check and now
        return None


FRAMES_GPU = 3000
"""Long enough that a GPU's frames outweigh the row's fixed costs, and done within a minute or so."""
FRAMES_CPU = 200


@dataclass(frozen=True)
class Calibration:
    """How to run the row: as the options of `dlcctr run` of the same names."""

    runtime: str = "auto"
    image: str = ""
    allow_cpu: bool = False
    trust_model: bool = False


def pick_row(rows: Sequence[Row], frames: int) -> Row:
    """Shortest row of at least so many frames, else the longest; one of unknown length only where all are."""
    long_enough = [row for row in rows if (row_frames(row) or 0) >= frames]
    if long_enough:
        return min(long_enough, key=lambda row: (row_frames(row) or 0, row.index))
    return max(rows, key=lambda row: (row_frames(row) or 0, -row.index))


def run_one_row(manifest: Path, rows: Sequence[Row], calibration: Calibration) -> int:
    """Analyse one of the rows on this machine, so that its receipt says how fast that was; returns its index.

    Raises
    ------
    CommandFailedError
        The row failed; the message names its log.
    DlcctrError
        As `dlcctr.runtime.run_campaign.run_campaign` raises them: no GPU, no runtime.
    """
    from dlcctr.runtime.run_campaign import RunOptions, run_campaign
    from dlcctr.system.terminal.console import warn

    row = pick_row(rows, FRAMES_CPU if calibration.allow_cpu else FRAMES_GPU)
    warn(f"calibrating with row {row.index}, {row.video}")
    options = RunOptions(
        jobs=1,
        rows=str(row.index),
        runtime=calibration.runtime,
        image=calibration.image,
        allow_cpu=calibration.allow_cpu,
        trust_model=calibration.trust_model,
    )
    result = run_campaign(manifest, options)
    if result.exit_code:
        (outcome,) = result.outcomes
        raise CommandFailedError(
            f"the calibration row {row.index}, {row.video}, failed with code {outcome.code}: {outcome.cause}",
            f"see {outcome.log}, or give the speed with --fps",
        )
    return row.index
