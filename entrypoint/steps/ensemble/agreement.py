"""One point of all models: their weighted median, and how far they disagree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PRIOR_MEMBERS = 2.0
"""The usual disagreement counts like this many more models in each frame: two that agree by chance prove little."""
ALONE = 0.9
"""A position that one model alone has is trusted like the worst but a tenth of those that several have."""
LEAST_PX2 = 1e-4


@dataclass(frozen=True)
class Agreement:
    """One point of all models, for each frame.

    Parameters
    ----------
    median : numpy.ndarray
        (frames, 2), px: each axis' median weighted by likelihood; NaN where no model has a say.
    variance : numpy.ndarray
        (frames,), px²: of the models' positions along one axis, mean of both; NaN with less than two.
    noise : numpy.ndarray
        (frames,), px²: the variance drawn towards the usual one; known wherever there is a median.
    likelihood : numpy.ndarray
        (frames,): mean over all models; one without a position counts 0.
    members : numpy.ndarray
        (frames,), int: models that have a say.
    """

    median: Any
    variance: Any
    noise: Any
    likelihood: Any
    members: Any


def agree(values: Any, pcutoff: float) -> Agreement:
    """Combine one point of all models, frame by frame.

    Parameters
    ----------
    values : numpy.ndarray
        (models, 3, frames): x, y, likelihood.
    pcutoff : float
        A model with a lower likelihood, or without position or likelihood, has no say.
    """
    import numpy

    likelihood = numpy.nan_to_num(values[:, 2], nan=0.0)
    there = numpy.isfinite(values).all(axis=1)
    voting = there & (likelihood >= pcutoff)
    weights = numpy.where(voting, numpy.maximum(likelihood, 1e-6), 0.0)
    members = voting.sum(axis=0)
    positions = numpy.where(voting[:, None], values[:, :2], numpy.nan)
    median = numpy.stack([weighted_median(positions[:, axis], weights) for axis in range(2)], axis=1)
    centre = numpy.nansum(positions, axis=0) / numpy.maximum(members, 1)
    squares = numpy.nansum((positions - centre) ** 2, axis=(0, 1)) / 2
    variance = numpy.where(members > 1, squares / numpy.maximum(members - 1, 1), numpy.nan)
    known = variance[numpy.isfinite(variance)]
    usual, poor = (float(numpy.quantile(known, part)) for part in (0.5, ALONE)) if len(known) else (1.0, 1.0)
    extra = numpy.maximum(members - 1, 0)
    noise = (PRIOR_MEMBERS * usual + extra * numpy.nan_to_num(variance)) / (PRIOR_MEMBERS + extra)
    noise = numpy.maximum(numpy.where(members == 1, max(poor, usual), noise), LEAST_PX2)
    whole = numpy.where(there, likelihood, 0.0).mean(axis=0)
    return Agreement(median, variance, numpy.where(members, noise, numpy.nan), whole, members)


def weighted_median(values: Any, weights: Any) -> Any:
    """Median along the first axis: half of the weight is on either side, with the middle of the two where that is so.

    Parameters
    ----------
    values, weights : numpy.ndarray
        (models, frames); a value of weight 0 has no say.

    Returns
    -------
    numpy.ndarray
        (frames,); NaN where all weights are 0.
    """
    import numpy

    order = numpy.argsort(numpy.where(weights > 0, values, numpy.inf), axis=0, kind="stable")
    ordered = numpy.take_along_axis(values, order, axis=0)
    sums = numpy.cumsum(numpy.take_along_axis(weights, order, axis=0), axis=0)
    total = sums[-1]
    slack = 1e-9 * total
    lower = (sums >= total / 2 - slack).argmax(axis=0)[None]
    upper = (sums > total / 2 + slack).argmax(axis=0)[None]
    middle = (numpy.take_along_axis(ordered, lower, axis=0) + numpy.take_along_axis(ordered, upper, axis=0))[0] / 2
    return numpy.where(total > 0, middle, numpy.nan)
