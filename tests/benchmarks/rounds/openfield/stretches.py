"""Which of the 116 labelled frames are known first, which are a campaign's videos, and which are held out.

The frames are of one animal and in the order of time: frames at random would have neighbours on both sides. So whole
stretches are held out, and two frames between any two stretches belong to neither.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

FRAMES = 116
FIRST = range(18)
"""Frames that are labelled before the round."""
STRETCH_FRAMES, GAP_FRAMES = 10, 2
STRETCHES = tuple(
    range(first, first + STRETCH_FRAMES)
    for first in range(FIRST.stop + GAP_FRAMES, FRAMES - STRETCH_FRAMES + 1, STRETCH_FRAMES + GAP_FRAMES)
)
HELD_OUT = 3
"""Stretches of each split that error is measured in; the others are the campaign."""
SPLITS = 5
HELD_OUT_FOLDER = "held-out"
"""Of labels that nothing is trained on."""
_ORDER = random.Random("held out").sample(range(len(STRETCHES)), len(STRETCHES))


def held_out(split: int) -> list[int]:
    """Numbers of the stretches that a split holds out: the next three of a shuffled order, round and round."""
    return sorted(_ORDER[(HELD_OUT * split + n) % len(_ORDER)] for n in range(HELD_OUT))


def campaign_stretches(split: int) -> list[int]:
    """Numbers of the other stretches."""
    return [n for n in range(len(STRETCHES)) if n not in held_out(split)]


def frames_of(stretches: Sequence[int]) -> list[int]:
    """Frames of some stretches, in order."""
    return [frame for n in stretches for frame in STRETCHES[n]]
