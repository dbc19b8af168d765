"""Short videos: by chance alone, shares of their frames are further from what a long video would show."""

from __future__ import annotations

import math

MOMENT_S = 0.5
"""Frames that are nearer in time than this are good or bad together."""
SHARES_OF_FRAMES = frozenset({
    "likelihood_low_share", "odd_pose_share", "odd_distance_share", "several_bad_share", "sure_jump_share",
    "swapped_share",
})  # fmt: skip
"""Numbers of the summary that behave so; of a frozen camera's or a dropped frame's there is nothing by chance."""


def allowance(number: str, limit: float, duration_s: float | None) -> float:
    """How far beyond a limit a number of the summary may be in a video of a duration.

    One standard deviation of the share `limit` of independent moments, `MOMENT_S` long: at 0.1, 0.07 in ten seconds,
    0.01 in ten minutes. 0 for numbers that are no shares of frames, and where the duration is not known.
    """
    if number not in SHARES_OF_FRAMES or not duration_s or not 0 < limit < 1:
        return 0.0
    return math.sqrt(limit * (1 - limit) / max(duration_s / MOMENT_S, 1.0))
