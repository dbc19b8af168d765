"""Whether another order of the body parts would fit the prior much better. Needs numpy."""

from __future__ import annotations

from itertools import combinations
from typing import Any

from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.measures.features import SURE
from dlcctr.quality.measures.track import import_numpy

ROUNDS = 10
MAX_FRAMES = 2000


def reorder_gain(positions: Any, prior: PosePrior) -> tuple[float, list[int]]:
    """How much better the best order found is, 0 (not at all) to 1 (it explains everything), and that order.

    Parameters
    ----------
    positions : array, (n, p, 3)
        Of one animal.

    Notes
    -----
    Medians of the distances between parts are compared with the prior's, in logarithms. Pairs of parts are exchanged as
    long as that helps. Left and right cannot be told by distances; `dlcctr.quality.measures.pose_fit` looks at these.
    """
    numpy = import_numpy()
    n_parts = positions.shape[1]
    order = list(range(n_parts))
    wanted = numpy.full((n_parts, n_parts), numpy.nan)
    width = numpy.ones((n_parts, n_parts))
    for pair in prior.distances:
        middle = max(pair.quantiles[2], 0.01)
        spread = (pair.quantiles[3] - pair.quantiles[1]) / middle / 4 + 0.1
        wanted[pair.first, pair.second] = wanted[pair.second, pair.first] = numpy.log(middle)
        width[pair.first, pair.second] = width[pair.second, pair.first] = spread
    found = _log_distances(positions, prior.body_length_px or 1.0)
    known = numpy.isfinite(wanted) & numpy.isfinite(found)
    if n_parts < 3 or known.sum() < 6:
        return 0.0, order

    def cost(places: list[int]) -> float:
        off = numpy.abs(found[numpy.ix_(places, places)] - wanted) / width
        off = numpy.minimum(off[known & numpy.isfinite(off)], 6.0)
        return float(off.mean()) if len(off) else 6.0

    before = best = cost(order)
    for _ in range(ROUNDS):
        better = None
        for one, two in combinations(range(n_parts), 2):
            other = order.copy()
            other[one], other[two] = other[two], other[one]
            value = cost(other)
            if value < best - 1e-9:
                best, better = value, other
        if better is None:
            break
        order = better
    return (before - best) / (before + 0.5), order


def _log_distances(positions: Any, length_px: float) -> Any:
    """Logarithms of the median distances, in body lengths, of parts that are sure."""
    numpy = import_numpy()
    some = positions[:: max(1, len(positions) // MAX_FRAMES)]
    xy = numpy.where(numpy.nan_to_num(some[..., 2:]) >= SURE, some[..., :2], numpy.nan)
    n_parts = xy.shape[1]
    found = numpy.full((n_parts, n_parts), numpy.nan)
    for one, two in combinations(range(n_parts), 2):
        apart = numpy.hypot(*(xy[:, one] - xy[:, two]).T)
        apart = apart[numpy.isfinite(apart)]
        if len(apart) >= 5:
            found[one, two] = found[two, one] = numpy.log(max(float(numpy.median(apart)) / length_px, 0.005))
    return found
