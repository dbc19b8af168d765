"""What a network would say of an animal: positions with noise, failures in bursts, an imperfect likelihood.

How often it fails differs from video to video and from part to part; a share of failures has a high likelihood, and a
share of right positions a low one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks.quality.animals import Camera, Skeleton


def likelihood_right(shape: tuple[int, ...], blur: Any, rng: np.random.Generator) -> Any:
    """Likelihood of right positions; lower for fast animals and blurred pictures."""
    logit = rng.normal(4.5, 1.2, shape) - 0.5 * blur
    logit -= (rng.random(shape) < 0.015) * rng.uniform(2, 7, shape)
    return 1 / (1 + np.exp(-logit))


def likelihood_wrong(shape: tuple[int, ...], sure: float, rng: np.random.Generator) -> Any:
    """Likelihood of failures; a share of them is as sure as if it were right."""
    low = rng.normal(-1.5, 1.8, shape)
    high = rng.normal(3.2, 1.2, shape)
    return 1 / (1 + np.exp(-np.where(rng.random(shape) < sure, high, low)))


def bursts(n_frames: int, rate_per_frame: float, mean_frames: float, rng: np.random.Generator) -> Any:
    """Which frames lie in bursts that begin at random and last for a random time."""
    found = np.zeros(n_frames, bool)
    for start in np.flatnonzero(rng.random(n_frames) < rate_per_frame):
        found[start : start + 1 + int(rng.exponential(mean_frames))] = True
    return found


def fail(predicted: Any, which: Any, skeleton: Skeleton, camera: Camera, sure: float, rng: np.random.Generator) -> None:
    """Replace predictions (n, p, 3) where `which` (n, p): by another part, an offset, or some thing in the arena."""
    n_parts = which.shape[1]
    before = predicted.copy()
    decoys = rng.uniform([0, 0], [camera.width, camera.height], (4, 2))
    for part in range(n_parts):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], which[:, part].astype(int), [0]])))
        for start, stop in zip(edges[::2], edges[1::2], strict=True):
            kind = rng.random()
            frames = slice(start, stop)
            if kind < 0.4:
                other = rng.choice([n for n in range(n_parts) if n != part])
                predicted[frames, part, :2] = before[frames, other, :2]
            elif kind < 0.75:
                away = rng.normal(0, 0.25, 2) * camera.px
                predicted[frames, part, :2] = before[frames, part, :2] + away
            else:
                predicted[frames, part, :2] = decoys[rng.integers(4)]
            predicted[frames, part, :2] += rng.normal(0, 0.02 * camera.px, (stop - start, 2))
            predicted[frames, part, 2] = likelihood_wrong((stop - start,), sure, rng)


def predict(
    truth: Any,
    paces: Any,
    skeleton: Skeleton,
    camera: Camera,
    rng: np.random.Generator,
    *,
    failures: float = 1.0,
    noise: float = 1.0,
    unsure: float = 0.0,
) -> Any:
    """Predictions, (n_frames, n_parts, 3).

    Parameters
    ----------
    failures, noise : float
        Factors on the usual rate of failures, and on the usual noise.
    unsure : float
        Taken off the likelihood's logit.
    """
    n_frames, n_parts = truth.shape[:2]
    spread = noise * (0.3 + 0.005 * camera.px) * (1 + 0.08 * paces[:, None, None])
    found = np.empty((n_frames, n_parts, 3))
    found[..., :2] = truth + rng.standard_t(6, truth.shape) * spread
    found[..., 2] = likelihood_right((n_frames, n_parts), paces[:, None] * 0.3 + unsure, rng)
    base = failures * 0.004 * np.exp(rng.normal(0, 0.7))
    by_part = base * np.exp(rng.normal(0, 0.6, n_parts))
    which = np.stack([bursts(n_frames, min(rate, 0.3), rng.uniform(1, 6), rng) for rate in by_part], axis=1)
    fail(found, which, skeleton, camera, 0.2, rng)
    return found
