"""Choose frames one after the other: wrong, unlike all that are chosen or labelled, and spread over the campaign.

Farthest-point sampling with weights. What a candidate is worth falls with each frame that its video and its camera have
already, so that one bad camera does not take all, and no video gets more than its share. Needs numpy.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

from dlcctr.outliers.candidates import APART_FRAMES, Candidate
from dlcctr.outliers.seen import FARTHEST, Seen

HALF_NEW = 0.15
"""Distance (poses in body lengths, pictures in shares of another scene) at which a frame is half as new as one that is
unlike all."""
COUNTS = 0.25
"""Share of the most wanted frame's weight that a video's own one must have to count where frames are divided among
videos. Many videos with one doubtful moment each would else take the labels from the few that are wrong throughout."""
CHANCE = 0.3
"""Frames whose worth differs by less are about equally worth it. Else the beginning of each video would be taken first,
which shows nothing usual: an animal that was just put down."""


def choose_frames(
    candidates: Sequence[Candidate],
    seen: Seen,
    labelled: Seen,
    n_frames: int,
    *,
    n_good: int,
    apart_s: float,
    seed: int = 0,
) -> list[Candidate]:
    """Choose frames; the same candidates and seed give the same ones.

    Parameters
    ----------
    candidates : sequence of Candidate
        Frames to choose from, good ones among them.
    seen, labelled : Seen
        Their poses and pictures, and those that are labelled already.
    n_frames, n_good : int
        How many in all, and how many good ones among them; bad ones take the place of good ones that there are not.
    apart_s : float
        Least time between two frames of one video, in seconds.
    seed : int
        Of the chance that decides among frames that are about equally worth it.

    Returns
    -------
    list of Candidate
        At most `n_frames`, in the order of choice; good ones last. Fewer where fewer look wrong: no more good ones.
    """
    choice = _Choice(candidates, seen, labelled, apart_s, seed)
    choice.add(n_frames - n_good, is_good=False, share=_share(candidates, n_frames - n_good, is_good=False))
    choice.add(n_good, is_good=True, share=_share(candidates, n_good, is_good=True))
    # a video may get more where the others have no more to give
    choice.add(n_frames - len(choice.chosen), is_good=False, share=n_frames)
    return sorted((candidates[n] for n in choice.chosen), key=lambda each: each.is_good)


def _share(candidates: Sequence[Candidate], n: int, *, is_good: bool) -> int:
    """Most frames of one video: twice its even share among those that count, and at least two."""
    best: dict[str, float] = {}
    for each in candidates:
        if each.is_good == is_good:
            best[each.video] = max(each.weight, best.get(each.video, 0.0))
    least = COUNTS * max(best.values(), default=0.0)
    return max(2, math.ceil(2 * n / max(1, sum(weight >= least for weight in best.values()))))


class _Choice:
    """What is chosen so far, and how new each candidate still is."""

    def __init__(self, candidates: Sequence[Candidate], seen: Seen, labelled: Seen, apart_s: float, seed: int) -> None:
        import numpy

        chance = random.Random(f"{seed} worth")
        self._chance = [1 + CHANCE * chance.random() for _ in candidates]
        self._candidates, self._seen, self._apart_s = candidates, seen, apart_s
        self._nearest = numpy.full(len(candidates), FARTHEST)
        self.chosen: list[int] = []
        self._open = set(range(len(candidates)))
        self._of_video: Counter[tuple[str, bool]] = Counter()
        self._of_camera: Counter[tuple[str, bool]] = Counter()
        for place in range(len(labelled.shapes)):
            self._nearest = numpy.minimum(self._nearest, seen.distances(labelled, place))

    def add(self, n: int, *, is_good: bool, share: int) -> None:
        """Choose up to `n` more, at most `share` of one video."""
        import numpy

        for _ in range(n):
            found = [
                place
                for place in sorted(self._open)
                if (each := self._candidates[place]).is_good == is_good and self._of_video[each.video, is_good] < share
            ]
            if not found:
                return
            place = max(found, key=lambda place: (self._worth(place), -place))
            self.chosen.append(place)
            taken = self._candidates[place]
            self._of_video[taken.video, is_good] += 1
            self._of_camera[taken.camera, is_good] += 1
            self._nearest = numpy.minimum(self._nearest, self._seen.distances(self._seen, place))
            self._open -= {other for other in self._open if self._too_near(taken, self._candidates[other])}

    def _worth(self, place: int) -> float:
        each, distance = self._candidates[place], float(self._nearest[place])
        others = (1 + self._of_video[each.video, each.is_good]) * (1 + self._of_camera[each.camera, each.is_good])
        worth = each.weight * self._chance[place] * (0.01 + distance / (distance + HALF_NEW))
        return worth / math.sqrt(others)

    def _too_near(self, one: Candidate, other: Candidate) -> bool:
        if one.video != other.video:
            return False
        if abs(one.frame - other.frame) < APART_FRAMES:
            return True
        if one.time_s is None or other.time_s is None:
            return False
        return abs(one.time_s - other.time_s) < self._apart_s
