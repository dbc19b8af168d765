"""Training sets as they are read: DeepLabCut's own forms, damaged ones, and ones that would run something."""

from __future__ import annotations

import faulthandler
import os
import traceback
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.errors import ModelError
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
from tests.unit.support.fuzz import damaged
from tests.unit.support.projects import config


def read(project: Path, **options: Any) -> Any:
    return read_training_set(project, config(), **{"iteration": 1, "percent": 95, "shuffle": 1, **options})


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


def test_a_table_that_was_made_anew_since(tmp_path: Path) -> None:
    """Another shuffle was made after labels had been removed and added: its rows are others now."""
    project, xy = make_evaluated(tmp_path), labels(len(ROUND_1))
    was = read(project)
    where = [*ROUND_1[3:], ("zoo", "img000.png")]
    now = np.concatenate([xy[3:], xy[:1]])
    write_training_set(project, 1, where, now, TEST_1, shuffle=2)
    found = read(project)
    assert found.split.is_by_names and found.split.lost == len(was.train & set(ROUND_1[:3])) == 2
    assert found.train == was.train - set(ROUND_1[:3])
    assert {where[row] for row in found.split.test} == {ROUND_1[5], ROUND_1[21], ROUND_1[22], where[-1]}
    assert read(project, shuffle=2).split.is_by_names is False
