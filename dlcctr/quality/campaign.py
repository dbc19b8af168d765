"""Which videos of a campaign are unlike the others of their camera: medians and MADs, in pure Python.

What is compared are the numbers in each row's `quality.json`; nothing else is read, so that a thousand rows take
seconds on any machine.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from dlcctr.model.prior.record import SCENE_WIDTH
from dlcctr.model.prior.shape import quantiles
from dlcctr.quality.flagging.flag_kinds import advice_for
from dlcctr.quality.flagging.short_videos import allowance
from dlcctr.quality.measures.scenes import fitted_differences, flip_gain, spread_of, unlikeness
from dlcctr.quality.record import Flag, Quality

MIN_ROWS = 8
"""Fewest rows of a camera that say what is usual for it; smaller groups are compared with the whole campaign."""
MAD_TO_SIGMA = 1.4826
SCENE_SIGMAS, SCENE_LEAST = 4.5, 0.25
"""How far a video's deviation from the camera's scene must be from the usual one: robust standard deviations, which are
at least `SCENE_LEAST`."""
UNLIKE_SIGMAS, UNLIKE_LEAST = 11.0, 0.024
"""The same for 1 minus the correlation with the camera's scene; both must be odd."""
FLIP_SIGMAS, FLIP_LEAST = 6.0, 0.005
"""The same for how much more a video is like the camera's scene mirrored, upside down or turned than like it as it is.
That is below 0 for a sound video, whatever its light, and above for a flipped one, unless the arena is symmetric."""
SCENE_CELLS = 0.9
"""Share of the cells of a coarse picture that decides: an animal that rests is in few of the others."""
SCENE_FLOOR = 0.05
"""Smallest standard deviation of a cell, as a share of the picture's own spread."""


@dataclass(frozen=True)
class JudgedRow:
    """A row with its quality, as far as the comparison needs it.

    Parameters
    ----------
    camera : str
        Videos with the same word are compared with each other, see `dlcctr.quality.cameras`.
    """

    index: int
    camera: str
    quality: Quality


@dataclass(frozen=True)
class Rule:
    """When a number is odd: far from the camera's median in both ways of measuring, and to which side.

    Parameters
    ----------
    number : str
        Name in the summary.
    flag : str
        Kind of flag.
    sigmas : float
        Robust standard deviations from the median.
    least : float
        Smallest difference that counts, in the number's unit (in shares of the median with `relative`).
    side : int
        1: too high, -1: too low, 0: either.
    relative : bool
        Compare logarithms; for numbers that are never negative, such as brightness.
    """

    number: str
    flag: str
    sigmas: float
    least: float
    side: int = 0
    relative: bool = False


RULES = (
    Rule("likelihood_low_share", "low-likelihood", 8, 0.08, 1),
    Rule("likelihood_median", "low-likelihood", 8, 0.02, -1),
    Rule("likelihood_p10", "low-likelihood", 8, 0.08, -1),
    Rule("sure_jump_share", "jumps", 8, 0.012, 1),
    Rule("teleport_share", "jumps", 8, 0.003, 1),
    Rule("split_share", "jumps", 8, 0.012, 1),
    Rule("energy_median", "odd-pose", 8, 0.4, 1),
    Rule("odd_pose_share", "odd-pose", 8, 0.1, 1),
    Rule("several_bad_share", "odd-pose", 8, 0.1, 1),
    Rule("odd_distance_share", "odd-distance", 8, 0.06, 1),
    Rule("scale", "odd-distance", 8, 0.25, 0, relative=True),
    Rule("swapped_share", "swapped-sides", 8, 0.015, 1),
    Rule("brightness_low", "dark", 8, 0.35, 0, relative=True),
    Rule("brightness_high", "dark", 8, 0.35, 0, relative=True),
    Rule("sharpness", "blurred", 6, 0.35, -1, relative=True),
    Rule("scene_jump", "scene-changed", 7, 0.25, 1),
    Rule("dropped_share", "dropped-frames", 8, 0.01, 1),
)


def compare(rows: Sequence[JudgedRow]) -> dict[int, tuple[Flag, ...]]:
    """Flags by the campaign, by the rows' index; rows without any are left out."""
    found: dict[int, tuple[Flag, ...]] = {}
    groups: dict[str, list[JudgedRow]] = {}
    for row in rows:
        groups.setdefault(row.camera, []).append(row)
    for group in groups.values():
        others = group if len(group) >= MIN_ROWS else rows
        if len(others) < MIN_ROWS:
            continue
        usual = [(rule, *_usual(rule, others)) for rule in RULES]
        scenes = _odd_scenes(group) if len(group) >= MIN_ROWS else {}
        for row in group:
            flags = [flag for rule, middle, sigma in usual if (flag := _judge(row, rule, middle, sigma))]
            if row.index in scenes:
                flags.append(scenes[row.index])
            if flags:
                found[row.index] = _once(flags)
    return found


def with_campaign(quality: Quality, flags: Iterable[Flag]) -> Quality:
    """A row's quality with the campaign's flags; a kind that the row has by itself already stays as it is."""
    own = set(quality.flag_names)
    return replace(quality, flags=(*quality.flags, *(flag for flag in flags if flag.name not in own)))


def robust(values: Sequence[float]) -> tuple[float, float]:
    """Median, and the standard deviation that the median absolute deviation stands for."""
    middle = statistics.median(values)
    return middle, MAD_TO_SIGMA * statistics.median(abs(value - middle) for value in values)


def _usual(rule: Rule, rows: Sequence[JudgedRow]) -> tuple[float, float]:
    values = [value for row in rows if (value := _value(row, rule)) is not None]
    return robust(values) if len(values) >= MIN_ROWS else (math.nan, math.nan)


def _value(row: JudgedRow, rule: Rule) -> float | None:
    value = row.quality.summary.get(rule.number)
    if value is None or not rule.relative:
        return value
    return math.log(max(value, 1e-6))


def _judge(row: JudgedRow, rule: Rule, middle: float, sigma: float) -> Flag | None:
    value = _value(row, rule)
    if value is None or math.isnan(middle):
        return None
    reach = max(rule.sigmas * sigma, rule.least)
    reach += allowance(rule.number, middle + reach, row.quality.duration_s)
    off = value - middle
    if abs(off) <= reach or off * rule.side < 0:
        return None
    limit = middle + math.copysign(reach, off)
    numbers = (math.exp(value), math.exp(limit)) if rule.relative else (value, limit)
    return _flag(rule.flag, *numbers)


def _flag(name: str, value: float, limit: float) -> Flag:
    return Flag(name, float(f"{value:.4g}"), float(f"{limit:.4g}"), "campaign", advice_for(name))


def _once(flags: Sequence[Flag]) -> tuple[Flag, ...]:
    return tuple({flag.name: flag for flag in reversed(flags)}.values())[::-1]


def _odd_scenes(rows: Sequence[JudgedRow]) -> dict[int, Flag]:
    """Rows whose coarse picture, or that of the first or the last quarter, is unlike the camera's usual one."""
    found: dict[int, Flag] = {}
    for name in ("scene", "scene_first", "scene_last"):
        scenes = [getattr(row.quality, name) for row in rows]
        middle = _usual_scene(scenes)
        if not middle:
            continue
        there = [(row.index, scene) for row, scene in zip(rows, scenes, strict=True) if len(scene) == len(middle)]
        odd = _beyond(scene_deviations([scene for _, scene in there], middle), SCENE_SIGMAS, SCENE_LEAST)
        unlike = _beyond([unlikeness(scene, middle) for _, scene in there], UNLIKE_SIGMAS, 0, UNLIKE_LEAST)
        for (index, _), one, other in zip(there, odd, unlike, strict=True):
            if one and other and index not in found:
                found[index] = _flag("camera-differs", *one)
        for (index, _), flipped in zip(there, _flipped([scene for _, scene in there], middle), strict=True):
            if flipped and index not in found:
                found[index] = _flag("camera-differs", *flipped)
    return found


def _flipped(scenes: Sequence[Sequence[int]], middle: Sequence[float]) -> list[tuple[float, float] | None]:
    """By how much each scene is more like the flipped usual one, with the limit; None for those that are not."""
    gains = [flip_gain(scene, middle, SCENE_WIDTH) for scene in scenes]
    usual, sigma = robust(gains)
    limit = max(usual + FLIP_SIGMAS * sigma, FLIP_LEAST)
    return [(gain, limit) if gain > limit else None for gain in gains]


def _beyond(
    values: Sequence[float], sigmas: float, least_sigma: float, least: float = 0.0
) -> list[tuple[float, float] | None]:
    """Those values that are far above the median, with the limit that they exceed; None for the others."""
    usual, sigma = robust(values)
    limit = usual + max(sigmas * max(sigma, least_sigma), least)
    return [(value, limit) if value > limit else None for value in values]


def _usual_scene(scenes: Sequence[Sequence[int]]) -> list[float]:
    """Median of those coarse pictures that are there; empty where they are too few."""
    size = max((len(scene) for scene in scenes), default=0)
    there = [scene for scene in scenes if size and len(scene) == size]
    return [statistics.median(cells) for cells in zip(*there, strict=True)] if len(there) >= MIN_ROWS else []


def scene_deviations(scenes: Sequence[Sequence[int]], middle: Sequence[float]) -> list[float]:
    """How unlike the usual one each coarse picture is: robust standard deviations that a tenth of its cells exceed.

    Each cell is compared with the same cell of the others, so that edges, which a camera that shakes a little moves,
    may differ more.
    """
    off = [fitted_differences(scene, middle) for scene in scenes]
    sigmas = [MAD_TO_SIGMA * statistics.median(cells) for cells in zip(*off, strict=True)]
    least = SCENE_FLOOR * spread_of(middle)
    return [
        quantiles([value / max(sigma, least) for value, sigma in zip(each, sigmas, strict=True)], (SCENE_CELLS,))[0]
        for each in off
    ]
