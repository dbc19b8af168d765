"""Frames that may be chosen, and the places of one judged row to look for them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from dlcctr.quality.record import Quality

APART_FRAMES = 10
"""Frames nearer to each other than this look the same, whatever their times say."""
MOST_WINDOWS = 48
"""Places of one row that are looked at."""
PARTS_OF_STRETCH = 8
"""Places within one long stretch: enough to choose among poses."""
LEAST_WINDOWS = 3
"""Places of a row that has flags, whatever its stretches."""
BAD_SCORE = 0.5
"""Score of a bin of the timeline from which on it counts as bad, as for stretches."""
GOOD_SCORE = 0.2
"""Highest score of a frame that is kept against forgetting."""
GOOD_WINDOWS = 6
LEAST_COMMON = 0.02
"""Share of frames that counts as wrong of a row that has fewer."""
GOOD = "good, against forgetting"
NO_FLAG = "probably wrong"


@dataclass(frozen=True)
class Window:
    """Frames ``[first, stop)`` of a row, of which the worst one is a candidate, or with `is_good` the best one.

    Parameters
    ----------
    why : tuple of str
        Kinds of flags that hold there, or `NO_FLAG`, or `GOOD`.
    """

    first: int
    stop: int
    why: tuple[str, ...]
    is_good: bool = False


@dataclass(frozen=True)
class Candidate:
    """One frame.

    Parameters
    ----------
    row : int
        Index of the manifest's row.
    frame : int
        Number in presentation order.
    time_s : float or None
        Its time; None where no times are known.
    score : float
        How probably its positions are wrong, 0 to 1.
    weight : float
        How much it is wanted, above 0; ratings count here.
    why : tuple of str
        As of its window.
    camera, video : str
        Of its row.
    level : float or None
        Its mean grey level, 0-255; None where not known.
    """

    row: int
    frame: int
    time_s: float | None
    score: float
    weight: float
    why: tuple[str, ...]
    camera: str = ""
    video: str = ""
    is_good: bool = False
    level: float | None = None


def bad_windows(quality: Quality, rating: str = "") -> list[Window]:
    """Places of a row that look wrong, the worst first; of a row that is rated bad always some."""
    found = [
        Window(first, stop, each.flags or (NO_FLAG,))
        for each in quality.stretches
        for first, stop in _parts(each.first, min(each.stop, quality.frames))
    ]
    for flag in quality.flags:
        if flag.first is not None and flag.stop is not None and all(flag.name not in each.why for each in found):
            found += [
                Window(first, stop, (flag.name,)) for first, stop in _parts(flag.first, min(flag.stop, quality.frames))
            ]
    names = quality.flag_names
    if rating == "bad":
        names = ("rated bad", *names)
        found = [Window(each.first, each.stop, ("rated bad", *each.why)) for each in found]
    if names and len(found) < LEAST_WINDOWS:
        found += [Window(first, stop, names) for first, stop in _worst_bins(quality)]
    return found[:MOST_WINDOWS]


def _parts(first: int, stop: int) -> Iterator[tuple[int, int]]:
    """A stretch, or parts of equal length of a long one."""
    first = max(0, first)
    n = max(1, min(PARTS_OF_STRETCH, (stop - first) // APART_FRAMES))
    for k in range(n):
        part = first + k * (stop - first) // n, first + (k + 1) * (stop - first) // n
        if part[0] < part[1]:
            yield part


def _worst_bins(quality: Quality) -> Iterator[tuple[int, int]]:
    """Bins of the timeline with the highest scores."""
    line = quality.timeline
    ends = (*line.first[1:], quality.frames)
    ranked = sorted((-(score or 0.0), n) for n, score in enumerate(line.score))
    for _, n in ranked[:LEAST_WINDOWS]:
        if 0 <= line.first[n] < min(ends[n], quality.frames):
            yield line.first[n], min(ends[n], quality.frames)


def good_windows(quality: Quality, chance: random.Random) -> list[Window]:
    """Places at random outside of the stretches."""
    found = []
    for _ in range(GOOD_WINDOWS if quality.frames else 0):
        first = chance.randrange(quality.frames)
        stop = min(first + APART_FRAMES, quality.frames)
        if all(stop <= each.first or each.stop <= first for each in quality.stretches):
            found.append(Window(first, stop, (GOOD,), is_good=True))
    return found


def row_badness(quality: Quality, rating: str = "") -> float:
    """How much a row's frames are wanted before its table of scores is read; 0 for none."""
    worst = max((each.score for each in quality.stretches), default=0.0)
    if quality.flags or rating == "bad":
        worst = max(worst, BAD_SCORE)
    return worst * rating_weight(rating)


def commonness(quality: Quality, rating: str = "") -> float:
    """How much of a row is probably wrong, as a factor of its frames' worth: a frame stands for the others like it.

    The square root, so that a video that is wrong throughout does not hide all that is wrong for a moment. Of a video
    that a person calls bad, all counts as wrong.
    """
    if rating == "bad":
        return 1.0
    return math.sqrt(max(quality.summary.get("score_high_share", 0.0), LEAST_COMMON))


def rating_weight(rating: str) -> float:
    """What a person's word on a video makes of the score: who calls it good has seen that the points are right."""
    return {"bad": 2.0, "good": 0.25}.get(rating, 1.0)
