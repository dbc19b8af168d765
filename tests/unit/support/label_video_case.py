"""A finished row with a real video and a table of positions, and what the step `label-video` gets of it."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy

from dlcctr.campaign.steps.label_video import LabelVideoParameters
from dlcctr.contract import FRAME_TIMES_FILENAME
from dlcctr.results.h5.positions import PositionColumns, write_positions
from dlcctr.results.sections import FrameCounts, OutputFile, Parameters
from dlcctr.results.times.frame_times import write_frame_times
from entrypoint.steps.base import RowSource, Source, StepInput
from tests.media import HEIGHT, WIDTH, write_video
from tests.unit.support.results import SCORER, make_bench

PARTS = ("snout", "left ear", "tail base")
ONE = PositionColumns(SCORER, tuple(("", part) for part in PARTS), several=False)


def square(number: int, width: int = WIDTH, height: int = HEIGHT) -> tuple[int, int]:
    """Middle of the moving square of `tests.media.picture`."""
    return 5 + number * 3 % (width - 30) + 8, height // 3 + 5 + number * 2 % (height * 2 // 3 - 25) + 8


def positions_of(columns: PositionColumns, frames: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Any:
    """The first point in the square's middle, the others around it; all of them sure."""
    found = numpy.full((frames, len(columns.points), 3), 1.0)
    for number in range(frames):
        for place in range(len(columns.points)):
            found[number, place, :2] = numpy.add(square(number, *size), (14 * place, 9 * (place % 3)))
    return found


def make_case(
    folder: Path,
    *,
    video: Path | None = None,
    frames: int = 30,
    columns: PositionColumns = ONE,
    positions: Any = None,
    times: Any = True,
    crop: tuple[int, int, int, int] | None = None,
    counts: FrameCounts | None = None,
    **parameters: Any,
) -> StepInput:
    """Write a row's result; returns what the step gets.

    Parameters
    ----------
    times : sequence of float, bool or None
        Times of the frames; True for those of 25 frames/s, None for no file.
    """
    bench = make_bench(folder / "campaign", ["mouse.mp4"])
    path = video or write_video(folder / "mouse.mp4", frames)
    results = bench.folder(0)
    results.mkdir(parents=True)
    table = results / f"mouse{SCORER}.h5"
    with write_positions(table, columns) as writer:
        writer.write(positions_of(columns, frames) if positions is None else positions)
    if times is not None:
        write_frame_times(
            results / FRAME_TIMES_FILENAME, [n / 25 for n in range(frames)] if times is True else list(times)
        )
    receipt = bench.receipt(
        0, frames=counts or FrameCounts(frames, frames, frames), parameters=Parameters(1, 0, crop, True, 8)
    )
    source = source_of(results)
    work, kept = folder / "work", folder / "kept"
    work.mkdir()
    kept.mkdir()
    return StepInput(
        source=RowSource(bench.rows[0], receipt, source, source),
        campaign=bench.campaign,
        parameters=LabelVideoParameters(**parameters),
        work=work,
        kept=kept,
        video=path,
    )


def source_of(folder: Path, below: str = "") -> Source:
    """All files of a folder as a source."""
    files = [OutputFile.of(file) for file in sorted(folder.iterdir()) if file.is_file()]
    return Source(folder, below, {file.name: file.sha256 for file in files})


def with_parameters(given: StepInput, **parameters: Any) -> StepInput:
    """The same row with other parameters, and its own empty folder for work."""
    work = Path(tempfile.mkdtemp(dir=given.work.parent))
    return replace(given, parameters=replace(given.parameters, **parameters), work=work, used={})


def bare_case(video: Path, table: Path, frames: int, work: Path, **parameters: Any) -> StepInput:
    """What the step gets of any video with a table of positions, at 30 frames/s; all its files go into `work`."""
    result = work / "result"
    result.mkdir(parents=True)
    (result / table.name).symlink_to(table)
    write_frame_times(result / FRAME_TIMES_FILENAME, [n / 30 for n in range(frames)])
    bench = make_bench(work / "campaign", ["mouse.mp4"])
    receipt = replace(
        bench.receipt(0), frames=FrameCounts(frames, frames, frames), parameters=Parameters(1, 0, None, True, 8)
    )
    source = source_of(result)
    row = RowSource(bench.rows[0], receipt, source, source)
    (work / "made").mkdir()
    return StepInput(row, bench.campaign, LabelVideoParameters(**parameters), work / "made", work / "kept", video=video)
