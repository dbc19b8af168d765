"""Which videos of a campaign are unlike the others of their camera: medians and MADs, in pure Python.

What is compared are the numbers in each row's `quality.json`; nothing else is read, so that a thousand rows take
seconds on any machine.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from dlcctr.quality.flag_kinds import advice_for
from dlcctr.quality.record import Flag, Quality
from dlcctr.quality.scenes import scene_distance

MIN_ROWS = 8
"""Fewest rows of a camera that say what is usual for it; smaller groups are compared with the whole campaign."""
MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True)
class JudgedRow:
    """A row with its quality, as far as the comparison needs it.

    Parameters
    ----------
    camera : str
        Videos with the same word are compared with each other, see `camera_of`.
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


RULES: tuple[Rule, ...] = ()


def camera_of(width: int | None, height: int | None, fps: float | None, video: str, named: str = "") -> str:
    """Word for a row's camera: the manifest's `camera` if there is one, else picture size, frame rate and folder."""
    if named.strip():
        return named.strip()
    rate = f"{fps:.4g}" if fps and math.isfinite(fps) else "?"
    return f"{width or '?'}x{height or '?'} {rate} {PurePosixPath(video).parent}"


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
        away = scene_distances([row.quality.scene for row in others], [row.quality.scene for row in group])
        limit = _scene_limit(scene_distances([row.quality.scene for row in others]))
        for row, distance in zip(group, away, strict=True):
            flags = [flag for rule, middle, sigma in usual if (flag := _judge(row, rule, middle, sigma))]
            if distance is not None and len(group) >= MIN_ROWS and distance > limit:
                flags.append(_flag("camera-differs", distance, limit))
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


def scene_distances(scenes: Sequence[Sequence[int]], of: Sequence[Sequence[int]] | None = None) -> list[float | None]:
    """How unlike each coarse picture (of `of`, else of `scenes`) is to the median of `scenes`; None without one."""
    size = max((len(scene) for scene in scenes), default=0)
    there = [scene for scene in scenes if len(scene) == size]
    of = scenes if of is None else of
    if not size or len(there) < MIN_ROWS:
        return [None] * len(of)
    middle = [statistics.median(cells) for cells in zip(*there, strict=True)]
    return [scene_distance(scene, middle) if len(scene) == size else None for scene in of]


SCENE_SIGMAS, SCENE_LEAST = 10.0, 0.05


def _scene_limit(distances: Sequence[float | None]) -> float:
    known = [distance for distance in distances if distance is not None]
    if not known:
        return math.inf
    middle, sigma = robust(known)
    return middle + max(SCENE_SIGMAS * sigma, SCENE_LEAST)
