from __future__ import annotations

import pytest

from dlcctr.campaign.rows import Row
from dlcctr.quality import campaign
from dlcctr.quality.campaign import MIN_ROWS, Rule
from dlcctr.quality.record import Flag, Quality
from dlcctr.quality.report.compared import compare


def test_flags_of_the_campaign_stand_behind_the_rows_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaign, "RULES", (Rule("brightness", "dark", 5, 1),))
    own = Flag("jumps", 1, 0.5)
    rows = [(Row(k, f"a/{k}.mp4"), Quality(9, summary={"brightness": 100.0 + k % 2})) for k in range(MIN_ROWS + 1)]
    odd = (Row(90, "a/odd.mp4"), Quality(9, summary={"brightness": 20.0}, flags=(own,)))
    *others, last, none = compare([*rows, odd, (Row(91, "a/none.mp4"), None)])
    assert [flag.name for flag in last.flags] == ["jumps", "dark"]
    assert last.flags[1].source == "campaign"
    assert not [each for each in (*others, none) if each.flags]
