"""How well each frame's pose fits the prior: size, exchanged sides, and how far each part is from where the others say.

A pose is moved, turned and scaled onto the mean shape; parts that the network is unsure of, or that do not fit, count
less (three rounds of reweighting). Then each part is compared with where the other parts say that it should be, by the
prior's covariance: with the precision matrix P of all coordinates, the deviation of part i from its conditional mean is
inverse(P_ii) (P x)_i. Needs numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.model.prior.record import PosePrior
from dlcctr.model.prior.shape import exchanged
from dlcctr.quality.measures.chunks import measure_chunks
from dlcctr.quality.measures.track import import_numpy

ROUNDS = 3
CHUNK = 4096
"""Frames at once; bounds the memory."""
MIN_AGREEMENT = 0.9
"""Sides are judged where at least this share of the labelled poses agrees about them."""
FLOOR = 0.02
"""Body lengths: parts are not known better than this, whatever the covariance says."""
MAX_SOLVED = 24
"""Body parts up to which each frame's own certainties enter the covariance."""
MIN_SHAPE = 3


@dataclass(frozen=True)
class PoseFit:
    """Fit of each frame; arrays of n frames by p parts, or of n frames. NaN where there is no pose.

    Parameters
    ----------
    residual_px : array, (n, p)
        Distance of each part from where the others say.
    odd : array, (n, p)
        The same in standard deviations of the prior.
    scale : array, (n,)
        Size of the pose, the prior's being 1.
    energy : array, (n,)
        Mean square deviation of the whole pose, in standard deviations.
    swapped : array, (n,)
        From -1 (sides are right) to 1 (they are exchanged); 0 where that cannot be told.
    """

    residual_px: Any
    odd: Any
    scale: Any
    energy: Any
    swapped: Any


class ShapeModel:
    """A prior's mean shape and covariance as arrays."""

    def __init__(self, prior: PosePrior) -> None:
        numpy = self.numpy = import_numpy()
        flat = numpy.array(prior.mean)
        n_values = len(flat)
        self.mean = flat[::2] + 1j * flat[1::2]
        cov = numpy.zeros((n_values, n_values))
        cov[numpy.tril_indices(n_values)] = prior.covariance
        cov = cov + numpy.tril(cov, -1).T
        values, vectors = numpy.linalg.eigh(cov)
        self.cov = (vectors * numpy.clip(values, 0, None)) @ vectors.T + numpy.eye(n_values) * FLOOR**2
        diagonal = numpy.diag(self.cov)
        self.variance = diagonal[::2] + diagonal[1::2]
        self.length_px = float(prior.body_length_px or 1.0)
        usable = prior.sides and prior.sides_agree >= MIN_AGREEMENT
        self.order = exchanged(len(self.mean), prior.sides) if usable else None

    def lay(self, points: Any, weights: Any) -> tuple[Any, Any, Any]:
        """Move, turn and scale poses (n, p), in body lengths, onto the mean: deviations, factor, weights in the end."""
        numpy = self.numpy
        robust = weights
        deviation = factor = None
        for _ in range(ROUNDS):
            total = robust.sum(axis=1, keepdims=True) + 1e-9
            centre = (robust * points).sum(axis=1, keepdims=True) / total
            middle = (robust * self.mean).sum(axis=1, keepdims=True) / total
            shape = self.mean - middle
            below = (robust * numpy.abs(shape) ** 2).sum(axis=1, keepdims=True) + 1e-12
            factor = (robust * (points - centre) * shape.conj()).sum(axis=1, keepdims=True) / below
            factor = numpy.where(numpy.abs(factor) < 1e-6, 1e-6, factor)
            deviation = (points - centre) / factor - shape
            robust = weights / (1 + numpy.abs(deviation) ** 2 / (4 * self.variance))
        return deviation, factor[:, 0], robust  # type: ignore[index]

    def energy(self, deviation: Any, weights: Any) -> Any:
        """Mean square deviation in standard deviations, (n,); one odd part counts only so much."""
        numpy = self.numpy
        squares = numpy.minimum(numpy.abs(deviation) ** 2 / self.variance, 50.0)
        return (weights * squares).sum(axis=1) / (weights.sum(axis=1) + 1e-9)


def fit_poses(positions: Any, prior: PosePrior) -> PoseFit:
    """Fit the poses (n, p, 3) of one animal."""
    numpy = import_numpy()
    model = ShapeModel(prior)
    parts = measure_chunks(lambda frames: _fit_chunk(model, positions[frames]), len(positions), CHUNK)
    names = ("residual_px", "odd", "scale", "energy", "swapped")
    return PoseFit(**{name: numpy.concatenate([getattr(part, name) for part in parts]) for name in names})


def weights_of(likelihood: Any) -> Any:
    """How much a point counts: 0 for one that is not there, 1 for a sure one."""
    numpy = import_numpy()
    return numpy.clip(numpy.nan_to_num(likelihood), 0, 1) ** 2


def _fit_chunk(model: ShapeModel, positions: Any) -> PoseFit:
    numpy = model.numpy
    there = numpy.isfinite(positions).all(axis=2)
    weights = numpy.where(there, numpy.maximum(weights_of(positions[..., 2]), 1e-3), 0.0)
    points = numpy.where(there, positions[..., 0] + 1j * positions[..., 1], 0) / model.length_px
    deviation, factor, robust = model.lay(points, weights)
    known = (there.sum(axis=1) >= MIN_SHAPE)[:, None]
    residual, odd = _against_the_others(model, deviation, robust)
    nothing = numpy.nan
    scale = numpy.abs(factor)
    energy = model.energy(deviation, weights)
    swapped = numpy.zeros(len(points))
    if model.order is not None:
        other, _, _ = model.lay(points[:, model.order], weights[:, model.order])
        exchanged_energy = model.energy(other, weights[:, model.order])
        swapped = (energy - exchanged_energy) / (energy + exchanged_energy + 0.5)
    px = scale[:, None] * model.length_px
    return PoseFit(
        residual_px=numpy.where(known & there, residual * px, nothing),
        odd=numpy.where(known & there, odd, nothing),
        scale=numpy.where(known[:, 0], scale, nothing),
        energy=numpy.where(known[:, 0], energy, nothing),
        swapped=numpy.where(known[:, 0], swapped, 0.0),
    )


def _against_the_others(model: ShapeModel, deviation: Any, weights: Any) -> tuple[Any, Any]:
    """Distance of each part from its conditional mean, in body lengths and in standard deviations."""
    numpy = model.numpy
    n_frames, n_parts = deviation.shape
    flat = numpy.stack([deviation.real, deviation.imag], axis=2).reshape(n_frames, 2 * n_parts)
    if n_parts <= MAX_SOLVED:
        unsure = numpy.repeat(1 / numpy.maximum(weights, 1e-4) - 1, 2, axis=1) * 0.05**2
        covariance = model.cov[None] + unsure[:, :, None] * numpy.eye(2 * n_parts)
        precision = numpy.linalg.inv(covariance)
        y = numpy.einsum("nij,nj->ni", precision, flat)
    else:
        unsure = numpy.zeros_like(flat)
        precision = numpy.linalg.inv(model.cov)[None]
        y = flat @ precision[0]
    places = numpy.arange(n_parts)
    blocks = precision.reshape(-1, n_parts, 2, n_parts, 2)[:, places, :, places, :]  # (p, n, 2, 2)
    spread = numpy.linalg.inv(blocks)  # covariance of the deviation, the part's own uncertainty included
    spread = numpy.broadcast_to(spread, (n_parts, n_frames, 2, 2))
    pairs = y.reshape(n_frames, n_parts, 2)
    off = numpy.einsum("pnij,npj->npi", spread, pairs)
    own = unsure.reshape(n_frames, n_parts, 2)[..., :1]
    expected = numpy.moveaxis(spread, 0, 1) - own[..., None] * numpy.eye(2)
    variance = numpy.maximum(numpy.trace(expected, axis1=2, axis2=3) / 2, FLOOR**2)
    distance = numpy.sqrt((off**2).sum(axis=2))
    return distance, distance / numpy.sqrt(variance)
