"""A loss curve in one line of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 20


def sparkline(values: Sequence[float], width: int = WIDTH, bars: str = BARS) -> str:
    """Curve of at most `width` letters, each the mean of its share of the values; empty without a finite value."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    count = min(width, len(known))
    edges = [n * len(known) // count for n in range(count + 1)]
    means = [sum(known[a:b]) / (b - a) for a, b in pairwise(edges)]
    low, high = min(means), max(means)
    if not high > low:
        return bars[0] * count
    scale = (len(bars) - 1) / (high - low)
    return "".join(bars[round((mean - low) * scale)] for mean in means)
