from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas
import pytest

from dlcctr.contract import RowState
from dlcctr.errors import ToolMissingError
from dlcctr.results.check import CheckOptions, check
from dlcctr.results.row_state import State
from dlcctr.results.sections import FrameCounts
from tests.unit.support.results import FRAMES, Bench, make_bench


def test_without_pandas_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    bench = make_bench(tmp_path, ["a.mp4"])
    with pytest.raises(ToolMissingError) as caught:
        check(bench.manifest, CheckOptions(deep=True))
    assert "run it from the image" in caught.value.hint


def write(bench: Bench, table: Any, **changes: Any) -> None:
    (file,) = bench.folder(0).glob("*.h5")
    table.to_hdf(file, key="df_with_missing", format="table", mode="w")
    bench.write_receipt(0, **changes)


def make_table(bench: Bench) -> Any:
    import numpy

    receipt = bench.receipt(0)
    columns = [(receipt.model.scorer, *column) for column in receipt.columns.names]
    values = numpy.arange(FRAMES * len(columns), dtype=float).reshape(FRAMES, len(columns))
    levels = ["scorer", "bodyparts", "coords"]
    return pandas.DataFrame(values, columns=pandas.MultiIndex.from_tuples(columns, names=levels))


def test_deep_opens_the_table(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0)
    table = make_table(bench)

    def state(**changes: Any) -> tuple[State, str]:
        (row,) = check(bench.manifest, CheckOptions(deep=True)).rows
        return row.state, row.cause

    assert "cannot be opened" in state()[1]
    write(bench, table)
    assert state() == (State.WHOLE, "")
    write(bench, table.iloc[:-1])
    assert "has 19 rows, but 20 in the receipt" in state()[1]
    write(bench, table[table.columns[::-1]])
    assert "columns are not those of the receipt" in state()[1]
    write(bench, table.set_axis(range(1, FRAMES + 1)))
    assert "not numbered from 0" in state()[1]
    degraded = {"state": RowState.DEGRADED, "frames": FrameCounts(FRAMES, FRAMES, FRAMES - 2, ((3, 5),))}
    write(bench, table, **degraded)
    assert "frames 3 to 4 did not decode, but are not blank" in state()[1]
    blank = table.copy()
    blank.iloc[3:5] = [float("nan"), float("nan"), 0.0] * 2
    write(bench, blank, **degraded)
    assert state()[0] is State.DEGRADED
