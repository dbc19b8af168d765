"""Smooth the track of a point: noise and liveliness from the track itself, and the most probable way through it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from entrypoint.steps.smoothing.recursions import compiled

GATE = 3.0
"""Standard deviations from which on a position counts less: it is more likely an error than a movement."""
SAMPLES, SAMPLE_FRAMES = 5, 2000
"""Stretches of a long track that its noise is taken of, and frames in each."""
SPECTRAL_DECADES = (-8.0, 6.0)
NOISE_DECADES = (-2.0, 2.0)
"""Where they are looked for: powers of ten of px² per step³ (or step⁵), and of px."""
ROUNDS, TRIES = 3, 10


@dataclass(frozen=True)
class Smoothed:
    """A smoothed track.

    Parameters
    ----------
    positions : numpy.ndarray
        (frames, 2), px.
    variances : numpy.ndarray
        (frames,): variance of a position along one axis, px².
    noise_px : float
        Standard deviation that a measurement of weight 1 was found to have.
    """

    positions: Any
    variances: Any
    noise_px: float


def smooth(found: Any, weights: Any, steps: Any, order: int, *, noise_px: float = 0.0, gate: float = GATE) -> Smoothed:
    """Smooth one point's track.

    Parameters
    ----------
    found : numpy.ndarray
        (frames, 2), px; NaN where nothing was measured.
    weights : numpy.ndarray
        (frames,): the variance of each measurement is that of the noise divided by its weight.
    steps : numpy.ndarray
        (frames,): time since the frame before, in steps of usual length; never negative.
    order : int
        2 for even velocity, 3 for even acceleration.
    noise_px : float, optional
        Standard deviation of a measurement of weight 1; 0 takes it from the track.
    gate : float, optional
        See `GATE`; 0 trusts every position.

    Returns
    -------
    Smoothed
        A single measurement stays as it is, with the variance of the noise if that is given; without any, all is NaN.
    """
    import numpy

    n = len(found)
    measured = numpy.isfinite(found).all(axis=1)
    if measured.sum() < 2:  # nothing to smooth, and no motion to be known
        alone = numpy.where(measured[:, None], found, numpy.nan)
        variance = numpy.where(measured, noise_px**2 / numpy.maximum(weights, 1e-12), numpy.nan)
        return Smoothed(alone, variance if noise_px else numpy.full(n, numpy.nan), noise_px)
    found = numpy.ascontiguousarray(found, dtype=float)
    weights = numpy.where(measured, numpy.maximum(weights, 1e-12), 1.0)
    spectral, noise_px = _fit(found, weights, steps, order, noise_px=noise_px, gate=gate)
    means, covs = numpy.empty((n, order, 2)), numpy.empty((n, order, order))
    filter_it, smooth_it = compiled()
    filter_it(order, found, noise_px**2 / weights, steps, spectral, gate, means, covs)
    smooth_it(order, steps, spectral, means, covs)
    return Smoothed(means[:, 0, :].copy(), numpy.maximum(covs[:, 0, 0], 0), noise_px)


def _fit(found: Any, weights: Any, steps: Any, order: int, *, noise_px: float, gate: float) -> tuple[float, float]:
    """Liveliness and noise that make the track most probable."""
    import numpy

    parts = [slice(first, first + SAMPLE_FRAMES) for first in _firsts(len(found))]
    parts = [each for each in parts if numpy.isfinite(found[each]).all(axis=1).sum() > order] or [slice(None)]
    filter_it, none = compiled()[0], numpy.empty((0, 1, 1))

    def cost(log_spectral: float, log_noise: float) -> float:
        variance, spectral = 10 ** (2 * log_noise), 10**log_spectral
        return sum(
            filter_it(order, found[each], variance / weights[each], steps[each], spectral, gate, none, none)
            for each in parts
        )

    log_noise = math.log10(noise_px) if noise_px else 0.0
    log_spectral = 0.0
    for number in range(ROUNDS):
        width = (SPECTRAL_DECADES[1] - SPECTRAL_DECADES[0]) / 2 / 3**number
        around = (log_spectral - width, log_spectral + width) if number else SPECTRAL_DECADES
        log_spectral = _lowest(lambda value: cost(value, log_noise), *around)  # noqa: B023 - called at once
        if noise_px:
            continue
        around = (log_noise - 2 / 3**number, log_noise + 2 / 3**number) if number else NOISE_DECADES
        # A track that is even up to its last digit has no noise: its scale and its liveliness are one number.
        log_noise = max(_lowest(lambda value: cost(log_spectral, value), *around), NOISE_DECADES[0])  # noqa: B023
    return 10**log_spectral, 10**log_noise


def _firsts(frames: int) -> list[int]:
    if frames <= SAMPLES * SAMPLE_FRAMES:
        return list(range(0, frames, SAMPLE_FRAMES))
    return [number * (frames - SAMPLE_FRAMES) // (SAMPLES - 1) for number in range(SAMPLES)]


def _lowest(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one valley is lowest: golden section, `TRIES` values."""
    ratio = (math.sqrt(5) - 1) / 2
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = function(left), function(right)
    for _ in range(TRIES - 2):
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = function(right)
    return left if at_left <= at_right else right
