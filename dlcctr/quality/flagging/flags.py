"""Flags of one row by itself: fixed limits, and limits from the labels; see `dlcctr.quality.campaign` for others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.flagging.flag_kinds import advice_for
from dlcctr.quality.flagging.short_videos import allowance
from dlcctr.quality.record import Flag


@dataclass(frozen=True)
class Limit:
    """When a number of the summary is suspicious by itself.

    Parameters
    ----------
    number : str
        Name in the summary.
    flag : str
        Kind of flag.
    limit : float
        Suspicious above it; below it with `below`.
    by_labels : bool
        The number compares with the labels, so the limit came from them.
    """

    number: str
    flag: str
    limit: float
    below: bool = False
    by_labels: bool = False


LIMITS = (
    Limit("likelihood_low_share", "low-likelihood", 0.25),
    Limit("likelihood_low_part", "low-likelihood", 0.6),
    Limit("likelihood_median", "no-animal", 0.4, below=True),
    Limit("sure_jump_share", "jumps", 0.03),
    Limit("jump_part", "jumps", 0.2),
    Limit("teleport_share", "jumps", 0.01),
    Limit("split_share", "jumps", 0.03),
    Limit("energy_median", "odd-pose", 1.6, by_labels=True),
    Limit("odd_pose_share", "odd-pose", 0.25, by_labels=True),
    Limit("several_bad_share", "odd-pose", 0.15),
    Limit("odd_pose_part", "odd-pose", 0.6, by_labels=True),
    Limit("odd_distance_share", "odd-distance", 0.15, by_labels=True),
    Limit("swapped_share", "swapped-sides", 0.03, by_labels=True),
    Limit("reorder_gain", "parts-reordered", 0.25, by_labels=True),
    Limit("still_share", "frozen-points", 0.03),
    Limit("outside_share", "outside-picture", 0.15),
    Limit("brightness_low", "dark", 12.0, below=True),
    Limit("repeat_share", "frozen-camera", 0.02),
    Limit("scene_jump", "scene-changed", 0.9),
    Limit("dropped_share", "dropped-frames", 0.02),
    Limit("missing_most_share", "missing-individuals", 0.5),
    Limit("exchanges_per_min", "exchanged-identities", 1.0),
    Limit("breaks_per_min", "track-breaks", 6.0),
)


def find_flags(summary: Mapping[str, float], prior: PosePrior | None, duration_s: float | None = None) -> list[Flag]:
    """Flags of one video, each kind once: by the limit that it exceeds most.

    Parameters
    ----------
    duration_s : float or None
        Of the video; a short one has higher limits, see `dlcctr.quality.flagging.short_videos`.
    """
    found: dict[str, tuple[float, Flag]] = {}
    source = prior.source if prior else "fixed"
    for each in LIMITS:
        value = summary.get(each.number)
        limit = each.limit + allowance(each.number, each.limit, duration_s)
        if value is None or (value >= limit if each.below else value <= limit):
            continue
        excess = (limit / max(value, 1e-9)) if each.below else value / limit
        flag = Flag(
            each.flag, value, float(f"{limit:.4g}"), source if each.by_labels else "fixed", advice_for(each.flag)
        )
        if each.flag not in found or excess > found[each.flag][0]:
            found[each.flag] = (excess, flag)
    return [flag for _, flag in found.values()]
