"""The step `csv`: DeepLabCut's .csv of the positions, and SLEAP's analysis file, which other programs read.

movement reads no table of DeepLabCut's with unique body parts, and sleap-io none of an analysed video; SLEAP's file of
an analysis is read by both.
"""

from __future__ import annotations

from pathlib import Path

from dlcctr.results.h5.positions import BLOCK_FRAMES, PositionsFile, open_positions
from entrypoint.steps.base import Progress, StepInput, StepResult
from entrypoint.steps.sleap_file import write_sleap_file


def run(given: StepInput) -> StepResult:
    """Write the tables of a row; see `entrypoint.steps.base.Step`.

    Raises
    ------
    OutputError
        The table of positions cannot be read.
    """
    table = given.take_positions()
    files = [given.work / f"{table.stem}.csv"]
    with open_positions(table) as positions:
        write_csv(files[0], positions, given.progress)
        if given.parameters.sleap:
            frames = given.source.receipt.frames
            files.append(given.work / f"{table.stem}.sleap.h5")
            video = str(given.campaign.video_root / given.source.row.video)
            write_sleap_file(files[1], positions, max(positions.rows, frames.stream if frames else 0), video)
        return StepResult(files, {"rows": float(positions.rows)})


def write_csv(file: Path, positions: PositionsFile, progress: Progress) -> None:
    """Write what pandas' `to_csv` writes of the whole table, as DeepLabCut calls it, block by block; raises OSError."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        for first in range(0, max(positions.rows, 1), BLOCK_FRAMES):
            positions.table(first, first + BLOCK_FRAMES).to_csv(stream, header=first == 0)
            progress(min(first + BLOCK_FRAMES, positions.rows), positions.rows)
