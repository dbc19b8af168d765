"""All measures of every frame and body part of a row. Needs numpy.

Columns are body parts of one individual after the other, as in the .h5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.measures.motion import Motion, find_motion, masked_median, outside
from dlcctr.quality.measures.pictures import PictureSeries
from dlcctr.quality.measures.pose_fit import fit_poses
from dlcctr.quality.measures.track import Track, import_numpy

SURE = 0.6
"""Likelihood from which on a position is taken for one, as DeepLabCut's pcutoff."""
REPEAT_SHARE = 0.25
"""A picture repeats the one before where it changes by less than this share of what is usual in its video."""
REPEAT_LEVELS = 0.05
"""Smallest difference in grey levels that counts as a change."""
TELEPORT_LENGTHS = 0.5
"""Body lengths from one frame to the next."""
SPLIT_LENGTHS = 1.2
MIN_REPEATS = 3
"""Shorter runs of repeated pictures are what encoders and variable rates make."""


@dataclass(frozen=True)
class Features:
    """Measures of frames (n) and columns (c); NaN where there is nothing to measure.

    Parameters
    ----------
    body_length_px : float
        Of this video: the prior's, times the poses' median size; 0 where it is not known.
    likelihood, speed, near, far, residual_px, odd, distance : array, (n, c)
        Likelihood; body lengths per second; deviation from the running medians, in px; deviation from where the other
        parts say, in px and in standard deviations; how impossible distances to most other parts are.
    still, outside : array of bool, (n, c)
        As in `dlcctr.quality.measures.motion`.
    swapped, scale, energy : array, (n, individuals)
        As in `dlcctr.quality.measures.pose_fit`.
    centres : array, (n, individuals, 2)
        Where each animal is, in px.
    teleport : array of bool, (n, individuals)
        Most parts jumped at once, farther than an animal can.
    split : array of bool, (n, individuals)
        Several sure parts are far from the others.
    repeated : array of bool, (n,)
        Frames of runs in which the picture stands still.
    """

    body_length_px: float
    likelihood: Any
    speed: Any
    near: Any
    far: Any
    residual_px: Any
    odd: Any
    distance: Any
    still: Any
    outside: Any
    swapped: Any
    scale: Any
    energy: Any
    centres: Any
    teleport: Any
    split: Any
    repeated: Any


def find_features(track: Track, prior: PosePrior | None, pictures: PictureSeries | None = None) -> Features:
    """Measure a row."""
    numpy = import_numpy()
    steps_s, rate = track.steps_s(), track.frame_rate()
    animals = [track.positions[:, n] for n in range(len(track.individuals))]
    motions = [find_motion(positions, steps_s, rate) for positions in animals]
    shaped = prior if prior and prior.has_shape and prior.bodyparts == track.bodyparts else None
    fits = [fit_poses(positions, shaped) for positions in animals] if shaped else []
    n_frames, nothing = track.n_frames, numpy.full(track.positions.shape[:1] + track.positions.shape[2:3], numpy.nan)
    scale = (
        numpy.stack([fit.scale for fit in fits], axis=1) if fits else numpy.full((n_frames, len(animals)), numpy.nan)
    )
    length = _body_length(track, prior, scale)

    def beside(arrays: list[Any]) -> Any:
        return numpy.concatenate(arrays, axis=1)

    none = [nothing] * len(animals)
    return Features(
        body_length_px=length,
        likelihood=beside([positions[..., 2] for positions in animals]),
        speed=beside([motion.speed_px_s for motion in motions]) / (length or 1.0),
        near=beside([motion.near_px for motion in motions]),
        far=beside([motion.far_px for motion in motions]),
        residual_px=beside([fit.residual_px for fit in fits] or none),
        odd=beside([fit.odd for fit in fits] or none),
        distance=beside([_odd_distances(positions, prior) for positions in animals] if shaped and prior else none),
        still=beside([motion.still for motion in motions]),
        outside=beside([outside(positions, track.bounds) for positions in animals]),
        swapped=numpy.stack([fit.swapped for fit in fits], axis=1) if fits else numpy.zeros((n_frames, len(animals))),
        scale=scale,
        energy=numpy.stack([fit.energy for fit in fits], axis=1) if fits else numpy.full_like(scale, numpy.nan),
        centres=numpy.stack([motion.centre for motion in motions], axis=1),
        teleport=numpy.stack([_teleports(motion.speed_px_s * steps_s[:, None], length) for motion in motions], axis=1),
        split=numpy.stack([_split(*each, length) for each in zip(animals, motions, strict=True)], axis=1),
        repeated=find_repeats(pictures, n_frames),
    )


def _body_length(track: Track, prior: PosePrior | None, scale: Any) -> float:
    numpy = import_numpy()
    if prior and prior.body_length_px:
        sizes = scale[numpy.isfinite(scale)]
        return float(prior.body_length_px * (numpy.clip(numpy.median(sizes), 0.2, 5) if len(sizes) else 1.0))
    xy = track.positions[..., :2]
    if xy.shape[2] < 2:
        return 0.0
    spans = numpy.hypot(*numpy.moveaxis(numpy.nanmax(_some(xy), axis=2) - numpy.nanmin(_some(xy), axis=2), 2, 0))
    spans = spans[numpy.isfinite(spans)]
    return float(numpy.median(spans)) if len(spans) else 0.0


def _some(xy: Any) -> Any:
    """Frames that have a position, at most ten thousand of them."""
    numpy = import_numpy()
    there = numpy.isfinite(xy).all(axis=3).any(axis=(1, 2))
    found = xy[there]
    found = found[:: max(1, len(found) // 10_000)]
    return numpy.where(numpy.isfinite(found).any(axis=(2, 3), keepdims=True), found, 0.0)


def _teleports(moved_px: Any, length_px: float) -> Any:
    numpy = import_numpy()
    there = numpy.isfinite(moved_px)
    found = masked_median(numpy.nan_to_num(moved_px), there) > TELEPORT_LENGTHS * (length_px or numpy.inf)
    return found & there.any(axis=1)


def _split(positions: Any, motion: Motion, length_px: float) -> Any:
    """Frames in which at least two sure parts, and a quarter of them, are a body length from the middle of all."""
    numpy = import_numpy()
    with numpy.errstate(invalid="ignore"):
        sure = positions[..., 2] >= SURE
        away = numpy.hypot(*numpy.moveaxis(positions[..., :2] - motion.centre[:, None], 2, 0))
        far = sure & (away > SPLIT_LENGTHS * (length_px or numpy.inf))
    return (far.sum(axis=1) >= 2) & (far.sum(axis=1) >= 0.25 * sure.sum(axis=1))


def _odd_distances(positions: Any, prior: PosePrior) -> Any:
    """How far a part's distances lie outside of what is usual: the median over its pairs; 0 where they are usual."""
    numpy = import_numpy()
    n_frames, n_parts = positions.shape[:2]
    if not prior.distances or not prior.body_length_px:
        return numpy.full((n_frames, n_parts), numpy.nan)
    by_part: list[list[Any]] = [[] for _ in range(n_parts)]
    for pair in prior.distances:
        away = positions[:, pair.first, :2] - positions[:, pair.second, :2]
        length = numpy.hypot(away[:, 0], away[:, 1]) / prior.body_length_px
        low, high = pair.quantiles[1], pair.quantiles[3]
        width = high - low + 0.1 * pair.quantiles[2] + 0.05
        beyond = numpy.maximum(numpy.maximum(length - high, low - length), 0) / width
        by_part[pair.first].append(beyond)
        by_part[pair.second].append(beyond)
    columns = [_middle(each) if each else numpy.full(n_frames, numpy.nan) for each in by_part]
    return numpy.stack(columns, axis=1)


def _middle(arrays: list[Any]) -> Any:
    """Lower median of arrays of one shape."""
    numpy = import_numpy()
    return numpy.partition(numpy.stack(arrays), (len(arrays) - 1) // 2, axis=0)[(len(arrays) - 1) // 2]


def find_repeats(pictures: PictureSeries | None, n_frames: int) -> Any:
    """Frames in runs of repeated pictures."""
    numpy = import_numpy()
    found = numpy.zeros(n_frames, bool)
    if pictures is None or not len(pictures.change):
        return found
    change = pictures.change[:n_frames]
    known = change[numpy.isfinite(change) & (change > REPEAT_LEVELS)]
    if not len(known):
        return found
    limit = max(REPEAT_LEVELS, REPEAT_SHARE * float(numpy.percentile(known, 10)))
    same = numpy.nan_to_num(change, nan=numpy.inf) <= limit
    for first, stop in runs(same):
        if stop - first >= MIN_REPEATS:
            found[first:stop] = True
    return found


def runs(which: Any) -> list[tuple[int, int]]:
    """Ranges ``[first, stop)`` of frames that are true."""
    numpy = import_numpy()
    edges = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], which.astype(numpy.int8), [0]])))
    return [(int(first), int(stop)) for first, stop in zip(edges[::2], edges[1::2], strict=True)]
