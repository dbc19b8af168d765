"""DeepLabCut's merge with columns by name; its own functions are stood for by ones that do as little."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas
import pytest

from dlcctr.labels.project import read_project
from entrypoint.training.child.merged_labels import merge_by_names
from tests.unit.support.label_folders import config_of_several, make_project
from tests.unit.support.projects import write_json

NAME = "deeplabcut.generate_training_dataset"
SINGLE, SEVERAL = f"{NAME}.trainingsetmanipulation", f"{NAME}.multiple_individuals_trainingsetmanipulation"


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """DeepLabCut's modules; `table` is what its merge gives, `names` what it finds."""
    held = SimpleNamespace(table=None, of_one=ModuleType(SINGLE), of_several=ModuleType(SEVERAL))

    def merge(*_: object) -> Any:
        return held.table

    for module in (held.of_one, held.of_several):
        vars(module)["merge_annotateddatasets"] = merge
    vars(held.of_one)["parse_video_filenames"] = lambda videos: [Path(video).stem for video in videos]
    package = ModuleType(NAME)
    vars(package).update(
        trainingsetmanipulation=held.of_one, multiple_individuals_trainingsetmanipulation=held.of_several
    )
    for name, module in ((NAME, package), (SINGLE, held.of_one), (SEVERAL, held.of_several)):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "deeplabcut", ModuleType("deeplabcut"))
    return held


def several(tmp_path: Path) -> Path:
    project = make_project(tmp_path / "p")
    write_json(project / "config.yaml", config_of_several())
    return project


def columns(*names: str) -> pandas.MultiIndex:
    """Columns as ``a snout x``."""
    levels = ["scorer", "individuals", "bodyparts", "coords"]
    return pandas.MultiIndex.from_tuples([("lab", *name.split()) for name in names], names=levels)


def test_a_part_that_was_added_later_does_not_move_the_others(stock: SimpleNamespace, tmp_path: Path) -> None:
    project = several(tmp_path)
    there = columns("a tail x", "a tail y", "b tail x", "b tail y", "single corner x", "single corner y",
                    "a snout x", "a snout y", "b snout y", "b snout x")  # fmt: skip
    stock.table = pandas.DataFrame(np.arange(20.0).reshape(2, 10), columns=there)
    merge_by_names(read_project(project))
    found = stock.of_several.merge_annotateddatasets({}, tmp_path)
    wanted = columns("a snout x", "a snout y", "a tail x", "a tail y", "b snout x", "b snout y", "b tail x",
                     "b tail y", "single corner x", "single corner y")  # fmt: skip
    assert found.columns.equals(wanted)
    assert found.to_numpy().tolist() == [[6, 7, 0, 1, 9, 8, 2, 3, 4, 5], [16, 17, 10, 11, 19, 18, 12, 13, 14, 15]]
    pandas.testing.assert_frame_equal(pandas.read_hdf(tmp_path / "CollectedData_lab.h5"), found)
    assert (tmp_path / "CollectedData_lab.csv").read_text().splitlines()[2].split(",")[1:4] == [
        "snout",
        "snout",
        "tail",
    ]


def test_an_animal_that_nobody_has_labelled_is_empty(stock: SimpleNamespace, tmp_path: Path) -> None:
    project = several(tmp_path)
    there = columns("b snout x", "b snout y", "b tail x", "b tail y", "single corner x", "single corner y")
    stock.table = pandas.DataFrame(np.ones((1, 6)), columns=there)
    merge_by_names(read_project(project))
    found = stock.of_several.merge_annotateddatasets({}, tmp_path)
    assert found["lab"]["a"].isna().all(axis=None) and found["lab"]["b"].eq(1).all(axis=None)


def test_what_is_in_order_is_deeplabcuts_own(stock: SimpleNamespace, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p")
    names = [("lab", part, coord) for part in ("snout", "earLeft", "tail") for coord in "xy"]
    there = pandas.MultiIndex.from_tuples(names, names=["scorer", "bodyparts", "coords"])
    stock.table = pandas.DataFrame(np.ones((1, 6)), columns=there)
    merge_by_names(read_project(project))
    assert stock.of_one.merge_annotateddatasets({}, tmp_path) is stock.table
    assert not list(tmp_path.glob("CollectedData*"))
    stock.table = None
    assert stock.of_one.merge_annotateddatasets({}, tmp_path) is None


def test_videos_of_windows_are_found_beside_others(stock: SimpleNamespace, tmp_path: Path) -> None:
    merge_by_names(read_project(make_project(tmp_path / "p")))
    videos = ["C:\\Users\\lab\\day 1.avi", "/data/käfig.2.mp4", r"\\server\share\b.mp4", "c.mp4"]
    assert stock.of_one.parse_video_filenames(videos) == ["day 1", "käfig.2", "b", "c"]
