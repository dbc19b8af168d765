from __future__ import annotations

from pathlib import Path

import pandas
import pytest

from dlcctr.campaign.steps.csv_file import CsvParameters
from dlcctr.results.h5.positions import PositionColumns
from entrypoint.steps import csv
from tests.unit.support.step_rows import ONE, SCORER, TWO, UNIQUE, make_step, table_of

PLAIN = CsvParameters(sleap=False)


@pytest.mark.parametrize("form", ["fixed", "table"])
@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("columns", [ONE, TWO, UNIQUE], ids=["one", "two", "unique"])
def test_bytes_are_those_of_pandas(
    columns: PositionColumns, kind: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv, "BLOCK_FRAMES", 7)
    table = table_of(columns, 25).astype(kind)
    given = make_step(tmp_path, PLAIN, table, (0.0,) * 30, form=form)
    result = csv.run(given)
    assert [file.name for file in result.files] == [f"a{SCORER}.csv"] and result.facts == {"rows": 25.0}
    table.to_csv(tmp_path / "stock.csv")  # as every function of DeepLabCut's calls it
    assert result.files[0].read_bytes() == (tmp_path / "stock.csv").read_bytes()
    assert list(given.used) == [f"a{SCORER}.h5"]


@pytest.mark.parametrize("frames", [0, 1])
def test_tables_of_no_frame_and_of_one(frames: int, tmp_path: Path) -> None:
    table = table_of(ONE, 5).iloc[:frames]
    (file,) = csv.run(make_step(tmp_path, PLAIN, table, (0.0,) * frames, form="table" if frames else "fixed")).files
    assert file.read_text(encoding="utf-8") == table.to_csv()


def test_names_that_need_quotes(tmp_path: Path) -> None:
    columns = PositionColumns('s,"x"', (("", "a,b"), ("", 'q"'), ("", "左\nrow")), several=False)
    table = table_of(columns, 3)
    (file,) = csv.run(make_step(tmp_path, PLAIN, table)).files
    assert file.read_bytes() == table.to_csv().encode()


def test_the_csv_of_a_filtered_table_has_its_name(tmp_path: Path) -> None:
    given = make_step(tmp_path, PLAIN, table_of(TWO, 8), step="filter")
    (file,) = csv.run(given).files
    assert file.name == f"a{SCORER}_filtered.csv" and list(given.used) == [f"steps/filter/a{SCORER}_filtered.h5"]
    assert pandas.read_csv(file, header=[0, 1, 2, 3], index_col=0).shape == (8, 18)
