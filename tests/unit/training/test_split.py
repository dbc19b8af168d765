"""Splits as they are read: DeepLabCut's own forms, damaged ones, and ones that would run something."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.errors import ModelError
from dlcctr.training.set_files import Frame, frame_of
from dlcctr.training.split import Split, read_split
from tests.unit.support.fuzz import check_reader

RAN: list[str] = []


class Hostile:
    def __reduce__(self) -> tuple[Any, ...]:
        return RAN.append, ("ran",)


def frames(number: int, *, first: int = 0) -> list[Frame]:
    return [("v", f"img{n}.png") for n in range(first, first + number)]


def details(rows: list[int]) -> list[dict[str, Any]]:
    return [{"image": ("labeled-data", *frames(30)[row]), "joints": np.ones((2, 3))} for row in rows]


def write_split(file: Path, *held: Any, protocol: int = pickle.HIGHEST_PROTOCOL) -> Path:
    file.write_bytes(pickle.dumps(list(held), protocol))
    return file


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("kind", [list, np.array, lambda values: [np.int64(each) for each in values]])
def test_every_form_of_a_split(kind: Callable[[Any], Any], protocol: int, tmp_path: Path) -> None:
    file = write_split(tmp_path / "d.pickle", [], kind([4, 1, 3]), kind([0, -1, -1]), 0.75, protocol=protocol)
    assert read_split(file, frames(5)) == Split((1, 3, 4), (0,)), "DeepLabCut fills up with -1"
    file = write_split(tmp_path / "d.pickle", [], kind([0]), [], 1.0, protocol=protocol)
    assert read_split(file, frames(5)) == Split((0,), ())


def test_nothing_in_a_split_runs(tmp_path: Path) -> None:
    other = {"image": ("labeled-data", "v", "img0.png"), "size": Hostile(), "path": Path("a")}
    file = write_split(tmp_path / "d.pickle", [other], [0, 1], [2], 0.5)
    assert read_split(file, frames(3)) == Split((0, 1), (2,)), "what is not needed does not matter"
    write_split(file, [], Hostile(), [2], 0.5)
    with pytest.raises(ModelError, match="damaged"):
        read_split(file, frames(3))
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
        read_split(write_split(tmp_path / "d.pickle", *held), frames(3))


def test_a_damaged_split_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "d.pickle"

    def again(data: bytes) -> object:
        file.write_bytes(data)
        return read_split(file, frames(30))

    held = [[{"joints": np.ones((2, 3))}], np.arange(20), np.arange(20, 30), 0.66]
    check_reader(again, pickle.dumps(held), (ModelError,), says=str(file), most=300)


def test_rows_are_other_frames_where_the_table_was_made_anew(tmp_path: Path) -> None:
    file = write_split(tmp_path / "d.pickle", details([0, 2, 3]), np.array([0, 2, 3, 5]), np.array([1, 4]), 0.7)
    assert read_split(file, frames(6)) == Split((0, 2, 3, 5), (1, 4)), "as it was written"
    assert read_split(file, frames(9)) == Split((0, 2, 3, 5), (1, 4)), "more rows at the end change nothing"
    shifted = read_split(file, [("a", "img0.png"), *frames(6)])
    assert shifted == Split((1, 3, 4), (0, 2, 5, 6), is_by_names=True)
    assert read_split(file, frames(5, first=1)) == Split((1, 2), (0, 3, 4), is_by_names=True, lost=1)
    assert read_split(file, frames(3)) == Split((0, 2), (1,), is_by_names=True, lost=1), "fewer rows than it names"
    with pytest.raises(ModelError, match="names other pictures, but the table beside it has 6 frames"):
        read_split(file, frames(6, first=20))


@pytest.mark.parametrize("name", ["labeled-data/v/img1.png", "labeled-data\\v\\img1.png", ("v", "img1.png")])
def test_every_form_of_a_pictures_name(name: Any, tmp_path: Path) -> None:
    assert frame_of(name) == ("v", "img1.png")
    file = write_split(tmp_path / "d.pickle", [{"image": name}], [0], [1], 0.5)
    assert read_split(file, frames(2)) == Split((1,), (0,), is_by_names=True)


@pytest.mark.parametrize("name", ["img1.png", "labeled-data/../img1.png", ("v", "a/b.png"), ("v", "")])
def test_names_of_pictures_elsewhere(name: Any) -> None:
    with pytest.raises(ValueError, match=r"outside labeled-data|not enough values"):
        frame_of(name)
