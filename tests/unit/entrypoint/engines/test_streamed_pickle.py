from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoint.engines.pytorch.pickle_form import PickleForm
from entrypoint.engines.pytorch.streamed_pickle import DictPickle

ENTRY = {"coordinates": ([np.arange(4, dtype=np.float32).reshape(2, 2)],), "costs": None, "names": ["a", "a"]}


@given(st.lists(st.integers(0, 4), max_size=6))
def test_a_dictionary_pickled_in_parts_is_the_whole(sizes: list[int]) -> None:
    entries = {f"frame{n}": {**ENTRY, "n": n, "array": np.full(3, n)} for n in range(sum(sizes))}
    items, path = list(entries.items()), io.BytesIO()
    path.close = lambda: None  # type: ignore[method-assign]

    class Place:
        def open(self, _: str) -> Any:
            return path

    with DictPickle(Place()) as out:  # type: ignore[arg-type]
        for place, size in enumerate(sizes):
            first = sum(sizes[:place])
            out.add(items[first : first + size])
    read = pickle.loads(path.getvalue())
    assert list(read) == list(entries)
    for key, value in entries.items():
        assert read[key]["n"] == value["n"]
        assert (read[key]["array"] == value["array"]).all()
        assert (read[key]["coordinates"][0][0] == ENTRY["coordinates"][0][0]).all()  # type: ignore[index]
        assert read[key]["names"] == ["a", "a"]


def test_a_pickle_in_parts_is_not_much_larger(tmp_path: Path) -> None:
    entries = {f"frame{n:05d}": {"xy": [np.full((1, 2), n, np.float32)] * 1, "costs": None} for n in range(3000)}
    with DictPickle(tmp_path / "parts") as out:
        items = list(entries.items())
        for first in range(0, 3000, 1000):
            out.add(items[first : first + 1000])
    whole = len(pickle.dumps(entries, pickle.HIGHEST_PROTOCOL))
    assert (tmp_path / "parts").stat().st_size < 2 * whole


def make(pose: Any) -> dict[str, Any]:
    """What DeepLabCut makes of one frame of one animal."""
    parts = pose[None].transpose((1, 0, 2))
    return {"coordinates": ([each[:, :2] for each in parts],), "confidence": [each[:, 2:3] for each in parts],
            "costs": None}  # fmt: skip


def insist_equal(found: dict[str, Any], poses: Any) -> None:
    assert list(found) == [f"frame{n:04d}" for n in range(len(poses))]
    for number, entry in enumerate(found.values()):
        wanted = make(poses[number])
        assert entry.keys() == wanted.keys() and entry["costs"] is None
        for kind in ("coordinates", "confidence"):
            one, other = (each[kind][0] if kind == "coordinates" else each[kind] for each in (entry, wanted))
            for array, right in zip(one, other, strict=True):
                np.testing.assert_array_equal(array, right)
                assert array.dtype == right.dtype and array.flags.writeable


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("frames", [0, 1, 2, 2500])
def test_entries_that_are_alike_are_read_as_any_others(tmp_path: Path, frames: int, kind: type) -> None:
    poses = np.random.default_rng(1).normal(100, 50, (frames, 12, 3)).astype(kind)
    poses[frames // 2 : frames // 2 + 5, 3] = np.nan
    poses[:, 4] = 0.0
    for name, form in (("fast", PickleForm.find), ("slow", lambda *_: None)):
        with pytest.MonkeyPatch.context() as patch, DictPickle(tmp_path / name) as out:
            patch.setattr(PickleForm, "find", form)
            out.add_alike([f"frame{n:04d}" for n in range(frames)], poses, make)
    insist_equal(pickle.loads((tmp_path / "fast").read_bytes()), poses)
    assert (tmp_path / "fast").read_bytes() == (tmp_path / "slow").read_bytes()


def test_entries_without_a_common_form_are_pickled_one_by_one(tmp_path: Path) -> None:
    poses = np.random.default_rng(2).random((30, 2, 3), np.float32)

    def with_a_list(pose: Any) -> dict[str, Any]:
        return {**make(pose), "sure": pose[:, 2].tolist()}

    def pickled(key: str, pose: Any) -> bytes:
        return pickle.dumps((key, with_a_list(pose)), 3)

    assert PickleForm.find(pickled, [f"frame{n:02d}" for n in range(30)], poses) is None
    assert (
        PickleForm.find(lambda key, pose: pickle.dumps((key, make(pose)), 3), ["frame9", "frame10"], poses[:2]) is None
    )
    with DictPickle(tmp_path / "one by one") as out:
        out.add_alike([f"frame{n}" for n in range(30)], poses, with_a_list)
    read = pickle.loads((tmp_path / "one by one").read_bytes())
    assert list(read) == [f"frame{n}" for n in range(30)]
    assert [entry["sure"] for entry in read.values()] == poses[:, :, 2].tolist()
