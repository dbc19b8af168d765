"""Finished rows with tables of made-up positions, and what the steps `nwb` and `csv` get of them."""

from __future__ import annotations

from array import array
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.rows import Row
from dlcctr.contract import FRAME_TIMES_FILENAME, RowState
from dlcctr.results.h5.positions import PositionColumns
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import AnalysedRow, FrameCounts, ModelUsed, OutputFile, Parameters
from dlcctr.results.times.frame_times import write_frame_times
from entrypoint.steps.base import RowSource, Source, StepInput

SCORER = "DLC_Resnet50_mouseMay1shuffle1_snapshot_010"
PARTS = ("snout", "left ear", "tail base")
ONE = PositionColumns(SCORER, tuple(("", part) for part in PARTS), several=False)
TWO = PositionColumns(SCORER, tuple((who, part) for who in ("mus1", "mus2") for part in PARTS), several=True)
UNIQUE = PositionColumns(SCORER, (*TWO.points, ("single", "corner 1"), ("single", "corner 2")), several=True)
TIMES = (1.4, 1.433, 1.501, 1.534, 1.9, 1.934, 1.967, 2.0)
"""Of a video with a variable rate that begins at 1.4 s, as MPEG-TS does."""


def table_of(columns: PositionColumns, frames: int) -> pandas.DataFrame:
    """Positions of a seeded random walk, with one frame that did not decode."""
    values = numpy.random.default_rng(3).random((frames, len(columns.points), 3)) * (640, 480, 1)
    values[frames // 2] = (numpy.nan, numpy.nan, 0)
    return pandas.DataFrame(values.reshape(frames, -1), columns=columns.header())


def make_step(
    folder: Path,
    parameters: Any,
    table: pandas.DataFrame | None = None,
    times: tuple[float, ...] | None = TIMES,
    *,
    step: str = "",
    cells: dict[str, str] | None = None,
    form: str = "fixed",
    **changes: Any,
) -> StepInput:
    """What a step gets of one finished row.

    Parameters
    ----------
    table : DataFrame, optional
        Of one animal by default, with as many rows as there are times.
    times : tuple of float or None
        Of the frames; None for a row without.
    step : str
        Name of the step that the table is of; empty for the analysis.
    changes
        Fields of its `Receipt`, of that one's `Parameters`, or of the `Row`.
    """
    frames = len(times if times is not None else TIMES)
    table = table_of(ONE, frames) if table is None else table
    row_folder = folder / "results" / "model" / "day 1" / "a.mp4"
    positions = row_folder / "steps" / step if step else row_folder
    positions.mkdir(parents=True, exist_ok=True)
    (folder / "videos" / "day 1").mkdir(parents=True, exist_ok=True)
    (folder / "videos" / "day 1" / "a.mp4").write_bytes(b"a video")
    name = f"a{SCORER}{'_filtered' if step else ''}.h5"
    table.to_hdf(positions / name, key="df_with_missing", format=form, mode="w")
    names = [name] if not step else []
    if times is not None:
        write_frame_times(row_folder / FRAME_TIMES_FILENAME, array("d", times))
        names.append(FRAME_TIMES_FILENAME)
    files = [OutputFile.of(row_folder / each) for each in names]
    row = Row(
        4,
        "day 1/a.mp4",
        frames=frames,
        width=640,
        height=480,
        fingerprint="f" * 40,
        line=6,
        own=tuple((cells or {}).items()),
    )
    receipt = Receipt(
        RowState.OK, "", 0, AnalysedRow(4, row.video, row.fingerprint, 7),
        frames=FrameCounts(frames, frames, frames), files=files,
        model=ModelUsed("mouse-snapshot-10-abababab", "ab" * 32, "tensorflow", SCORER, "snapshot-10"),
        parameters=Parameters(shuffle=1, trainset_index=0), software={"deeplabcut": "3.0.2"},
        finished="2026-03-06T10:00:00+00:00",
    )  # fmt: skip
    for key, value in changes.items():
        if key in Receipt.__dataclass_fields__:
            receipt = replace(receipt, **{key: value})
        elif key in Parameters.__dataclass_fields__:
            receipt = replace(receipt, parameters=replace(receipt.parameters, **{key: value}))
        else:
            row = replace(row, **{key: value})
    analysis = Source(row_folder, "", {entry.name: entry.sha256 for entry in files})
    given = Source(positions, f"steps/{step}", {name: OutputFile.of(positions / name).sha256}) if step else analysis
    work = row_folder / "steps" / "mine"
    for private in (work, folder / "kept"):
        private.mkdir(parents=True, exist_ok=True)
    campaign = Campaign(folder / "campaign.toml", video_root=folder / "videos", out=folder / "results")
    source = RowSource(row, receipt, analysis, given)
    return StepInput(source, campaign, parameters, work, folder / "kept")
