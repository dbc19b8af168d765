"""The file of times, and what is counted and listed."""

from __future__ import annotations

import gzip
import math
import tracemalloc
from array import array
from pathlib import Path

import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import OutputError
from dlcctr.results.times.frame_times import (
    CONTAINER,
    LISTED,
    FrameTimes,
    TimePlaces,
    describe_times,
    read_frame_times,
    write_frame_times,
)
from dlcctr.system.values.records import from_table, to_table

NAN = math.nan


def test_anything_reads_the_file(tmp_path: Path) -> None:
    file = tmp_path / "frame-times.csv.gz"
    write_frame_times(file, array("d", [0.0, 0.04, NAN, 1 / 3, 100, 1.5e9, -0.0]))
    text = gzip.decompress(file.read_bytes()).decode()
    assert text == "frame,time_s\n0,0\n1,0.04\n2,\n3,0.333333333\n4,100\n5,1500000000\n6,0\n"
    assert pandas.read_csv(file).time_s.isna().tolist() == [False, False, True, False, False, False, False]
    before = file.read_bytes()
    write_frame_times(tmp_path / "other name", read_frame_times(file))
    assert (tmp_path / "other name").read_bytes() == before, "the same times give the same bytes"


@given(times=st.lists(st.floats(-1e6, 1e6) | st.just(NAN), max_size=30))
def test_times_come_back(tmp_path_factory: pytest.TempPathFactory, times: list[float]) -> None:
    file = tmp_path_factory.mktemp("times") / "t.csv.gz"
    write_frame_times(file, times)
    found = read_frame_times(file)
    assert [math.isnan(time) for time in found] == [math.isnan(time) for time in times]
    assert all(abs(a - b) <= 1e-9 for a, b in zip(found, times, strict=True) if not math.isnan(b))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 1), ("frame\n", 1), ("frame,time_s\n1,0\n", 2), ("frame,time_s\n0,0\n0,1\n", 3),
        ("frame,time_s\n0,0\n1,x\n", 3), ("frame,time_s\n0,inf\n", 2), ("frame,time_s\n0,nan\n", 2),
        ("frame,time_s\n0,0", 2), ("frame,time_s\n0," + "1" * 100 + "\n", 2), ("frame,time_s\n\n", 2),
    ],
)  # fmt: skip
def test_another_file_is_refused_with_its_line(tmp_path: Path, text: str, line: int) -> None:
    file = tmp_path / "t.csv.gz"
    file.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(OutputError, match=rf"t.csv.gz, line {line}: ") as caught:
        read_frame_times(file)
    assert caught.value.hint


@pytest.mark.parametrize(
    "data", [b"", b"text", gzip.compress(b"frame,time_s\n" * 99, mtime=0)[:-20], b"\x1f\x8b" + bytes(50)]
)
def test_a_damaged_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv.gz").write_bytes(data)
    with pytest.raises(OutputError, match=r"t\.csv\.gz"):
        read_frame_times(tmp_path / "t.csv.gz")
    with pytest.raises(OutputError, match="cannot be read"):
        read_frame_times(tmp_path / "none.csv.gz")


def test_what_is_odd_is_counted_and_listed() -> None:
    times = [1.0, 2.0, 3.0, 5.0, 5.0, 4.5, NAN, NAN, 7.0, 8.0, 10.5, NAN]
    told = describe_times(times, CONTAINER, 1.0)
    assert (told.zero_s, told.gaps, told.repeats, told.backwards, told.unknown) == (1.0, 2, 1, 1, 3)
    assert told.listed.gaps == ((3, 2.0), (10, 2.5)), "frames without a time are no gap"
    assert told.listed.repeats == (4,)
    assert told.listed.backwards == ((5, -0.5),)
    assert told.listed.unknown == ((6, 8), (11, 12))


def test_of_many_places_the_first_are_listed() -> None:
    times = [n // 2 + (0 if n % 2 else NAN) for n in range(1000)]
    told = describe_times(times, CONTAINER, None)
    assert (told.unknown, len(told.listed.unknown)) == (500, LISTED)
    told = describe_times([0.0, *([1.0] * 500)], CONTAINER, None)
    assert (told.repeats, told.listed.repeats) == (499, tuple(range(2, LISTED + 2)))


@pytest.mark.parametrize("times", [[], [5.0], [NAN], [NAN, NAN], [1.0, 1.0], [2.0, 1.0]])
def test_few_times(times: list[float]) -> None:
    told = describe_times(times, CONTAINER, None)
    assert told.gaps == 0
    assert from_table(FrameTimes, to_table(told)) == told


def test_what_a_receipt_holds_comes_back() -> None:
    told = describe_times([1.0, 2.0, NAN, 2.5, 2.5, 0.0, 9.0], CONTAINER, 29.97, file="a.csv:t", sha256="ab" * 32)
    assert from_table(FrameTimes, to_table(told)) == told
    assert from_table(FrameTimes, {"source": "new", "more": 1}).listed == TimePlaces()


def test_a_day_of_video_takes_little_memory(tmp_path: Path) -> None:
    frames = 1_000_000
    times = array("d", (n / 30 for n in range(frames)))
    tracemalloc.start()
    try:
        told = describe_times(times, CONTAINER, 30.0)
        write_frame_times(tmp_path / "t.csv.gz", times)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (told.gaps, told.backwards, told.repeats) == (0, 0, 0)
    assert peak < 20_000_000
    assert (tmp_path / "t.csv.gz").stat().st_size < 8 * frames
