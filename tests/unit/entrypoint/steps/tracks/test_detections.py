"""DeepLabCut's detections, read frame by frame: what `pickle.load` gives, whoever wrote them and however damaged."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.errors import OutputError
from entrypoint.steps.tracks import detections as module
from entrypoint.steps.tracks.detections import open_detections
from tests.animals import wander, write_assemblies

FRAMES = 1_040
"""More than the thousand entries that `pickle` writes at once."""


def of_pytorch() -> dict[Any, Any]:
    """An array for every frame, not in the order of memory, and the unique body parts first."""
    generator = np.random.default_rng(1)
    held: dict[Any, Any] = {"single": {n: generator.random((1, 2, 3))[0] for n in range(FRAMES)}}
    for frame in range(FRAMES):
        poses = generator.random((3, 2, 4), dtype=np.float32 if frame % 3 else np.float64).transpose(1, 0, 2)
        held[frame] = poses[: frame % 3]
    return held


def of_tensorflow() -> dict[Any, Any]:
    """Lists, only of frames with animals, in the order in which processes were ready; the unique parts last."""
    generator = np.random.default_rng(2)
    order = [n + change for n in range(0, FRAMES, 4) for change in (2, 0, 3, 1)]
    held: dict[Any, Any] = {n: [generator.random((3, 4)) for _ in range(1 + n % 3)] for n in order if n % 7}
    held["single"] = {n: generator.random((2, 3)) for n in order if n % 2}
    return held


def check_equal(file: Path, held: dict[Any, Any], kept: Path) -> None:
    with open_detections(file, FRAMES, kept) as found:
        for frame in (*range(0, FRAMES, 7), *range(990, FRAMES), 3):
            wanted, unique = held.get(frame), held["single"].get(frame)
            poses, single = found.animals(frame), found.unique(frame)
            assert (poses is None) == (wanted is None or not len(wanted))
            assert poses is None or np.array_equal(poses, np.stack(list(wanted)))  # type: ignore[arg-type]
            assert (single is None) == (unique is None)
            assert single is None or np.array_equal(single, unique)


@pytest.mark.parametrize("protocol", [3, 4, 5])
@pytest.mark.parametrize("make", [of_pytorch, of_tensorflow])
def test_every_frame_is_what_pickle_would_read(
    make: Callable[[], dict[Any, Any]], protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, file = make(), tmp_path / "x_assemblies.pickle"
    file.write_bytes(pickle.dumps(held, protocol))
    check_equal(file, held, tmp_path)
    # a second time from what was learnt, without going through the file
    monkeypatch.setattr(module, "_make_index", lambda *_: pytest.fail("it was gone through again"))
    check_equal(file, held, tmp_path)


def test_what_was_learnt_is_learnt_again_where_it_is_damaged(tmp_path: Path) -> None:
    held, file = of_tensorflow(), tmp_path / "x_assemblies.pickle"
    file.write_bytes(pickle.dumps(held))
    for damage in (b"", b"PK\x03\x04", b"\x93NUMPY"):
        (tmp_path / module.INDEX_FILE).write_bytes(damage)
        check_equal(file, held, tmp_path)


def test_files_that_are_written_part_by_part(tmp_path: Path) -> None:
    file = tmp_path / "x_assemblies.pickle"
    write_assemblies(file, wander(FRAMES, 3, 4), {0: np.ones((1, 3))})
    with file.open("rb") as stream:
        check_equal(file, pickle.load(stream), tmp_path)


def test_a_changed_array_is_nobody_elses(tmp_path: Path) -> None:
    file = tmp_path / "x_assemblies.pickle"
    write_assemblies(file, wander(10, 3, 4))
    with open_detections(file, 10, tmp_path) as found:
        first = found.animals(3)
        first[:] = 0
        assert found.animals(3).any()


class Runs:
    def __reduce__(self) -> Any:
        return Path.touch, (Path("ran"),)


@pytest.mark.parametrize("value", [Runs(), np.array([{}], dtype=object), {"a": 1}, [1, "x"], 7])
def test_nothing_in_a_file_runs(value: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "x_assemblies.pickle"
    file.write_bytes(pickle.dumps({0: value}))
    with pytest.raises(OutputError), open_detections(file, 10, tmp_path) as found:
        found.animals(0)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("held", [{10: []}, {-1: []}, {"frame0": []}, {0: {}, "double": {}}, []])
def test_entries_that_are_no_frame_of_the_video(held: Any, tmp_path: Path) -> None:
    file = tmp_path / "x_assemblies.pickle"
    file.write_bytes(pickle.dumps(held))
    with pytest.raises(OutputError, match="assemblies"), open_detections(file, 10, tmp_path):
        pass


@pytest.mark.parametrize("make", [of_pytorch, of_tensorflow])
def test_damaged_files_are_an_error_or_other_numbers(make: Callable[[], dict[Any, Any]], tmp_path: Path) -> None:
    held = {key: value for key, value in make().items() if key == "single" or key < 30}
    held["single"] = {key: value for key, value in held["single"].items() if key < 30}
    data = pickle.dumps(held)
    generator = np.random.default_rng(5)
    file, refused = tmp_path / "x_assemblies.pickle", 0
    for n in range(120):
        damaged = bytearray(data[: generator.integers(len(data))] if n % 3 == 0 else data)
        for place in generator.integers(0, max(len(damaged), 1), 3) if damaged else ():
            damaged[place] = generator.integers(256)
        file.write_bytes(damaged)
        (tmp_path / module.INDEX_FILE).unlink(missing_ok=True)
        try:
            with open_detections(file, FRAMES, tmp_path) as found:
                for frame in range(30):
                    found.animals(frame)
                    found.unique(frame)
        except OutputError as error:
            refused += 1
            assert "assemblies" in error.message and error.hint
    assert refused > 40
