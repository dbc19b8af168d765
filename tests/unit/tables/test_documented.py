"""The lines of docs/collect.md for pandas, as they stand there, and what R's arrow does with the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas
import pytest

from dlcctr.tables.collect import CollectOptions, collect
from tests.unit.support.collected_campaign import code_of, finish, make_campaign, make_positions


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the tables of a campaign of two finished videos."""
    bench = make_campaign(tmp_path, ["day1/mouse1.mp4", "day2/mouse2.mp4"], {"genotype": ["wt", "ko"]})
    for index in (0, 1):
        finish(bench, index, make_positions(30, 2, index), times=[n / 25 for n in range(30)])
    collect(bench.manifest, CollectOptions(tmp_path / "campaign.parquet"))
    return tmp_path


def test_the_lines_for_pandas_give_what_they_say(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    exec(code_of("pandas"), names)
    positions = make_positions(30, 2, 0)[:, 0]
    assert names["snout"].x.tolist() == positions[positions[:, 2] > 0.6, 0].tolist()
    assert names["snout"].time_s.max() <= 29 / 25
    assert names["good"].row.tolist() == [0, 1]


def test_groups_are_whole_also_of_one_animal(folder: Path) -> None:
    frame = pandas.read_parquet(folder / "campaign.parquet")
    means = frame.groupby(["genotype", "individual", "body_part"], observed=True).x.size()
    assert means.to_dict() == {(kind, "", part): 30 for kind in ("wt", "ko") for part in ("snout", "tail")}


def test_arrow_groups_over_videos_by_columns_of_text(folder: Path) -> None:
    """As `group_by` in R does, without reading the whole table first."""
    from pyarrow import acero, dataset

    table = dataset.dataset(folder / "campaign.parquet", partitioning="hive")
    for column in ("genotype", "body_part", "individual", "flags"):
        scan = acero.Declaration("scan", acero.ScanNodeOptions(table, columns={column: dataset.field(column)}))
        count = acero.AggregateNodeOptions([([], "hash_count_all", None, "lines")], keys=[column])
        found = acero.Declaration.from_sequence([scan, acero.Declaration("aggregate", count)]).to_table()
        assert sum(found["lines"].to_pylist()) == 120
    assert found.schema.field("flags").type == "string"
