"""Measuring a GPU's speed: one row of the campaign, analysed here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.rows import Row
from dlcctr.cost import row_frames
from dlcctr.errors import CommandFailedError

FRAMES_GPU = 3000
"""Long enough that a GPU's frames outweigh the row's fixed costs, and done within a minute or so."""
FRAMES_CPU = 200


@dataclass(frozen=True)
class Calibration:
    """How to run the row: as the options of `dlcctr run` of the same names."""

    runtime: str = "auto"
    image: str = ""
    allow_cpu: bool = False


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
        As `dlcctr.campaign_run.run_campaign` raises them: no GPU, no runtime.
    """
    from dlcctr.runtime.run_campaign import Options, run_campaign
    from dlcctr.system.console import warn

    row = pick_row(rows, FRAMES_CPU if calibration.allow_cpu else FRAMES_GPU)
    warn(f"calibrating with row {row.index}, {row.video}")
    wish = {"runtime": calibration.runtime, "image": calibration.image, "allow_cpu": calibration.allow_cpu}
    result = run_campaign(manifest, Options(jobs=1, rows=str(row.index), **wish))  # type: ignore[arg-type]
    if result.exit_code:
        (outcome,) = result.outcomes
        raise CommandFailedError(
            f"the calibration row {row.index}, {row.video}, failed with code {outcome.code}: {outcome.cause}",
            f"look into {outcome.log}, or give the speed with --fps",
        )
    return row.index
