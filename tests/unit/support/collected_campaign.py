"""Campaigns whose results hold what DeepLabCut writes: tables of positions, with times and quality, for `collect`."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pandas

from dlcctr.contract import FRAME_TIMES_FILENAME, RECEIPT_FILENAME, RowState
from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.judge import judge
from dlcctr.quality.measures.track import Track
from dlcctr.quality.record import TABLE_FILENAME, write_quality
from dlcctr.quality.table_file import table_bytes
from dlcctr.results.receipt import Receipt
from dlcctr.results.sections import AnalysedRow, Columns, FrameCounts, ModelUsed, OutputFile, Parameters
from dlcctr.results.steps.receipt import InputFile, Made, StepReceipt, step_folder
from dlcctr.results.times.frame_times import CONTAINER, describe_times, write_frame_times
from dlcctr.system.files import sha256_file
from tests.unit.support.results import BODYPARTS, SCORER, Bench, make_bench

COORDS = ("x", "y", "likelihood")
NO_PRIOR: PosePrior | None = None


def make_campaign(
    folder: Path,
    names: Sequence[str],
    own: dict[str, Sequence[str]] | None = None,
    *,
    bodyparts: Sequence[str] = BODYPARTS,
    individuals: Sequence[str] = (),
) -> Bench:
    """A campaign without results; `own` are columns of the manifest that are not dlcctr's, a cell for each row."""
    bench = make_bench(folder, list(names), csv=False, bodyparts=tuple(bodyparts), individuals=tuple(individuals))
    if own:
        add_columns(bench.manifest, own)
    return bench


def points_of(bench: Bench) -> list[tuple[str, str]]:
    """Individual and body part of each point of a campaign's results."""
    return [(who, part) for who in bench.campaign.individuals or ("",) for part in bench.campaign.bodyparts]


def add_columns(manifest: Path, own: dict[str, Sequence[str]]) -> None:
    """Add columns to a manifest, as a person does in a spreadsheet."""
    with manifest.open(newline="", encoding="utf-8") as file:
        lines = list(csv.reader(file))
    lines[0] += own
    for line, cells in zip(lines[1:], zip(*own.values(), strict=True), strict=True):
        line.extend(cells)
    with manifest.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(lines)


def make_positions(n_frames: int, n_points: int, seed: int = 0) -> Any:
    """Walks of points, (n_frames, n_points, 3), as a network gives them: in float32; some frames are lost."""
    dice = numpy.random.default_rng(seed)
    found = numpy.empty((n_frames, n_points, 3))
    middle = 300 + numpy.cumsum(dice.normal(0, 1.5, (n_frames, 1, 2)), axis=0) % 200
    found[:, :, :2] = middle + dice.normal(0, 20, (1, n_points, 2)) + dice.normal(0, 0.6, (n_frames, n_points, 2))
    found[:, :, 2] = 1 - dice.beta(0.6, 25, (n_frames, n_points))
    return found.astype(numpy.float32).astype(float)


def to_table(positions: Any, names: Sequence[tuple[str, str]]) -> Any:
    """DeepLabCut's table of positions; individuals are a level of its columns where they have names."""
    several = any(who for who, _ in names)
    columns = [(SCORER, *((who,) if several else ()), part, coord) for who, part in names for coord in COORDS]
    levels = ["scorer", *(["individuals"] if several else []), "bodyparts", "coords"]
    values = numpy.asarray(positions).reshape(len(positions), len(columns))
    return pandas.DataFrame(values, columns=pandas.MultiIndex.from_tuples(columns, names=levels))


def finish(
    bench: Bench,
    index: int,
    positions: Any,
    *,
    times: Sequence[float] | None = None,
    judged: bool = True,
    kind: str = "table",
    **changes: Any,
) -> Path:
    """Give a row its result; gives its folder. `times` of None leaves the file of times out."""
    folder, row, n_frames, names = bench.folder(index), bench.rows[index], len(positions), points_of(bench)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    name = f"{Path(row.video).stem}{SCORER}.h5"
    to_table(positions, names).to_hdf(folder / name, key="df_with_missing", format=kind, mode="w")
    if times is not None:
        write_frame_times(folder / FRAME_TIMES_FILENAME, times)
    if judged:
        write_judgement(folder, positions, names, times)
    columns = tuple((*((who,) if who else ()), part, coord) for who, part in names for coord in COORDS)
    receipt = Receipt(
        RowState.OK,
        cause="",
        exit_code=0,
        row=AnalysedRow(row.index, row.video, row.fingerprint, row.bytes),
        frames=FrameCounts(n_frames, n_frames, n_frames),
        files=[OutputFile.of(file) for file in sorted(folder.iterdir())],
        columns=Columns(n_frames, columns),
        times=describe_times(times, CONTAINER, 25.0) if times is not None else None,
        model=ModelUsed(bench.campaign.model_id, bench.campaign.model_hash, scorer=SCORER),
        parameters=Parameters(shuffle=1, trainset_index=0, csv=False),
        software={"filterpy": "1.4.5"},
    )
    write_receipt(folder, replace(receipt, **changes))
    return folder


def finish_step(
    folder: Path,
    name: str,
    positions: Any,
    names: Sequence[tuple[str, str]],
    *,
    kind: str = "filter",
    of: str = "analysis",
    inputs: Sequence[Path] = (),
) -> Path:
    """Give a row's folder the result of a step, made of these files; gives its table."""
    below = step_folder(folder, name)
    below.mkdir(parents=True, exist_ok=True)
    file = below / "filtered.h5"
    to_table(positions, names).to_hdf(file, key="df_with_missing", format="table", mode="w")
    read = tuple(InputFile(each.name, sha256_file(each)) for each in inputs)
    receipt = StepReceipt(Made.OK, "", 0, name, kind, of, inputs=read, files=[OutputFile.of(file)])
    (below / RECEIPT_FILENAME).write_text(receipt.to_json(), encoding="utf-8")
    return file


def write_receipt(folder: Path, receipt: Receipt) -> None:
    (folder / RECEIPT_FILENAME).write_text(receipt.to_json(), encoding="utf-8")


def write_judgement(
    folder: Path, positions: Any, names: Sequence[tuple[str, str]], times: Sequence[float] | None
) -> None:
    """Judge positions as `dlc quality` does, without pictures."""
    individuals = tuple(dict.fromkeys(who for who, _ in names))
    parts = tuple(dict.fromkeys(part for _, part in names))
    shaped = numpy.asarray(positions).reshape(len(positions), len(individuals), len(parts), 3)
    known = numpy.array(times) if times is not None and len(times) == len(positions) else None
    track = Track(shaped, parts, individuals, known, 25.0)
    judgement = judge(track, NO_PRIOR)
    write_quality(folder, judgement.record)
    (folder / TABLE_FILENAME).write_bytes(table_bytes(track, judgement))


def code_of(heading: str) -> str:
    """The lines of Python below a heading of docs/collect.md."""
    page = Path(__file__).parents[3] / "docs" / "collect.md"
    _, _, text = page.read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    return text.partition("```python\n")[2].partition("```")[0]
