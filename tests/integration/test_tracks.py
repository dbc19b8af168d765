"""The step `tracks` beside DeepLabCut's own functions, killed in between, and in windows."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def call(python: Path, what: str, folder: Path, timeout_s: float = 900) -> Any:
    """Answer of a part of support/tracks_beside_stock.py, in a Python that has DeepLabCut."""
    script = ROOT / "tests" / "integration" / "support" / "tracks_beside_stock.py"
    environment = {**os.environ, "DLClight": "True", "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"}
    done = subprocess.run(
        [str(python), str(script), what, str(folder)],
        env=environment, capture_output=True, text=True, check=False, timeout=timeout_s,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.real
@pytest.mark.full
def test_tracks_are_those_of_deeplabcut(native_pytorch: Path, tmp_path: Path) -> None:
    answers = call(native_pytorch, "equal", tmp_path)
    assert len(answers) == 8
    for answer in answers:
        assert answer["same columns"] and answer["different"] == 0, answer
        assert answer["positions"] > 500, answer
        assert answer["tracklets"] >= 4, answer


@pytest.mark.real
@pytest.mark.full
def test_killed_twenty_times_it_is_the_same(native_pytorch: Path, tmp_path: Path) -> None:
    answer = call(native_pytorch, "killed", tmp_path)
    assert answer["kills"] == 20
    assert answer["starts in the middle"] > 3
    assert answer["same"] and answer["positions"] > 1000


@pytest.mark.real
@pytest.mark.full
def test_animals_stay_themselves_from_window_to_window(native_pytorch: Path, tmp_path: Path) -> None:
    answer = call(native_pytorch, "windows", tmp_path)
    assert answer["windows"] == 3
    assert "stitched in 3 windows" in answer["remark"]
    # animals that keep apart: each column holds one of them, whichever window it comes from
    assert answer["foreign"] == 0 and answer["positions"] > 20_000


@pytest.mark.real
@pytest.mark.full
def test_a_video_without_animals_is_whole(native_pytorch: Path, tmp_path: Path) -> None:
    answer = call(native_pytorch, "empty", tmp_path)
    assert answer["nothing"] == {"remark": "no animal was found in any frame", "rows": 50, "seen": 0}
    assert answer["one pose"] == {"remark": "no track could be made of what was found", "rows": 50, "seen": 0}


@pytest.mark.real
@pytest.mark.full
def test_which_tracks_go_on(native_pytorch: Path, tmp_path: Path) -> None:
    assert call(native_pytorch, "link", tmp_path) == {"same poses": [1, 2, 0], "places": [1, 0], "both": [1, 0]}


@pytest.mark.real
@pytest.mark.full
def test_tracklets_are_joined_as_deeplabcut_joins_them(native_pytorch: Path, tmp_path: Path) -> None:
    assert call(native_pytorch, "joined", tmp_path) == {"equal": 50, "shared": True}
