"""A result's .h5 that came from elsewhere is read without running anything in it."""

from __future__ import annotations

import contextlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
import tables
import tables.atom
import tables.attributeset

from dlcctr.results.check import CheckOptions, check
from dlcctr.results.h5.h5_file import UnsafeTableError, read_table
from dlcctr.results.row_state import State
from tests.unit.results.h5.test_h5_check import make_table, write
from tests.unit.support.results import make_bench


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.folder),)


def at(name: str, attribute: str) -> Callable[[Path, Bomb], None]:
    def plant(file: Path, bomb: Bomb) -> None:
        with tables.open_file(file, "a") as handle:
            handle.get_node(name)._v_attrs[attribute] = bomb

    return plant


def in_a_cell(file: Path, bomb: Bomb) -> None:
    with pytest.warns(pandas.errors.PerformanceWarning):
        pandas.DataFrame({"x": [bomb, 1]}).to_hdf(file, key="df_with_missing", format="fixed", mode="w")


def in_old_words(file: Path, bomb: Bomb) -> None:
    """As Python 2 wrote it: with INST in place of GLOBAL and REDUCE."""
    with tables.open_file(file, "a") as handle:
        handle.root._v_attrs.old = numpy.bytes_(f"(S'{bomb.folder}'\nios\nmkdir\n.".encode())


def in_a_default_of_old(file: Path, bomb: Bomb) -> None:
    """PyTables 1.2 wrote defaults of columns like that, and reads them in another branch of its code."""
    with tables.open_file(file, "a") as handle:
        handle.root._v_attrs.PYTABLES_FORMAT_VERSION = "1.5"
        handle.root.df_with_missing.table._v_attrs.FIELD_9_FILL = bomb


PLANTED = {
    "an attribute of the root": at("/", "made_by"),
    "an attribute of the group": at("/df_with_missing", "made_by"),
    "an attribute of the table": at("/df_with_missing/table", "made_by"),
    "pandas' own attribute": at("/df_with_missing", "info"),
    "names of the columns": at("/df_with_missing", "non_index_axes"),
    "a cell": in_a_cell,
    "an instruction of Python 2": in_old_words,
    "a default of an old PyTables": in_a_default_of_old,
}


@pytest.mark.parametrize("plant", PLANTED.values(), ids=PLANTED)
def test_a_planted_pickle_is_not_run_and_the_row_is_broken(plant: Callable[[Path, Bomb], None], tmp_path: Path) -> None:
    bench, ran = make_bench(tmp_path, ["a.mp4"]), tmp_path / "ran"
    bench.commit(0)
    write(bench, make_table(bench))
    (file,) = bench.folder(0).glob("*.h5")
    plant(file, Bomb(ran))
    bench.write_receipt(0)
    (row,) = check(bench.manifest, CheckOptions(deep=True)).rows
    assert not ran.exists()
    assert row.state is State.BROKEN
    assert "holds a pickled object" in row.cause
    assert "could run code: it was not read" in row.cause
    with contextlib.suppress(Exception):
        pandas.read_hdf(file)
    assert ran.is_dir(), "this plant is none: pandas alone does not run it either"


def test_pytables_is_as_before_after_each_reading(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    bench.commit(0)
    write(bench, make_table(bench))
    (file,) = bench.folder(0).glob("*.h5")
    assert read_table(file).equals(pandas.read_hdf(file))
    file.write_bytes(b"none")
    with pytest.raises(Exception, match="HDF5"):
        read_table(file)
    assert tables.atom.pickle is tables.attributeset.pickle is pickle


def test_columns_of_every_kind_that_deeplabcut_writes_are_read(tmp_path: Path) -> None:
    names = [("s", individual, part, c) for individual in ("m1", "Mäuschen 2") for part in ("a", "b.") for c in "xyl"]
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    columns = pandas.MultiIndex.from_tuples(names * 1, names=levels)
    table = pandas.DataFrame([[float(n)] * len(names) for n in range(7)], columns=columns)
    for kind in ("table", "fixed"):
        table.to_hdf(tmp_path / "t.h5", key="tracks", format=kind, mode="w")
        pandas.testing.assert_frame_equal(read_table(tmp_path / "t.h5"), table)


def test_a_text_that_ends_like_a_pickle_is_a_text(tmp_path: Path) -> None:
    pandas.DataFrame({"x": [1.0]}).to_hdf(tmp_path / "t.h5", key="k", format="table", mode="w")
    with tables.open_file(tmp_path / "t.h5", "a") as handle:
        handle.root._v_attrs.note = numpy.bytes_(b"Zurich, January.")
    assert read_table(tmp_path / "t.h5")["x"].tolist() == [1.0]


def test_a_table_that_is_larger_than_its_file_is_not_read(tmp_path: Path) -> None:
    table = pandas.DataFrame({"x": [0.0] * 1_000_000})
    table.to_hdf(tmp_path / "t.h5", key="k", format="table", mode="w", complevel=9)
    with pytest.raises(UnsafeTableError, match="claims 16000000 bytes"):
        read_table(tmp_path / "t.h5")
