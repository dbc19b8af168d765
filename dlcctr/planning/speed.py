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
"""Number of receipts that are read for the speed, spread over the campaign."""
SPEED_HINT = (
    "give the frames/s of one GPU with --fps; for a first row a guess will do, and later plans use its receipt: "
    "`dlcctr submit {manifest} --rows 0 --fps 60`. Or measure it, if this machine has a GPU: "
    "`dlcctr plan {manifest} --calibrate`"
)


def find_speed(
    manifest: Path, campaign: Campaign, finished: Sequence[RowResult], px: int, fps: float | None = None
) -> Speed:
    """Speed that was typed in, else that of finished rows, else that of the last plan.

    Parameters
    ----------
    px : int
        The campaign's usual picture, in pixels.
    fps : float, optional
        Frames/s of one GPU for that picture.

    Raises
    ------
    UsageError
        `fps` is not a speed, or no speed is known.
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
"""Frames of a calibration row: enough to outweigh the fixed costs on a GPU, but done in about a minute."""
FRAMES_CPU = 200


@dataclass(frozen=True)
class Calibration:
    """How to run the row; same names and meanings as the options of `dlcctr run`."""

    runtime: str = "auto"
    image: str = ""
    allow_cpu: bool = False
    trust_model: bool = False


def pick_row(rows: Sequence[Row], frames: int) -> Row:
    """Shortest row with at least so many frames, else the longest; one of unknown length only if all are."""
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
        As `dlcctr.runtime.rows.run_campaign.run_campaign` raises them: no GPU, no runtime.
    """
    from dlcctr.runtime.rows.run_campaign import RunOptions, run_campaign
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
