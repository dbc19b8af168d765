"""Robust numbers of a whole video, by the names that docs/quality.md describes. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.measures.features import SURE, Features
from dlcctr.quality.measures.pictures import PictureSeries
from dlcctr.quality.measures.reordered import reorder_gain
from dlcctr.quality.measures.scenes import CELLS, MIN_SPREAD
from dlcctr.quality.measures.several import Animals
from dlcctr.quality.measures.track import Track, import_numpy
from dlcctr.quality.record import finite_summary

JUMP_LENGTHS = 0.3
"""Body lengths from the running median of seven frames."""
HIGH, SEVERAL = 0.5, 0.3
"""Score of a point that is probably off, and the share of such parts that makes a frame bad."""
ODD = 4.0
"""Standard deviations of the prior."""
ODD_DISTANCE = 0.5
SWAPPED = 0.25
SMOOTH_LOOKS = 5
MOMENTS = 9
MIN_LOOKS = 3


@dataclass(frozen=True)
class Measured:
    """All that a summary is made from; `animals` only where there are several."""

    track: Track
    features: Features
    scores: Any
    prior: PosePrior | None = None
    pictures: PictureSeries | None = None
    animals: Animals | None = None


def summarise(measured: Measured) -> dict[str, float]:
    """All numbers of a video that can be had."""
    track, features, scores = measured.track, measured.features, measured.scores
    prior, pictures, animals = measured.prior, measured.pictures, measured.animals
    numpy = import_numpy()
    if not track.n_frames:
        return {}
    numbers: dict[str, Any] = {}
    numbers |= _likelihood(features)
    numbers |= _poses(features, track, prior)
    numbers |= _movement(features, track)
    numbers |= _times(track)
    numbers["score_mean"] = numpy.mean(scores)
    numbers["score_high_share"] = numpy.mean(scores > HIGH)
    n_high = (scores > HIGH).sum(axis=1)
    numbers["several_bad_share"] = ((n_high >= 2) & (n_high >= SEVERAL * scores.shape[1])).mean()
    if pictures is not None and len(pictures.brightness):
        numbers |= _pictures(pictures, features, prior)
    if animals is not None:
        numbers |= _several(animals, track)
    return finite_summary((name, None if value is None else float(value)) for name, value in numbers.items())


def _quantile(values: Any, share: float) -> float | None:
    numpy = import_numpy()
    known = values[numpy.isfinite(values)]
    return float(numpy.quantile(known, share)) if len(known) else None


def _share(values: Any, limit: float) -> float | None:
    numpy = import_numpy()
    known = values[numpy.isfinite(values)]
    return float((known > limit).mean()) if len(known) else None


def _worst_share(values: Any, limit: float) -> float | None:
    """Share of frames above a limit, of the worst column."""
    numpy = import_numpy()
    known = numpy.isfinite(values)
    shares = (known & (values > limit)).sum(axis=0) / numpy.maximum(known.sum(axis=0), 1)
    return float(shares.max()) if known.any() else None


def _likelihood(features: Features) -> dict[str, Any]:
    numpy = import_numpy()
    likelihood = numpy.nan_to_num(features.likelihood)
    by_frame = numpy.median(likelihood, axis=1)
    return {
        "likelihood_median": numpy.median(likelihood),
        "likelihood_p10": numpy.quantile(by_frame, 0.1),
        "likelihood_low_share": (likelihood < SURE).mean(),
        "likelihood_low_part": (likelihood < SURE).mean(axis=0).max(),
        "nan_share": (~numpy.isfinite(features.likelihood)).mean(),
    }


def _poses(features: Features, track: Track, prior: PosePrior | None) -> dict[str, Any]:
    numpy = import_numpy()
    found: dict[str, Any] = {
        "body_length_px": features.body_length_px or None,
        "scale": _quantile(features.scale, 0.5),
        "energy_median": _quantile(features.energy, 0.5),
        "odd_pose_share": _share(features.odd, ODD),
        "odd_pose_part": _worst_share(features.odd, ODD),
        "odd_distance_share": _share(features.distance, ODD_DISTANCE),
    }
    if prior and numpy.isfinite(features.odd).any():
        found["swapped_share"] = (features.swapped > SWAPPED).mean()
        gains = [reorder_gain(track.positions[:, n], prior)[0] for n in range(len(track.individuals))]
        found["reorder_gain"] = numpy.median(gains)
    return found


def _movement(features: Features, track: Track) -> dict[str, Any]:
    numpy = import_numpy()
    length = features.body_length_px or 100.0
    usual = track.steps_s() < 1.5 / track.frame_rate()
    teleports = features.teleport & usual[:, None]
    sure = numpy.nan_to_num(features.likelihood) >= SURE
    x, y = features.centres[..., 0], features.centres[..., 1]
    return {
        "speed_median": _quantile(features.speed, 0.5),
        "speed_p99": _quantile(features.speed, 0.99),
        "jump_share": _share(features.near, JUMP_LENGTHS * length),
        "jump_part": _worst_share(features.near, JUMP_LENGTHS * length),
        "sure_jump_share": _share(numpy.where(sure, features.near, numpy.nan), JUMP_LENGTHS * length),
        "teleport_share": teleports.mean(),
        "split_share": features.split.mean(),
        "still_share": features.still.mean(),
        "still_longest_share": _longest(features.still.all(axis=1)) / track.n_frames,
        "outside_share": features.outside.mean(),
        **{f"{name}_{end}": _quantile(values, share) for name, values in (("x", x), ("y", y))
           for end, share in (("low", 0.02), ("high", 0.98))},
    }  # fmt: skip


def _longest(which: Any) -> int:
    from dlcctr.quality.measures.features import runs

    return max((stop - first for first, stop in runs(which)), default=0)


def _times(track: Track) -> dict[str, Any]:
    numpy = import_numpy()
    if track.times_s is None or track.n_frames < 3:
        return {}
    steps = numpy.diff(track.times_s)
    known = steps[numpy.isfinite(steps)]
    if not len(known):
        return {}
    usual = 1 / track.frame_rate()
    lost = numpy.clip(numpy.round(known / usual) - 1, 0, None)
    return {
        "dropped_share": lost.sum() / (lost.sum() + track.n_frames),
        "gaps": (lost > 0).sum(),
        "gap_longest_s": known.max() - usual if lost.any() else 0.0,
        "backwards": (known <= 0).sum(),
    }


def _pictures(pictures: PictureSeries, features: Features, prior: PosePrior | None) -> dict[str, Any]:
    numpy = import_numpy()
    by_second = _smooth(pictures.brightness[numpy.isfinite(pictures.brightness)])
    found: dict[str, Any] = {
        "brightness": _quantile(pictures.brightness, 0.5),
        "brightness_low": _quantile(by_second, 0.02),
        "brightness_high": _quantile(by_second, 0.98),
        "contrast": _quantile(pictures.contrast, 0.5),
        "sharpness": _quantile(pictures.sharpness, 0.5),
        "sharpness_low": _quantile(_smooth(pictures.sharpness), 0.1),
        "picture_change": _quantile(pictures.change, 0.5),
        "repeat_share": features.repeated.mean(),
        "repeat_longest": _longest(features.repeated),
    }
    if len(pictures.scenes):
        middle = numpy.median(pictures.scenes, axis=0)
        found["scene_jump"] = _scene_jump(pictures.scenes)
        if prior and prior.appearance.scene:
            found["scene_unlike_labels"] = scene_distance(middle[None], numpy.array(prior.appearance.scene, float))[0]
    return found


def _scene_jump(scenes: Any) -> float:
    """Largest difference between the scene before some moment and after it; at ten moments."""
    numpy = import_numpy()
    places = {len(scenes) * n // (MOMENTS + 1) for n in range(1, MOMENTS + 1)}
    parts = [(scenes[:n], scenes[n:]) for n in sorted(places) if MIN_LOOKS <= n <= len(scenes) - MIN_LOOKS]
    found = [
        float(scene_distance(numpy.median(before, axis=0)[None], numpy.median(after, axis=0))[0])
        for before, after in parts
    ]
    return max(found, default=0.0)


def _smooth(values: Any) -> Any:
    """Running median of five."""
    numpy = import_numpy()
    if len(values) < SMOOTH_LOOKS:
        return values
    windows = numpy.lib.stride_tricks.sliding_window_view(values, SMOOTH_LOOKS)
    return numpy.median(windows, axis=1)


def scene_distance(scenes: Any, scene: Any) -> Any:
    """How unlike coarse pictures (k, 192) are to one, all but the most different fifth of the cells; 0 for the same.

    Brightness and contrast are made equal first, as in `dlcctr.quality.measures.scenes.fitted_differences`.
    """
    numpy = import_numpy()
    away = scenes - numpy.median(scenes, axis=1, keepdims=True)
    other = scene - numpy.median(scene)
    usual = max(float(numpy.abs(other).mean()), MIN_SPREAD)
    size = numpy.maximum(numpy.abs(away).mean(axis=1, keepdims=True), 1.0)
    return numpy.quantile(numpy.abs(away * (usual / size) - other), CELLS, axis=1) / usual


def _several(animals: Animals, track: Track) -> dict[str, Any]:
    numpy = import_numpy()
    minutes = max(track.n_frames / track.frame_rate() / 60, 1 / 60)
    return {
        "missing_share": animals.missing.mean(),
        "missing_most_share": animals.missing.mean(axis=0).max(),
        "exchanges_per_min": len(animals.exchanged) / minutes,
        "overlap_share": numpy.mean(animals.overlapping),
        "breaks_per_min": len(animals.breaks) / minutes / max(1, animals.missing.shape[1]),
    }
