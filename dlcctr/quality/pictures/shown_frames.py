"""Which frames of a judged row a person should see: the worst of each kind, and some at random. Needs numpy."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from dlcctr.quality.record import Quality

MOST_BAD, MOST_RANDOM = 6, 2
APART = 10
"""Frames that are nearer to each other than this look the same."""
AT_RANDOM = "at random"


@dataclass(frozen=True)
class ShownFrame:
    """A frame that is worth a look.

    Parameters
    ----------
    why : str
        Kinds of what is suspicious about it, or `AT_RANDOM`.
    stretch : int or None
        Number of the stretch that it stands for.
    """

    frame: int
    why: str
    stretch: int | None = None


def choose_frames(quality: Quality, score: Any) -> list[ShownFrame]:
    """Choose frames, the worst first; the same row gives the same ones.

    Parameters
    ----------
    score : array, (n_frames,)
        Score of each frame, 0-1.
    """
    chosen: list[ShownFrame] = []

    def add(frame: int, why: str, stretch: int | None = None) -> None:
        if all(abs(frame - each.frame) >= APART for each in chosen):
            chosen.append(ShownFrame(frame, why, stretch))

    kinds: set[tuple[str, ...]] = set()
    for number, each in enumerate(quality.stretches):
        if each.flags not in kinds and len(chosen) < MOST_BAD:
            kinds.add(each.flags)
            worst = each.first + int(score[each.first : each.stop].argmax())
            add(worst, ", ".join(each.flags) or "probably wrong", number)
    for flag in quality.flags:
        placed = flag.first is not None and flag.stop is not None and len(chosen) < MOST_BAD
        if placed and not any(flag.name in each.why for each in chosen):
            add(((flag.first or 0) + (flag.stop or 0)) // 2, flag.name)
    chance = random.Random(quality.frames)
    for _ in range(4 * MOST_RANDOM):
        if quality.frames and sum(each.why == AT_RANDOM for each in chosen) < MOST_RANDOM:
            add(chance.randrange(quality.frames), AT_RANDOM)
    return chosen
