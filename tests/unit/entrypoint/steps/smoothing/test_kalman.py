from __future__ import annotations

from typing import Any

import numpy
import pytest

from entrypoint.steps.smoothing.kalman import smooth
from entrypoint.steps.smoothing.recursions import START_VARIANCE, backward, forward, propagate
from tests.unit.support.simulated_tracks import Errors, observe, walk


def by_least_squares(order: int, found: Any, variances: Any, steps: Any, spectral: float) -> tuple[Any, Any]:
    """The same posterior, as one dense system of all states: information of start, motion and measurements, summed."""
    n = len(found)
    information, right = numpy.zeros((n * order, n * order)), numpy.zeros((n * order, 2))
    first = found[numpy.isfinite(found).all(axis=1)][0]
    start = numpy.diag([1 / START_VARIANCE] + [100 / START_VARIANCE] * (order - 1))
    information[:order, :order] += start
    right[0] += first / START_VARIANCE
    for k in range(1, n):
        transition, noise = numpy.zeros((order, order)), numpy.zeros((order, order))
        propagate(order, steps[k], spectral, transition, noise)
        join = numpy.hstack([-transition, numpy.eye(order)])
        part = slice((k - 1) * order, (k + 1) * order)
        information[part, part] += join.T @ numpy.linalg.inv(noise) @ join
    for k in numpy.flatnonzero(numpy.isfinite(found).all(axis=1)):
        information[k * order, k * order] += 1 / variances[k]
        right[k * order] += found[k] / variances[k]
    covariance = numpy.linalg.inv(information)
    return (covariance @ right)[::order], numpy.diag(covariance)[::order]


@pytest.mark.parametrize("order", [2, 3])
def test_positions_and_variances_are_the_posterior(order: int) -> None:
    rng = numpy.random.default_rng(4)
    n = 30
    steps = rng.uniform(0.4, 2, n)
    steps[20] = 8
    found = walk(4, n) + rng.normal(0, 1, (n, 2))
    found[10:14] = numpy.nan
    variances = rng.uniform(0.3, 3, n)
    means, covs = numpy.empty((n, order, 2)), numpy.empty((n, order, order))
    forward(order, found, variances, steps, 0.3, 0.0, means, covs)
    backward(order, steps, 0.3, means, covs)
    wanted, variance = by_least_squares(order, found, variances, steps, 0.3)
    numpy.testing.assert_allclose(means[:, 0], wanted, atol=2e-3)
    numpy.testing.assert_allclose(covs[:, 0, 0], variance, rtol=1e-3)


def test_noise_is_found_and_taken_away() -> None:
    way = walk(1, 400)
    rng = numpy.random.default_rng(1)
    found = way + rng.normal(0, 2.0, way.shape)
    smoothed = smooth(found, numpy.ones(400), numpy.ones(400), 2)
    assert smoothed.noise_px == pytest.approx(2.0, rel=0.3)
    assert numpy.hypot(*(smoothed.positions - way).T).mean() < 0.75 * numpy.hypot(*(found - way).T).mean()


def test_one_position_far_off_moves_nothing_and_a_lasting_move_is_followed() -> None:
    way = walk(2, 300)
    found = observe(way, 2, Errors(0.5, 0.0, 0.0, 0.0))[:2].T
    spoilt = found.copy()
    spoilt[150] += 200
    plain, robust = (smooth(each, numpy.ones(300), numpy.ones(300), 2).positions for each in (found, spoilt))
    assert numpy.hypot(*(robust - plain)[150]) < 5
    moved = found.copy()
    moved[150:] += 200
    after = smooth(moved, numpy.ones(300), numpy.ones(300), 2).positions
    assert numpy.hypot(*(after - moved)[160:].T).mean() < 3


def test_steps_of_time_count() -> None:
    """Even motion over uneven times is a line in time, not over frames."""
    steps = numpy.tile([1.0, 3.0], 50)
    at = numpy.cumsum(steps)
    found = numpy.c_[at * 2, -at]
    hidden = found.copy()
    hidden[40:45] = numpy.nan
    numpy.testing.assert_allclose(smooth(hidden, numpy.ones(100), steps, 2).positions, found, atol=0.1)


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
@pytest.mark.parametrize("order", [2, 3])
def test_short_tracks(order: int, frames: int) -> None:
    found = numpy.full((frames, 2), 7.0)
    smoothed = smooth(found, numpy.ones(frames), numpy.ones(frames), order)
    assert smoothed.positions.shape == (frames, 2)
    numpy.testing.assert_allclose(smoothed.positions, found, atol=1e-3)


def test_tracks_without_motion_or_without_positions() -> None:
    still = numpy.full((50, 2), 7.0)
    numpy.testing.assert_allclose(smooth(still, numpy.ones(50), numpy.ones(50), 2).positions, still, atol=1e-3)
    alone = numpy.full((50, 2), numpy.nan)
    alone[7] = 3.0, 4.0
    kept = smooth(alone, numpy.full(50, 0.25), numpy.ones(50), 2, noise_px=2.0)
    numpy.testing.assert_array_equal(kept.positions, alone)
    assert kept.variances[7] == 16.0 and numpy.isnan(numpy.delete(kept.variances, 7)).all()
    assert numpy.isnan(smooth(alone, numpy.ones(50), numpy.ones(50), 2).variances).all()
    nothing = smooth(numpy.full((50, 2), numpy.nan), numpy.ones(50), numpy.ones(50), 2)
    assert numpy.isnan(nothing.positions).all() and numpy.isnan(nothing.variances).all()


def test_frames_of_one_time_are_measurements_of_one_position() -> None:
    steps = numpy.tile([1.0, 0.0], 20)
    found = numpy.repeat(numpy.c_[numpy.arange(20.0), numpy.arange(20.0)], 2, axis=0)
    found[1::2] += 0.1
    smoothed = smooth(found, numpy.ones(40), steps, 2, noise_px=1.0).positions
    numpy.testing.assert_allclose(smoothed[::2], smoothed[1::2], atol=1e-6)
