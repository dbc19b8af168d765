"""Training sets as they are read: DeepLabCut's own forms, damaged ones, and ones that would run something."""

from __future__ import annotations

import faulthandler
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.errors import ModelError
from entrypoint.evaluation.split import Split, read_split
from entrypoint.evaluation.training_set import picture_sizes, read_training_set
from tests.unit.support.evaluated_project import (
    PARTS,
    ROUND_1,
    TEST_1,
    labels,
    labels_table,
    make_evaluated,
    sets_folder,
    write_training_set,
)
from tests.unit.support.fuzz import check_reader, damaged
from tests.unit.support.projects import config

RAN: list[str] = []


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return RAN.append, ("ran",)


def read(project: Path, **options: Any) -> Any:
    return read_training_set(project, config(), **{"iteration": 1, "percent": 95, "shuffle": 1, **options})


def write_split(file: Path, *held: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Path:
    file.write_bytes(pickle.dumps(list(held), protocol))
    return file


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", [list, np.array, lambda values: [np.int64(each) for each in values]])
def test_every_form_of_a_split(kind: Callable[[Any], Any], protocol: int, tmp_path: Path) -> None:
    file = write_split(tmp_path / "d.pickle", [], kind([4, 1, 3]), kind([0, -1, -1]), 0.75, protocol=protocol)
    assert read_split(file, 5) == Split((1, 3, 4), (0,)), "DeepLabCut fills up with -1"
    file = write_split(tmp_path / "d.pickle", [], kind([0]), [], 1.0, protocol=protocol)
    assert read_split(file, 5) == Split((0,), ())


def test_nothing_in_a_split_runs(tmp_path: Path) -> None:
    file = write_split(tmp_path / "d.pickle", [{"image": Hostile(), "path": Path("a")}], [0, 1], [2], 0.5)
    assert read_split(file, 3) == Split((0, 1), (2,)), "what is not needed does not matter"
    write_split(file, [], Hostile(), [2], 0.5)
    with pytest.raises(ModelError, match="damaged"):
        read_split(file, 3)
    assert not RAN


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (([], [0, 1], [1], 0.5), "1 frames are in both"),
        (([], [0, 1], [7], 0.5), "names frame 7, but the table beside it has 3"),
        (([], [0.5], [1], 0.5), "no whole numbers"),
        (([], ["a"], [1], 0.5), "no whole numbers"),
        (([], [0]), "damaged"),
    ],
)
def test_splits_that_are_none(held: tuple[Any, ...], words: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=words):
        read_split(write_split(tmp_path / "d.pickle", *held), 3)


def test_a_damaged_split_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "d.pickle"

    def again(data: bytes) -> object:
        file.write_bytes(data)
        return read_split(file, 30)

    held = [[{"joints": np.ones((2, 3))}], np.arange(20), np.arange(20, 30), 0.66]
    check_reader(again, pickle.dumps(held), (ModelError,), says=str(file), most=300)


def test_a_damaged_table_is_refused(tmp_path: Path) -> None:
    """Each in a process of its own: HDF5, a library in C, does not survive some damage of its own heap."""
    project = make_evaluated(tmp_path)
    file = sets_folder(project, 1) / "CollectedData_lab.h5"
    whole, codes = file.read_bytes(), []
    for each in damaged(whole, most=12):
        file.write_bytes(each)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                faulthandler.disable()
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # HDF5 prints what it thinks
                read(project)
                code = 0
            except ModelError:
                code = 2
            except BaseException:
                (tmp_path / "why").write_text(traceback.format_exc())
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        codes.append(os.waitstatus_to_exitcode(status))
    assert 1 not in codes, (tmp_path / "why").read_text()
    assert codes.count(2) > 12


def test_a_table_of_older_deeplabcut(tmp_path: Path) -> None:
    project, xy = make_evaluated(tmp_path), labels(len(ROUND_1))
    file = sets_folder(project, 1) / "CollectedData_lab.h5"
    table = labels_table(ROUND_1, xy)
    table.index = pandas.Index([r"labeled-data\{}\{}".format(*frame) for frame in ROUND_1])
    table.to_hdf(file, key="df_with_missing", mode="w")
    found = read(project)
    assert found.frames == tuple(ROUND_1)
    assert np.array_equal(found.xy, xy)
    assert found.train == {frame for n, frame in enumerate(ROUND_1) if n not in TEST_1}
    assert np.array_equal(found.only([("", "ear"), ("", "snout")]), xy[:, [2, 0]])


def test_columns_are_found_by_their_names(tmp_path: Path) -> None:
    project, xy = make_evaluated(tmp_path), labels(len(ROUND_1))
    table = labels_table(ROUND_1, xy)
    table = table[[("lab", part, coord) for coord in "yx" for part in PARTS]]
    table.to_hdf(sets_folder(project, 1) / "CollectedData_lab.h5", key="df_with_missing", mode="w")
    assert np.array_equal(read(project).only([("", part) for part in PARTS]), xy)


@pytest.mark.parametrize("picture", ["../img.png", "a/b.png", ".."])
def test_a_table_cannot_name_pictures_elsewhere(picture: str, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    where = [*ROUND_1[:-1], ("new", picture)]
    write_training_set(project, 1, where, labels(len(where)), TEST_1)
    with pytest.raises(ModelError, match="outside labeled-data"):
        read(project)


def test_a_frame_that_is_there_twice(tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    where = [*ROUND_1[:-1], ROUND_1[3]]
    write_training_set(project, 1, where, labels(len(where)), TEST_1)
    with pytest.raises(ModelError, match=r"has old/img003\.png twice") as refused:
        read(project)
    assert "dropduplicates" in refused.value.hint


def test_sizes_of_pictures(tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    assert np.array_equal(picture_sizes(project, ROUND_1), np.tile([64.0, 48.0], (len(ROUND_1), 1)))
    file = project / "labeled-data" / "new" / "img001.png"
    file.write_bytes(b"no picture")
    with pytest.raises(ModelError, match=r"img001\.png: cannot be read"):
        picture_sizes(project, ROUND_1)
    assert np.isnan(picture_sizes(_with_bitmap(project), [("new", "a.bmp")])).all()


def _with_bitmap(project: Path) -> Path:
    (project / "labeled-data" / "new" / "a.bmp").write_bytes(b"BM of a kind whose size is not read")
    return project
