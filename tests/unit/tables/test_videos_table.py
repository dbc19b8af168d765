from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pandas

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.tables.campaign_rows import read_campaign_rows
from dlcctr.tables.collect import TAKEN
from dlcctr.tables.videos_table import COLUMNS, videos_columns, write_videos
from tests.unit.support.collected_campaign import finish, make_campaign, make_positions

FORMULA = "=HYPERLINK(0)"


def make(folder: Path) -> tuple[Any, list[list[str]]]:
    """A campaign of three rows, of which the first is finished and rated: the table as both files have it."""
    own = {"Dose (mg)": ["1.5", "", "-2"], "jump share": [FORMULA, "ä\nb", ""]}
    bench = make_campaign(folder, ["2026-03-01/=a.mp4", "b.mp4", "c.mp4"], own)
    times = [n / 25 for n in range(20)]
    finish(bench, 0, make_positions(20, 2), times=times)
    header = "row\trating\tnote\trater\ttime\n"
    CampaignPaths.of(bench.manifest).ratings.write_text(f"{header}0\tgood\t@x\tAda\t2026-01-01T00:00:00Z\n")
    campaign = read_campaign_rows(bench.manifest, TAKEN)
    columns = videos_columns(campaign.rows, campaign.own.names, [0])
    write_videos(columns, folder / "v.parquet", folder / "v.csv", "zstd")
    with (folder / "v.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.reader(file))
    return pandas.read_parquet(folder / "v.parquet"), lines


def test_each_row_of_the_manifest_has_its_line(tmp_path: Path) -> None:
    table, lines = make(tmp_path)
    assert list(table.columns)[: len(COLUMNS)] == list(COLUMNS)
    assert list(table.row) == [0, 1, 2]
    assert list(table.state) == ["whole", "unfinished", "unfinished"]
    assert list(table.in_table) == [True, False, False]
    first = table.iloc[0]
    assert (first.video, first.frames, first.duration_s, first.times, first.day) == (
        "2026-03-01/=a.mp4", 20, 0.8, "container", "2026-03-01",
    )  # fmt: skip
    assert (first.rating, first.rater, first.rating_note) == ("good", "Ada", "@x")
    assert (first.judged, table.judged[1]) == (True, False)
    assert 0.9 < first.likelihood_of_snout <= 1
    assert first.speed_median > 0
    assert table.speed_median.isna().tolist() == [False, True, True]
    assert lines[0] == list(table.columns)
    assert len(lines) == 4


def test_a_column_of_the_manifest_keeps_its_name_where_the_quality_has_the_same(tmp_path: Path) -> None:
    table, _ = make(tmp_path)
    assert list(table.jump_share) == [FORMULA, "ä\nb", None]
    assert table.quality_jump_share.notna().tolist() == [True, False, False]
    assert list(table.Dose_mg if "Dose_mg" in table else table.dose_mg) == ["1.5", None, "-2"]


def test_the_csv_has_no_formulas_and_excel_knows_its_letters(tmp_path: Path) -> None:
    _, lines = make(tmp_path)
    assert (tmp_path / "v.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    cells = [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]
    assert cells[0]["video"] == "./2026-03-01/=a.mp4".removeprefix("./")  # its first letter is a digit
    assert (cells[0]["jump_share"], cells[0]["rating_note"]) == (f"'{FORMULA}", "'@x")
    assert cells[2]["dose_mg"] == "-2"
    assert cells[1]["jump_share"] == "ä\nb"
    assert (cells[0]["in_table"], cells[1]["in_table"], cells[1]["frames"]) == ("true", "false", "")
