"""Kalman's filter and the smoother of Rauch, Tung and Striebel, for a point in the plane whose motion is nearly even.

The motion along each axis is described by position, velocity and, at order 3, acceleration; its highest derivative
changes by white noise in continuous time, so that any times of frames fit, uneven ones and gaps too (Särkkä and
Solin, Applied Stochastic Differential Equations, 2019, ch. 6 and 10). x and y have the same noise, and so share
their covariances. What is here is loops over frames with a few numbers each: numba, which DeepLabCut brings along,
compiles them (some million frames/s); without it they run as they are, slowly.
"""
# ruff: noqa: PLR0912, PLR0917 - numba takes neither keywords nor, without a cost in every frame, more functions

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy

START_VARIANCE = 1e8
"""Of a position before anything is known of it, in px²; of its derivatives a hundredth of it."""


def propagate(order: int, step: float, spectral: float, transition: Any, noise: Any) -> None:
    """Fill in the transition over a step of time and the covariance of what happens in it, both (order, order)."""
    top = order - 1
    for i in range(order):
        for j in range(order):
            power = 2 * order - 1 - i - j
            noise[i, j] = spectral * step**power / (power * math.gamma(top - i + 1) * math.gamma(top - j + 1))
            transition[i, j] = step ** (j - i) / math.gamma(j - i + 1) if j >= i else 0.0


def predict(order: int, transition: Any, noise: Any, mean: Any, cov: Any, mean_out: Any, cov_out: Any) -> None:
    """Mean (order, 2) and covariance (order, order) after a step."""
    for i in range(order):
        for axis in range(2):
            total = 0.0
            for k in range(i, order):
                total += transition[i, k] * mean[k, axis]
            mean_out[i, axis] = total
    for i in range(order):
        for j in range(order):
            total = noise[i, j]
            for k in range(i, order):
                for m in range(j, order):
                    total += transition[i, k] * cov[k, m] * transition[j, m]
            cov_out[i, j] = total


def forward(
    order: int, found: Any, variances: Any, steps: Any, spectral: float, gate: float, means: Any, covs: Any
) -> float:
    """Filter, and give what the track costs: its negative log likelihood, with far-off positions bounded.

    Parameters
    ----------
    found : numpy.ndarray
        (frames, 2), NaN where nothing was measured.
    variances, steps : numpy.ndarray
        (frames,): variance of each measurement along one axis, in px²; time since the frame before.
    spectral : float
        Strength of the motion's noise.
    gate : float
        A position that is off by more standard deviations than this counts as if its noise were as large; 0 trusts all.
    means, covs : numpy.ndarray
        Filled with the filtered (frames, order, 2) and (frames, order, order); nothing is kept where they are empty.
    """
    mean, cov = numpy.zeros((order, 2)), numpy.zeros((order, order))
    ahead, cov_ahead = numpy.zeros((order, 2)), numpy.zeros((order, order))
    transition, noise = numpy.zeros((order, order)), numpy.zeros((order, order))
    for i in range(order):
        cov[i, i] = START_VARIANCE * (1.0 if i == 0 else 0.01)
    keep = means.shape[0] > 0
    cost, seen, last = 0.0, 0, -1.0
    for n in range(found.shape[0]):
        if n > 0:
            if steps[n] != last:
                last = steps[n]
                propagate(order, last, spectral, transition, noise)
            predict(order, transition, noise, mean, cov, ahead, cov_ahead)
            mean[:, :], cov[:, :] = ahead, cov_ahead
        x, y = found[n, 0], found[n, 1]
        if math.isfinite(x) and math.isfinite(y):
            if seen == 0:
                mean[0, 0], mean[0, 1] = x, y
            off_x, off_y = x - mean[0, 0], y - mean[0, 1]
            total = cov[0, 0] + variances[n]
            squared = (off_x * off_x + off_y * off_y) / total
            if seen >= order:  # before that, the spread of the start is all that would be judged
                far = gate > 0 and squared > gate * gate
                cost += math.log(total) + (gate * math.sqrt(squared) - gate * gate / 2 if far else squared / 2)
                if far:
                    total *= squared / (gate * gate)
            seen += 1
            for i in range(order):
                ahead[i, 0] = cov[i, 0] / total
            for i in range(order):
                mean[i, 0] += ahead[i, 0] * off_x
                mean[i, 1] += ahead[i, 0] * off_y
                for j in range(order):
                    cov_ahead[i, j] = cov[i, j] - ahead[i, 0] * cov[0, j]
            for i in range(order):
                for j in range(order):
                    cov[i, j] = (cov_ahead[i, j] + cov_ahead[j, i]) / 2
        if keep:
            means[n], covs[n] = mean, cov
    return cost


def backward(order: int, steps: Any, spectral: float, means: Any, covs: Any) -> None:
    """Make what `forward` has kept into the smoothed means and covariances, in place."""
    ahead, cov_ahead = numpy.zeros((order, 2)), numpy.zeros((order, order))
    transition, noise = numpy.zeros((order, order)), numpy.zeros((order, order))
    gain, change = numpy.zeros((order, order)), numpy.zeros((order, order))
    last = -1.0
    for n in range(means.shape[0] - 2, -1, -1):
        if steps[n + 1] != last:
            last = steps[n + 1]
            propagate(order, last, spectral, transition, noise)
        predict(order, transition, noise, means[n], covs[n], ahead, cov_ahead)
        for i in range(order):
            for j in range(order):
                gain[j, i] = 0.0
                for k in range(j, order):
                    gain[j, i] += transition[j, k] * covs[n, k, i]
                change[i, j] = covs[n + 1, i, j] - cov_ahead[i, j]
        solve(order, cov_ahead, gain)  # gain is now the transpose of the smoother's
        for i in range(order):
            for axis in range(2):
                for k in range(order):
                    means[n, i, axis] += gain[k, i] * (means[n + 1, k, axis] - ahead[k, axis])
            for j in range(order):
                for k in range(order):
                    for m in range(order):
                        covs[n, i, j] += gain[k, i] * change[k, m] * gain[m, j]


def solve(order: int, matrix: Any, right: Any) -> None:
    """Solve for a positive definite matrix, in place: `right` becomes the solution, `matrix` is used up."""
    for k in range(order):
        for i in range(k + 1, order):
            factor = matrix[i, k] / matrix[k, k]
            for j in range(order):
                matrix[i, j] -= factor * matrix[k, j]
                right[i, j] -= factor * right[k, j]
    for k in range(order - 1, -1, -1):
        for j in range(order):
            for i in range(k + 1, order):
                right[k, j] -= matrix[k, i] * right[i, j]
            right[k, j] /= matrix[k, k]


@functools.cache
def compiled() -> tuple[Callable[..., float], Callable[..., None]]:
    """`forward` and `backward`, compiled where numba is; what was compiled is kept in ``NUMBA_CACHE_DIR``."""
    try:
        from numba import njit
    except ImportError:
        return forward, backward
    names = globals()
    for inner in ("propagate", "predict", "solve"):  # numba finds what a function calls by its global name
        names[inner] = njit(cache=True)(names[inner])
    return njit(cache=True)(forward), njit(cache=True)(backward)
