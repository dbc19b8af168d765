from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.results.check import check
from dlcctr.results.checkpoints import checkpoint_folders, kept_frames
from dlcctr.results.row_state import State
from tests.unit.support.results import make_bench

KEY = "0123456789abcdef"


def keep(folder: Path, *names: str, key: str = KEY) -> Path:
    place = folder.with_name(f".dlcctr-parts-{folder.name}-{key}")
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        (place / name).touch()
    return place


@pytest.mark.parametrize(
    ("names", "frames"),
    [
        ([], 0),
        (["0-8.npz"], 8),
        (["0-8.npz", "8-24.npz", "24-30.npz"], 30),
        (["0-8.npz", "16-24.npz"], 8),
        (["8-16.npz"], 0),
        (["0-16.npz", "0-8.npz", "8-40.npz"], 40),
        (["0-8.npz.new", "x.npz", "0-٨.npz"], 0),
    ],
)
def test_frames_without_a_gap_from_the_first_on_are_kept(tmp_path: Path, names: list[str], frames: int) -> None:
    keep(tmp_path / "v.mp4", *names)
    assert kept_frames(tmp_path / "v.mp4") == frames


def test_of_several_attempts_with_other_options_the_furthest_counts(tmp_path: Path) -> None:
    keep(tmp_path / "v.mp4", "0-8.npz")
    keep(tmp_path / "v.mp4", "0-24.npz", key="f" * 16)
    keep(tmp_path / "v.mp4", "0-90.npz", key="short")
    keep(tmp_path / "v.mp4-2", "0-99.npz")
    assert kept_frames(tmp_path / "v.mp4") == 24
    assert len(list(checkpoint_folders(tmp_path / "v.mp4"))) == 2
    assert kept_frames(tmp_path / "nowhere/v.mp4") == 0


def test_check_says_that_a_row_has_kept_frames_and_goes_on_from_there(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4", "c.mp4"])
    bench.commit(2)
    keep(bench.folder(0), "0-8.npz")
    keep(bench.folder(2), "0-8.npz")
    result = check(bench.manifest)
    kept, none, whole = result.rows
    assert (kept.state, kept.kept_frames) == (State.UNFINISHED, 8)
    assert "its first 8 of " in kept.notes[0] and kept.notes[0].endswith("the next attempt continues from there")
    assert (none.kept_frames, none.notes) == (0, ())
    assert (whole.state, whole.kept_frames) == (State.WHOLE, 0)
