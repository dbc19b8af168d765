from __future__ import annotations

import time
from pathlib import Path

import numpy
import pandas
import pytest

from dlcctr.errors import OutputError
from dlcctr.results.h5.positions import PositionColumns, open_positions, write_positions

PARTS = ("snout", "tail base")
SINGLE = PositionColumns("DLC_resnet", tuple(("", part) for part in PARTS), several=False)
SEVERAL = PositionColumns(
    "DLC_resnet", (*((who, part) for who in ("m1", "m2") for part in PARTS), ("single", "corner")), several=True
)


def table_of(columns: PositionColumns, frames: int) -> pandas.DataFrame:
    values = numpy.random.default_rng(5).random((frames, 3 * len(columns.points)))
    values[frames // 2] = numpy.nan
    return pandas.DataFrame(values, columns=columns.header())


@pytest.mark.parametrize("form", ["table", "fixed"])
@pytest.mark.parametrize("columns", [SINGLE, SEVERAL], ids=["single", "several"])
def test_blocks_are_what_pandas_reads(columns: PositionColumns, form: str, tmp_path: Path) -> None:
    table = table_of(columns, 25)
    table.to_hdf(tmp_path / "a.h5", key="df_with_missing", format=form, mode="w")
    with open_positions(tmp_path / "a.h5") as found:
        assert found.columns == columns and found.rows == 25
        blocks = list(found.blocks(frames=27, size=10))
    assert [first for first, _ in blocks] == [0, 10, 20]
    read = numpy.concatenate([block for _, block in blocks])
    numpy.testing.assert_array_equal(read[:25].reshape(25, -1), table.to_numpy())
    assert numpy.isnan(read[25:]).all() and len(read) == 27


@pytest.mark.parametrize("columns", [SINGLE, SEVERAL], ids=["single", "several"])
def test_what_is_written_in_blocks_is_deeplabcuts_table(columns: PositionColumns, tmp_path: Path) -> None:
    table = table_of(columns, 25)
    with write_positions(tmp_path / "b.h5", columns) as writer:
        for first in range(0, 25, 10):
            writer.write(table.to_numpy()[first : first + 10].reshape(-1, len(columns.points), 3))
    pandas.testing.assert_frame_equal(pandas.read_hdf(tmp_path / "b.h5"), table, check_index_type=False)


def test_names_of_individuals_and_body_parts() -> None:
    assert SEVERAL.individuals == ("m1", "m2", "single") and SEVERAL.bodyparts == (*PARTS, "corner")
    assert SINGLE.individuals == ("",)


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "no.h5"
    file.write_bytes(b"\x89HDF\r\n\x1a\nno")
    with pytest.raises(OutputError, match=r"no\.h5: cannot be read"), open_positions(file):
        pass
    pandas.DataFrame({"a": [1.0]}).to_hdf(file, key="x", format="table", mode="w")
    with pytest.raises(OutputError, match="1 levels"), open_positions(file):
        pass
    pandas.DataFrame([[1.0, 2.0, 3.0]], columns=SINGLE.header()[[1, 0, 2]]).to_hdf(file, key="x", mode="w")
    with pytest.raises(OutputError, match="not x, y, likelihood"), open_positions(file):
        pass


def test_single_precision_stays(tmp_path: Path) -> None:
    table = table_of(SINGLE, 25).astype("float32")
    table.to_hdf(tmp_path / "a.h5", key="df_with_missing", format="table", mode="w")
    with open_positions(tmp_path / "a.h5") as found, write_positions(tmp_path / "b.h5", SINGLE, "float32") as writer:
        assert found.number_type == "float32"
        writer.write(found.read(0, 25))
    pandas.testing.assert_frame_equal(pandas.read_hdf(tmp_path / "b.h5"), table, check_index_type=False)


def test_the_same_positions_give_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / "1.h5", tmp_path / "2.h5"]
    for file in files:
        with write_positions(file, SINGLE) as writer:
            writer.write(numpy.ones((5, 2, 3)))
        time.sleep(1.1)  # HDF5 notes whole seconds
    assert files[0].read_bytes() == files[1].read_bytes()
