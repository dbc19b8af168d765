"""Tracks of an animal that walks, stops and turns, and what models would say of them: their truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy

WIDTH, HEIGHT = 640, 480


@dataclass(frozen=True)
class Errors:
    """How wrong a model is.

    Parameters
    ----------
    noise_px : float
        Standard deviation along one axis.
    lasting : float
        Correlation of that noise from one frame to the next: a network errs alike on pictures that are alike.
    jumps : float
        Share of frames in which it finds something else altogether.
    hidden : float
        Chance in each frame that the point is hidden for some.
    """

    noise_px: float = 1.5
    lasting: float = 0.5
    jumps: float = 0.01
    hidden: float = 0.005


SHARP = Errors(0.8, 0.5, 0.002, 0.002)
USUAL = Errors()
POOR = Errors(3.0, 0.5, 0.04, 0.015)


def walk(seed: int, frames: int, px_per_frame: float = 6.0) -> Any:
    """Way of an animal, (frames, 2), px."""
    rng = numpy.random.default_rng(seed)
    at, heading, turn, speed, going = numpy.array([WIDTH / 2, HEIGHT / 2]), rng.uniform(0, 6.3), 0.0, 0.0, True
    way = numpy.empty((frames, 2))
    for n in range(frames):
        going ^= rng.random() < 0.02
        speed += 0.25 * (px_per_frame * going - speed)
        turn = 0.9 * turn + rng.normal(0, 0.05)
        heading += turn
        at = at + speed * numpy.array([numpy.cos(heading), numpy.sin(heading)])
        if not (20 < at[0] < WIDTH - 20 and 20 < at[1] < HEIGHT - 20):
            heading = numpy.arctan2(HEIGHT / 2 - at[1], WIDTH / 2 - at[0])
        way[n] = at
    return way


def lasting_noise(rng: Any, frames: int, noise_px: float, lasting: float) -> Any:
    """Noise that is correlated in time, (frames, 2), px."""
    noise = rng.normal(0, noise_px, (frames, 2))
    for n in range(1, frames):
        noise[n] = lasting * noise[n - 1] + (1 - lasting**2) ** 0.5 * noise[n]
    return noise


def observe(way: Any, seed: int, errors: Errors = USUAL, shared: Any = 0.0, video: int | None = None) -> Any:
    """What a model says: x, y, likelihood, (3, frames).

    Where a point is hidden is the video's matter (its seed; the model's by default), and so the same for all models.
    """
    rng = numpy.random.default_rng(seed)
    n = len(way)
    found = way + shared + lasting_noise(rng, n, errors.noise_px, errors.lasting)
    likelihood = 1 - rng.beta(1, 20, n)
    jumps = rng.random(n) < errors.jumps
    found[jumps] = way[jumps] + rng.normal(0, 60, (jumps.sum(), 2))
    likelihood[jumps] = rng.beta(1.2, 1.5, jumps.sum())
    scene = numpy.random.default_rng(seed if video is None else video)
    for first in numpy.flatnonzero(scene.random(n) < errors.hidden):
        part = slice(first, min(first + scene.integers(2, 12), n))
        found[part] += numpy.cumsum(rng.normal(0, 6, found[part].shape), axis=0)
        likelihood[part] = rng.beta(1, 8, len(likelihood[part]))
    return numpy.vstack([found.T, likelihood])


def observe_by_several(way: Any, seed: int, models: int, errors: Errors = USUAL, shared_px: float = 0.7) -> Any:
    """What several models say: (models, 3, frames). A part of their errors is common to all of them."""
    shared = lasting_noise(numpy.random.default_rng(seed), len(way), shared_px, errors.lasting)
    return numpy.stack([observe(way, 1000 * seed + number, errors, shared, seed) for number in range(models)])
