from __future__ import annotations

import pytest

from dlcctr.quality.campaign import JudgedRow, compare
from dlcctr.quality.flagging.flags import find_flags
from dlcctr.quality.flagging.short_videos import allowance
from dlcctr.quality.record import Quality


def test_an_allowance_is_the_standard_deviation_of_a_share_of_moments() -> None:
    assert allowance("odd_pose_share", 0.1, 10) == pytest.approx((0.1 * 0.9 / 20) ** 0.5)
    assert allowance("odd_pose_share", 0.1, 36_000) == pytest.approx(0.0011, abs=1e-4)
    assert allowance("odd_pose_share", 0.1, None) == 0
    assert allowance("repeat_share", 0.02, 10) == 0  # a camera does not freeze by chance
    assert allowance("brightness_low", 12.0, 10) == 0


@pytest.mark.parametrize(("duration_s", "flagged"), [(None, True), (3600.0, True), (10.0, False)])
def test_a_short_video_may_exceed_a_limit_by_chance(duration_s: float | None, flagged: bool) -> None:
    summary = {"several_bad_share": 0.17, "repeat_share": 0.03}
    kinds = {flag.name: flag.threshold for flag in find_flags(summary, None, duration_s)}
    assert ("odd-pose" in kinds) == flagged
    assert kinds["frozen-camera"] == 0.02
    assert "odd-pose" in {flag.name for flag in find_flags({"several_bad_share": 0.3}, None, duration_s)}


@pytest.mark.parametrize(("duration_s", "flagged"), [(3600.0, True), (10.0, False)])
def test_so_may_it_exceed_what_its_camera_usually_shows(duration_s: float, flagged: bool) -> None:
    rows = [
        JudgedRow(n, "a", Quality(100, duration_s=duration_s, summary={"likelihood_low_share": 0.1 if n == 9 else 0.0}))
        for n in range(20)
    ]
    assert (9 in compare(rows)) == flagged
