"""Which videos two models are compared on: some at random, each camera among them, and some of the worst."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from dlcctr.campaign.rows import Row
from dlcctr.quality.cameras import camera_of
from dlcctr.quality.record import Quality
from dlcctr.system.terminal.console import plural

WORST_PARTS = 3
"""A third of the sample are the worst videos, the others are drawn at random."""


class Why(str, Enum):
    """Why a video is in the sample."""

    RANDOM = "random"
    WORST = "worst"


@dataclass(frozen=True)
class Sample:
    """Videos to compare models on.

    Parameters
    ----------
    rows : tuple of (Row, Why)
        By index.
    notes : tuple of str
        What the sample does not cover.
    """

    rows: tuple[tuple[Row, Why], ...]
    notes: tuple[str, ...] = ()


def badness(quality: Quality) -> float:
    """How bad a video's tracking looks: the share of points that are probably wrong, 0 to 1."""
    worst = max((each.score for each in quality.stretches), default=0.0)
    return quality.summary.get("score_mean", worst)


def choose_sample(rows: Sequence[Row], bad: Mapping[int, float], n: int, seed: int) -> Sample:
    """Choose videos.

    Those at random are drawn first, of all videos, one of each camera before any other: what is found of them holds for
    the campaign. The worst are then taken of what is left. They were chosen because one model was bad there, so that
    another one looks better there even if it is as good; whoever compares keeps the two kinds apart.

    Parameters
    ----------
    rows : sequence of Row
        One for each video that can be read.
    bad : mapping of int to float
        Badness of the judged rows by index.
    n : int
        Videos to choose; all where there are no more.
    """
    if len(rows) <= n:
        return Sample(tuple((row, Why.RANDOM) for row in sorted(rows, key=_index)))
    order = sorted(rows, key=_index)
    random.Random(seed).shuffle(order)
    first = {camera_of(row): row for row in reversed(order)}
    n_worst = min(n // WORST_PARTS, n - min(len(first), n), sum(row.index in bad for row in rows))
    one_each = {row.index for row in first.values()}
    order.sort(key=lambda row: row.index not in one_each)  # stable: what was shuffled stays so
    chance = order[: n - n_worst]
    rest = sorted(order[n - n_worst :], key=lambda row: (-bad.get(row.index, -1.0), row.index))
    chosen = [(row, Why.RANDOM) for row in chance] + [(row, Why.WORST) for row in rest[:n_worst]]
    missing = len(first) - len({camera_of(row) for row, _ in chosen})
    notes = (f"{plural(missing, 'camera')} of {len(first)} not in the sample: it is too small",) if missing else ()
    return Sample(tuple(sorted(chosen, key=lambda each: each[0].index)), notes)


def _index(row: Row) -> int:
    return row.index
