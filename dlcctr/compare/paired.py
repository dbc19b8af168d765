"""What paired numbers of a few videos can show: Wilcoxon's signed-rank test, turned into an interval.

The typical difference is the median of the means of all pairs of differences (Hodges and Lehmann), and its interval
holds every shift that the test would not refuse at 5%. No distribution is assumed but that differences lie evenly
around their middle. It is exact for up to 50 videos; fewer than six can refuse nothing, and have no interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

LEVEL = 0.05
LEAST_N = 6
"""Fewest pairs with which the test can refuse anything."""
EXACT_N = 50
MOST_N = 1000
"""Half a million means of pairs."""
NORMAL_Z = 1.959964


@dataclass(frozen=True)
class Paired:
    """Numbers of one thing in the same videos, by two models.

    Parameters
    ----------
    n : int
        Videos with both.
    mean_a, mean_b : float or None
        None without any.
    typical : float or None
        Typical difference, b - a.
    low, high : float or None
        Its 95% interval; None for fewer than six videos.
    n_lower, n_higher : int
        Videos in which b's number is below a's, above it.
    """

    n: int
    mean_a: float | None = None
    mean_b: float | None = None
    typical: float | None = None
    low: float | None = None
    high: float | None = None
    n_lower: int = 0
    n_higher: int = 0

    @property
    def sign(self) -> int:
        """-1 where b is lower beyond doubt, 1 where it is higher, 0 where the videos do not show it."""
        if self.low is None or self.high is None:
            return 0
        return (self.low > 0) - (self.high < 0)


def compare_pairs(pairs: Sequence[tuple[float | None, float | None]]) -> Paired:
    """Compare pairs (a, b); those in which one is missing or no number are left out."""
    known = [(a, b) for a, b in pairs if a is not None and b is not None and math.isfinite(a) and math.isfinite(b)]
    known = known[:MOST_N]
    if not known:
        return Paired(0)
    off = [b - a for a, b in known]
    n = len(off)
    means = sorted((off[i] + off[j]) / 2 for i in range(n) for j in range(i, n))
    lost = most_refused(n)
    return Paired(
        n,
        statistics.fmean(a for a, _ in known),
        statistics.fmean(b for _, b in known),
        statistics.median(means),
        None if lost is None else means[lost],
        None if lost is None else means[len(means) - 1 - lost],
        sum(each < 0 for each in off),
        sum(each > 0 for each in off),
    )


@cache
def most_refused(n: int) -> int | None:
    """Largest sum of ranks of n pairs that the test refuses on one side; None where it refuses none."""
    if n < LEAST_N:
        return None
    if n > EXACT_N:
        middle, spread = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return max(0, math.floor(middle - NORMAL_Z * spread - 0.5))
    ways = [1]  # ways[k]: sets of the ranks 1 to n with the sum k
    for rank in range(1, n + 1):
        ways = [
            (ways[k] if k < len(ways) else 0) + (ways[k - rank] if 0 <= k - rank < len(ways) else 0)
            for k in range(len(ways) + rank)
        ]
    total, refused = 0, None
    for k, count in enumerate(ways):
        total += count
        if total > LEVEL / 2 * 2**n:
            break
        refused = k
    return refused
