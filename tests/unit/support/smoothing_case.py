"""What a step gets, made of tables on disk alone: no campaign has to be run for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import FRAME_TIMES_FILENAME, RowState
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import AnalysedRow, FrameCounts
from dlcctr.results.times.frame_times import write_frame_times
from dlcctr.system.files import sha256_file
from entrypoint.steps.base import RowSource, Source, StepInput


def input_of(tables: list[Path], frames: int, work: Path, parameters: Any, times: Any = None) -> StepInput:
    """A step's input.

    Parameters
    ----------
    tables : list of Path
        An .h5 for each row of the video; the last one is the step's own.
    frames : int
        Frames of the video.
    work : Path
        Folder for the result.
    times : sequence of float, optional
        Times of the frames; they are written beside the last table.
    """
    sources = []
    for index, table in enumerate(tables):
        hashes = {table.name: sha256_file(table)}
        if times is not None and table == tables[-1]:
            write_frame_times(table.parent / FRAME_TIMES_FILENAME, times)
            hashes[FRAME_TIMES_FILENAME] = sha256_file(table.parent / FRAME_TIMES_FILENAME)
        source = Source(table.parent, "", hashes)
        counts = FrameCounts(frames, frames, frames)
        receipt = Receipt(RowState.OK, "", 0, AnalysedRow(index, "video.mp4"), counts)
        sources.append(RowSource(Row(index, "video.mp4", shuffle=index + 1), receipt, source, source))
    *others, own = sources
    return StepInput(own, Campaign(work / "campaign.toml"), parameters, work, work, tuple(others))
