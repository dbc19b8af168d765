from __future__ import annotations

import pytest

from dlcctr.campaign.rows import Row
from dlcctr.quality import campaign
from dlcctr.quality.campaign import MIN_ROWS, Rule
from dlcctr.quality.record import Flag, Quality
from dlcctr.quality.report.compared import NO_DAY, camera_of, compare, day_of


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


def test_flags_of_the_campaign_stand_behind_the_rows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "RULES", (Rule("brightness", "dark", 5, 1),))
    own = Flag("jumps", 1, 0.5)
    rows = [(Row(k, f"a/{k}.mp4"), Quality(9, summary={"brightness": 100.0 + k % 2})) for k in range(MIN_ROWS + 1)]
    odd = (Row(90, "a/odd.mp4"), Quality(9, summary={"brightness": 20.0}, flags=(own,)))
    *others, last, none = compare([*rows, odd, (Row(91, "a/none.mp4"), None)])
    assert [flag.name for flag in last.flags] == ["jumps", "dark"]
    assert last.flags[1].source == "campaign"
    assert not [each for each in (*others, none) if each.flags]
