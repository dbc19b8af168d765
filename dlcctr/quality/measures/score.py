"""One number for each frame and body part: how probable it is that its position is more than 5 px off. Needs numpy.

A logistic regression on measures that are there anyway. It was fitted to synthetic videos whose seeds the benchmark
does not use (`python -m tests.benchmarks.quality --fit` prints new numbers), and is used because it is better than the
best single measure on others (docs/quality.md).
"""

from __future__ import annotations

from typing import Any

from dlcctr.quality.measures.features import Features
from dlcctr.quality.measures.track import import_numpy

TERMS = (
    "one", "unsure", "unsure_around", "unsure_others", "residual", "odd", "near", "far", "distance", "energy",
    "swapped", "repeated", "split",
)  # fmt: skip
COEFFICIENTS: tuple[float, ...] = (
    -5.132, 0.187, 7.352, 1.007, 0.341, 0.916, 0.494, 0.245, 1.451, 0.509, 2.748, 7.647, 1.18,
)  # fmt: skip
AROUND = 7
"""Frames before and after that count as around one."""


def score(features: Features) -> Any:
    """Score of each frame and column, 0-1."""
    numpy = import_numpy()
    terms = find_terms(features)
    total = numpy.zeros(features.likelihood.shape)
    for name, factor in zip(TERMS, COEFFICIENTS, strict=True):
        total += factor * terms[name]
    found = 1 / (1 + numpy.exp(-total))
    return numpy.where(numpy.isfinite(features.likelihood), found, 1.0)


def frame_score(scores: Any) -> Any:
    """Score of each frame: that of its worst column, softened by the others."""
    numpy = import_numpy()
    return (
        1 - numpy.exp(numpy.log1p(-numpy.minimum(scores, 1 - 1e-9)).mean(axis=1)) if scores.shape[1] else scores[:, 0]
    )


def find_terms(features: Features) -> dict[str, Any]:
    """Terms of the regression, each of n frames by c columns."""
    numpy = import_numpy()
    likelihood = numpy.clip(numpy.nan_to_num(features.likelihood), 0.002, 0.998)
    doubt = 1 - likelihood
    shape = likelihood.shape
    length = features.body_length_px or 100.0
    n_animals = max(1, features.swapped.shape[1])
    per_animal = shape[1] // n_animals

    def spread(by_animal: Any) -> Any:
        return numpy.repeat(by_animal, per_animal, axis=1)

    def grown(values: Any, unit: float) -> Any:
        return numpy.log1p(numpy.clip(numpy.nan_to_num(values), 0, 1e6) / unit)

    others = doubt.reshape(shape[0], n_animals, per_animal)
    rest = (others.sum(axis=2, keepdims=True) - others) / max(1, per_animal - 1)
    return {
        "one": numpy.ones(shape),
        "unsure": -numpy.log(likelihood / doubt),
        "unsure_around": running_mean(doubt, AROUND),
        "unsure_others": rest.reshape(shape),
        "residual": grown(features.residual_px, 3.0),
        "odd": grown(features.odd, 1.0),
        "near": grown(features.near, 3.0),
        "far": grown(features.far, 0.1 * length),
        "distance": grown(features.distance, 0.3),
        "energy": spread(grown(features.energy, 1.0)),
        "swapped": spread(numpy.maximum(features.swapped, 0)),
        "repeated": numpy.broadcast_to(features.repeated[:, None], shape).astype(float),
        "split": spread(features.split).astype(float),
    }


def running_mean(values: Any, reach: int) -> Any:
    """Mean over `reach` frames before and after; fewer at the ends."""
    numpy = import_numpy()
    n_frames = len(values)
    total = numpy.concatenate([numpy.zeros((1, *values.shape[1:])), numpy.cumsum(values, axis=0)])
    first = numpy.maximum(numpy.arange(n_frames) - reach, 0)
    stop = numpy.minimum(numpy.arange(n_frames) + reach + 1, n_frames)
    return (total[stop] - total[first]) / (stop - first)[:, None]
