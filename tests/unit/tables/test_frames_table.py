from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pyarrow
import pytest

from dlcctr.quality.record import read_quality
from dlcctr.results.receipt import read_receipt
from dlcctr.tables.frames_table import COLUMNS, RowSource, frame_tables, frames_schema
from dlcctr.tables.positions import UnreadableRowError, find_source
from tests.unit.support.collected_campaign import finish, make_campaign, make_positions, write_receipt
from tests.unit.support.results import Bench

OWN = ("genotype",)
TIMES = [0.5, 0.54, float("nan"), 0.62, 0.7, 0.7]


def source_of(bench: Bench, cell: str = "wt") -> RowSource:
    folder = bench.folder(0)
    receipt = read_receipt(folder)
    assert receipt
    source = find_source(folder, receipt)
    assert source
    return RowSource(bench.rows[0].index, folder, receipt, source, read_quality(folder), (cell,))


def table_of(bench: Bench, lines: int = 1000, cell: str = "wt") -> Any:
    return pyarrow.concat_tables(frame_tables(source_of(bench, cell), OWN, lines))


@pytest.mark.parametrize("lines", [1, 4, 1000])
def test_every_position_has_its_line_with_its_time(lines: int, tmp_path: Path) -> None:
    bench = make_campaign(tmp_path, ["a.mp4"])
    positions = make_positions(6, 2)
    positions[1, 0, :2] = numpy.nan
    finish(bench, 0, positions, times=TIMES)
    table = table_of(bench, lines)
    assert table.column_names == [*COLUMNS, *OWN]
    assert table.schema == frames_schema(OWN)
    found = table.to_pydict()
    assert found["frame"] == [n for n in range(6) for _ in range(2)]
    assert found["body_part"] == ["snout", "tail"] * 6
    assert found["time_s"] == [None if time != time else time for time in TIMES for _ in range(2)]
    for n, name in enumerate(("x", "y", "likelihood")):
        expected = [None if value != value else value for value in positions[:, :, n].ravel()]
        assert found[name] == expected  # null and not NaN: a mean of polars or SQL leaves it out
    assert set(found["individual"]) == {""}  # a null would be left out by pandas' groupby
    assert (set(found["row"]), set(found["filtered"]), set(found["genotype"])) == ({0}, {False}, {"wt"})
    assert None not in found["score"]
    assert None not in found["flags"]


def test_scores_are_those_of_the_rows_own_table_in_blocks_of_any_size(tmp_path: Path) -> None:
    import pandas

    bench = make_campaign(tmp_path, ["a.mp4"], bodyparts=("snout", "tail"), individuals=("anna", "otto"))
    folder = finish(bench, 0, make_positions(11, 4), times=[n / 25 for n in range(11)])
    judged = pandas.read_csv(folder / "quality.csv.gz")
    for lines in (4, 9, 1000):
        frame = table_of(bench, lines).to_pandas()
        for who in ("anna", "otto"):
            for part in ("snout", "tail"):
                mine = frame[(frame.individual == who) & (frame.body_part == part)]
                wanted = judged[f"score.{who}.{part}"].to_numpy(numpy.float32)
                assert numpy.array_equal(mine.score.to_numpy(), wanted, equal_nan=True)


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    bench = make_campaign(tmp_path, ["a.mp4"])
    finish(bench, 0, make_positions(3, 2), judged=False)
    found = table_of(bench, cell="").to_pydict()
    for name in ("time_s", "score", "flags", "genotype"):
        assert found[name] == [None] * 6


def test_times_go_on_where_tracks_end_before_the_video(tmp_path: Path) -> None:
    bench = make_campaign(tmp_path, ["a.mp4"])
    folder = finish(bench, 0, make_positions(6, 2), times=TIMES)
    shorter = make_campaign(tmp_path / "b", ["a.mp4"])
    finish(shorter, 0, make_positions(4, 2), times=TIMES)
    assert table_of(shorter).to_pydict()["time_s"][-2:] == [0.62, 0.62]
    longer = make_campaign(tmp_path / "c", ["a.mp4"])
    finish(longer, 0, make_positions(8, 2), times=TIMES)
    assert table_of(longer).to_pydict()["time_s"][-4:] == [None] * 4
    assert folder.exists()


def test_a_video_without_frames_has_no_lines(tmp_path: Path) -> None:
    bench = make_campaign(tmp_path, ["a.mp4"])
    finish(bench, 0, make_positions(0, 2), times=[], judged=False, kind="fixed")
    (table,) = frame_tables(source_of(bench), OWN)
    assert (len(table), table.schema) == (0, frames_schema(OWN))


def test_files_that_are_not_what_the_receipt_says_are_refused(tmp_path: Path) -> None:
    bench = make_campaign(tmp_path, ["a.mp4"])
    for name in ("aDLC_Resnet50_mouse.h5", "frame-times.csv.gz", "quality.csv.gz"):
        folder = finish(bench, 0, make_positions(6, 2), times=TIMES)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(UnreadableRowError, match=f"{name} was changed"):
            next(frame_tables(source_of(bench), OWN))


def test_a_file_of_times_that_is_none_is_refused(tmp_path: Path) -> None:
    from dataclasses import replace

    from dlcctr.results.sections import OutputFile

    bench = make_campaign(tmp_path, ["a.mp4"])
    folder = finish(bench, 0, make_positions(6, 2), times=TIMES)
    file = folder / "frame-times.csv.gz"
    file.write_bytes(b"none")
    receipt = read_receipt(folder)
    assert receipt
    files = [OutputFile.of(file) if entry.name == file.name else entry for entry in receipt.files]
    write_receipt(folder, replace(receipt, files=files))
    with pytest.raises(UnreadableRowError, match=r"frame-times\.csv\.gz"):
        next(frame_tables(source_of(bench), OWN))
