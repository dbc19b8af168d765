"""Windows of a long video, and parameters that cannot be; the rest is in tests/integration/test_tracks.py."""

from __future__ import annotations

import itertools

import pytest

from dlcctr.campaign.steps.tracks import TracksParameters
from entrypoint.steps.tracks.windows import plan_windows


@pytest.mark.parametrize("frames", [0, 1, 1_999, 2_000, 2_199, 2_200, 2_201, 4_200, 4_201, 63_123])
def test_each_frame_comes_from_one_window(frames: int) -> None:
    windows = plan_windows(frames, 2_000)
    used = [frame for each in windows for frame in range(each.used, each.used_stop)]
    assert used == list(range(frames))
    for one, other in itertools.pairwise(windows):
        assert one.stop - other.first == 200
        assert other.first < other.used < one.stop
    assert windows[-1].stop == frames
    assert all(each.first <= each.used <= each.used_stop <= each.stop for each in windows)


def test_a_video_that_is_not_much_longer_is_one_window() -> None:
    assert len(plan_windows(2_200, 2_000)) == 1
    assert len(plan_windows(2_201, 2_000)) == 2


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"min_length": 2}, "min_length is 2; it must be 3 or more"),
        ({"pcutoff": 1.5}, "pcutoff"),
        ({"iou_threshold": float("nan")}, "iou_threshold"),
        ({"window": 10}, "window"),
        ({"tracker": "ctd"}, "tracker"),
        ({"individuals": ("a", "b"), "n_tracks": 3}, "n_tracks"),
        ({"max_gap": -1}, "max_gap"),
    ],
)
def test_values_that_cannot_be(values: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        TracksParameters(**values)  # type: ignore[arg-type]
