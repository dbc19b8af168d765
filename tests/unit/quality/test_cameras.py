"""Which rows are of one camera, and of which day."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.quality.cameras import NO_DAY, camera_of, day_of


@pytest.mark.parametrize(
    ("video", "day"),
    [
        ("a/2026-03-01/m.mp4", "2026-03-01"),
        ("a/20260301_m1.mp4", "2026-03-01"),
        ("2025.01.31 to 2026_02_28.mp4", "2026-02-28"),
        ("a/2026-13-01.mp4", NO_DAY),
        ("a/1202603011.mp4", NO_DAY),
        ("mouse.mp4", NO_DAY),
    ],
)
def test_the_day_is_in_the_name_or_nowhere(video: str, day: str) -> None:
    assert day_of(video) == day


def test_videos_of_one_folder_size_and_rate_are_of_one_camera_whatever_their_day() -> None:
    one = Row(0, "box A/2026-03-01/a.mp4", width=640, height=480, fps=30.0)
    two = Row(1, "box A/2026-03-02/b.mp4", width=640, height=480, fps=30.0)
    assert camera_of(one) == camera_of(two) == "box A · 640×480 · 30/s"
    assert camera_of(Row(2, "a.mp4")) == "unknown"
    assert camera_of(Row(3, "a.mp4", width=640, height=480, fps=float("nan"))) == "640×480"


def test_the_manifest_s_word_wins(tmp_path: Path) -> None:
    rows = [Row(0, "a.mp4", camera="box 3"), Row(1, "b.mp4", width=64, height=48)]
    write_manifest(tmp_path / "m.csv", rows)
    assert (tmp_path / "m.csv").read_text().splitlines()[0].endswith(",camera")
    assert [camera_of(row) for row in read_manifest(tmp_path / "m.csv")] == ["box 3", "64×48"]
    write_manifest(tmp_path / "m.csv", rows[1:])
    assert "camera" not in (tmp_path / "m.csv").read_text()
