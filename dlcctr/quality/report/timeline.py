"""Timelines as the page holds them: few bins where there are many videos, two characters a number."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields

from dlcctr.quality.record import MAX_BINS, Timeline

ALL_BINS = 700_000
"""Bins of all videos together; at 2 characters for each of 7 series they have 10 MB."""
LEAST_BINS = 40
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
STEPS = len(DIGITS) ** 2 - 2
"""Largest number of a series as it is written: two digits, of which the last pair stands for none."""
NONE = DIGITS[-1] * 2
Series = Sequence[float | None]
Encoded = tuple[float, float, str]
"""Smallest and largest number, and the series between them, two characters a number."""


def bins_for(n_rows: int) -> int:
    """Bins of each video in a report of so many."""
    return max(LEAST_BINS, min(MAX_BINS, ALL_BINS // max(1, n_rows)))


def reduced(timeline: Timeline, bins: int) -> Timeline:
    """Timeline of at most `bins` bins: of several that become one the lowest likelihood, highest speed and score."""
    size = -(-len(timeline.first) // bins)
    if size <= 1:
        return timeline
    starts = range(0, len(timeline.first), size)

    def join(name: str) -> tuple[float | None, ...]:
        values: Series = getattr(timeline, name)
        groups = [values[start : start + size] for start in starts]
        pick = _EXTREMES.get(name)
        return tuple(_extreme(group, pick) if pick else group[0] for group in groups)

    return Timeline(**{each.name: join(each.name) for each in fields(Timeline)})  # type: ignore[arg-type]


_EXTREMES: dict[str, Callable[[list[float]], float]] = {"likelihood": min, "speed": max, "score": max}


def _extreme(values: Series, pick: Callable[[list[float]], float]) -> float | None:
    known = [value for value in values if value is not None]
    return pick(known) if known else None


def encode(values: Series) -> Encoded:
    """Write a series with 12 bits a number, which no plot can tell from the whole."""
    known = [value for value in values if value is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    span = high - low if high - low > sys.float_info.min * STEPS else math.inf
    text = "".join(NONE if value is None else _pair(round((value - low) / span * STEPS)) for value in values)
    return float(f"{low:.7g}"), float(f"{high:.7g}"), text


def _pair(number: int) -> str:
    return DIGITS[number // len(DIGITS)] + DIGITS[number % len(DIGITS)]


def encoded(timeline: Timeline) -> dict[str, Encoded]:
    """All series of a timeline; empty for one without bins."""
    if not timeline.first:
        return {}
    return {each.name: encode(getattr(timeline, each.name)) for each in fields(Timeline)}
