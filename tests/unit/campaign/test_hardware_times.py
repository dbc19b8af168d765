"""Files of hardware times: what is read, and what is refused with file, line and remedy."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import Campaign, write_campaign
from dlcctr.campaign.hardware_times import read_hardware_times, split_cell
from dlcctr.campaign.manifest import manifest_text, read_manifest, write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.spreadsheet import read_sheet
from dlcctr.campaign.validate import validate
from dlcctr.campaign.videos.unchanged import bad_videos
from dlcctr.errors import ManifestError
from tests.unit.support.results import FRAMES, make_bench

ROW = Row(3, "a.mp4", times="t.csv")


def read(folder: Path, text: str | bytes, cell: str = "t.csv") -> list[float]:
    (folder / split_cell(cell)[0]).write_bytes(text if isinstance(text, bytes) else text.encode())
    found = read_hardware_times(replace(ROW, times=cell), folder)
    assert found
    assert len(found.sha256) == 64
    return list(found.seconds)


@pytest.mark.parametrize(
    ("cell", "wanted"),
    [
        ("t.csv", ("t.csv", "")),
        ("day 1/ttl.csv:cam A", ("day 1/ttl.csv", "cam A")),
        ("./t.csv", ("t.csv", "")),
        ("a.b.csv.gz", ("a.b.csv.gz", "")),
        ("a.csv.gz:t:0", ("a.csv.gz", "t:0")),
        ("a:b.csv", ("a:b.csv", "")),
        ("x.y:z/t.csv:c", ("x.y:z/t.csv", "c")),
    ],
)
def test_a_cell_names_a_file_and_a_column(cell: str, wanted: tuple[str, str]) -> None:
    assert split_cell(cell) == wanted


@pytest.mark.parametrize("cell", ["/t.csv", "../t.csv", "t", "a/../../t.csv", ":", "a\0.csv", ".dlcctr-x/t.csv"])
def test_a_cell_stays_below_the_video_root(tmp_path: Path, cell: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        split_cell(cell)
    (tmp_path / "m.csv").write_text(f'index,video,times\n0,a.mp4,"{cell}"\n'.replace("\0", ""))
    if "\0" not in cell:
        with pytest.raises(ManifestError, match=r"m\.csv, line 2: ") as caught:
            read_manifest(tmp_path / "m.csv")
        assert "below the video root" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("0\n0.5\n1.25\n", "t.csv"),
        ("0\r\n0.5\r\n1.25", "t.csv"),
        ("\ufefftime\n0\n0.5\n1.25\n\n\n", "t.csv"),
        ("frame,cam\n0,0\n1,.5\n2,1.25e0\n", "t.csv:cam"),
        ("cam;x\n0;1\n0,5;1\n1,25;1\n", "t.csv:cam"),
        ("x\tcam\n1\t0\n1\t0.5\n1\t1.25\n", "t.csv: cam "),
        ('"x","cam"\n"1","0"\n"1","0.5"\n"1","1.25"\n', "t.csv:cam"),
        (gzip.compress(b"frame,time_s\n0,0\n1,0.5\n2,1.25\n", mtime=0), "t.csv.gz:time_s"),
        ('"0"\n"0,5"\n"1,25"\n', "t.csv"),
    ],
)
def test_files_as_labs_have_them(tmp_path: Path, text: str | bytes, cell: str) -> None:
    assert read(tmp_path, text, cell) == [0, 0.5, 1.25]


def test_a_time_may_be_unknown_and_two_may_be_equal(tmp_path: Path) -> None:
    zero, unknown, *rest = read(tmp_path, "0\nNaN\n1\n1\n")
    assert (zero, rest) == (0, [1, 1])
    assert math.isnan(unknown)


@pytest.mark.parametrize(
    ("text", "cell", "said"),
    [
        ("0\n1\n0.5\n", "t.csv", "line 3: 0.5 s comes behind 1 s"),
        ("0\nx\n", "t.csv", "line 2: not the time"),
        ("0\nnan\n-1\n", "t.csv", "line 3: -1 s comes behind 0 s"),
        ("0\n\n1\n", "t.csv", "line 2: empty, though"),
        ("0\ninf\n", "t.csv", "line 2: not the time"),
        ("0\n1e999\n", "t.csv", "line 2: not a time"),
        ("", "t.csv", "line 1: empty"),
        ("a,b\n0,1\n", "t.csv", "has 2 columns: a, b"),
        ("0,1234567\n1,1234600\n", "t.csv", "has 2 columns: 0, 1234567"),
        ("a,b\n0,1\n", "t.csv:c", "no column 'c', but: a, b"),
        ("a,a\n0,1\n", "t.csv:a", "several columns 'a'"),
        ("a,b\n0\n", "t.csv:b", "line 2: not the time of a frame: ''"),
        ('a\n"0\n', "t.csv", "not valid CSV"),
        (b"a\n\xff\n", "t.csv", "not UTF-8"),
        (b"no gzip", "t.csv.gz", "cannot be read"),
        (b"", "t.csv.gz", "line 1: empty"),
        (gzip.compress(b"".join(b"%d\n" % n for n in range(99)), mtime=0)[:-9], "t.csv.gz", "cannot be read"),
        ("0\n0,5\n", "t.csv", "has 2 columns: 0, 5"),
    ],
)
def test_what_is_no_list_of_times_is_refused(tmp_path: Path, text: str | bytes, cell: str, said: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read(tmp_path, text, cell)
    assert said in caught.value.message
    assert str(tmp_path / "t.csv") in caught.value.message
    assert caught.value.hint


def test_a_file_that_is_not_there_and_another_number_of_times(tmp_path: Path) -> None:
    assert read_hardware_times(replace(ROW, times=""), tmp_path) is None
    with pytest.raises(ManifestError, match=r"t.csv: no such file, but row 3 names it"):
        read_hardware_times(ROW, tmp_path)
    (tmp_path / "t.csv").write_text("0\n1\n")
    found = read_hardware_times(ROW, tmp_path)
    assert found
    found.check_count(2)
    with pytest.raises(ManifestError, match="has 2 times, but the video has 3 frames"):
        found.check_count(3)


def test_the_column_is_there_only_if_a_row_needs_it(tmp_path: Path) -> None:
    rows = [Row(0, "a.mp4"), Row(1, "b.mp4", times="x/t.csv:cam")]
    write_manifest(tmp_path / "m.csv", rows)
    assert [row.times for row in read_manifest(tmp_path / "m.csv")] == ["", "x/t.csv:cam"]
    assert read_sheet(tmp_path / "m.csv").header[-1] == "times"
    assert "times" not in manifest_text(rows[:1])


def test_validate_finds_what_is_wrong_with_them(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mkv", "c.mp4", "d.mp4"])
    root = bench.campaign.video_root
    (root / "good.csv").write_text("".join(f"{n}\n" for n in range(FRAMES)))
    (root / "short.csv").write_text("0\n")
    cells = ["good.csv", "short.csv", "short.csv", "none.csv"]
    rows = [replace(row, times=cell) for row, cell in zip(bench.rows, cells, strict=True)]
    write_manifest(bench.manifest, rows)
    write_campaign(replace(bench.campaign, file=tmp_path / "campaign.toml"))
    found = [(each.index, each.message) for each in validate(bench.manifest).problems if each.kind == "times"]
    assert [index for index, _ in found] == [2, 3], "of Matroska the manifest's frames are an estimate"
    assert "1 times, but the video has 20 frames" in found[0][1]
    assert "no such file" in found[1][1]


def test_they_travel_with_their_videos(tmp_path: Path) -> None:
    from dlcctr.transfer.layout import video_items

    for name in ("a.mp4", "b.mp4", "t.csv"):
        (tmp_path / name).write_bytes(b"x")
    rows = [Row(0, "a.mp4", times="t.csv:a"), Row(1, "b.mp4", times="t.csv:b")]
    items = video_items(Campaign(file=tmp_path / "campaign.toml", video_root=tmp_path, out=tmp_path), rows)
    assert [item.name for item in items] == ["videos/a.mp4", "videos/b.mp4", "videos/t.csv"]


@pytest.mark.parametrize(
    ("step", "rate", "doubted"),
    [(0.04, 25, False), (40, 25, True), (0.04, None, False), (1, 30, False), (60, 25, True), (1 / 30, 500, False)],
)
def test_milliseconds_are_not_taken_for_seconds_in_silence(
    tmp_path: Path, step: float, rate: float | None, doubted: bool
) -> None:
    (tmp_path / "t.csv").write_text("".join(f"{n * step}\n" for n in range(50)))
    found = read_hardware_times(ROW, tmp_path)
    assert found
    assert ("are the times in milliseconds" in found.doubt(rate)) is doubted


def test_validate_doubts_them_too(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    (bench.campaign.video_root / "ms.csv").write_text("".join(f"{40 * n}\n" for n in range(FRAMES)))
    write_manifest(bench.manifest, [replace(bench.rows[0], times="ms.csv")])
    found = validate(bench.manifest)
    assert not [each for each in found.problems if each.kind == "times"]
    assert any("1,000 times as far apart" in note for note in found.notes)


def test_a_row_whose_file_is_missing_is_not_submitted(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4"])
    (bench.campaign.video_root / "t.csv").write_text("0\n")
    rows = [replace(row, times=cell) for row, cell in zip(bench.rows, ["t.csv", "none.csv:a"], strict=True)]
    assert bad_videos(bench.campaign, rows) == {
        1: f"{bench.campaign.video_root / 'none.csv'}: no such file of hardware times, or no permission to read it"
    }
