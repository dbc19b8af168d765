"""Judge one row: from positions, times and pictures to its `quality.json`. Needs numpy.

quality = judge(track, prior, pictures)      # pictures: of PictureStatistics.finish(), or None
write_quality(folder, quality.record)
write_table(folder, track, quality)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from dlcctr.model.prior.record import PosePrior
from dlcctr.quality.flagging.flags import find_flags
from dlcctr.quality.measures.features import SURE, Features, find_features, runs
from dlcctr.quality.measures.motion import masked_median
from dlcctr.quality.measures.pictures import PictureSeries
from dlcctr.quality.measures.score import frame_score, running_mean, score
from dlcctr.quality.measures.several import compare_animals
from dlcctr.quality.measures.summary import JUMP_LENGTHS, ODD, SWAPPED, Measured, summarise
from dlcctr.quality.measures.track import Track, import_numpy
from dlcctr.quality.record import (
    MAX_BINS,
    MAX_STRETCHES,
    Flag,
    PartQuality,
    PriorUsed,
    Quality,
    Stretch,
    Timeline,
    finite,
)

SUSPICIOUS = 0.5
"""Score from which on frames belong to a stretch."""
SMOOTH_FRAMES = 2
JOIN_S = 0.3
"""Stretches that are nearer to each other in time are one."""
PART_SHARE = 0.5
"""A flag names a body part that has at least this share of what is wrong."""


@dataclass(frozen=True)
class Judgement:
    """A row's quality, with the arrays that it came from.

    Parameters
    ----------
    record : Quality
        For `quality.json`.
    features : Features
        Measures of frames and parts.
    scores : array, (n, c)
        Score of each frame and part, 0-1.
    """

    record: Quality
    features: Features
    scores: Any


def judge(track: Track, prior: PosePrior | None, pictures: PictureSeries | None = None) -> Judgement:
    """Judge a row.

    Parameters
    ----------
    prior : PosePrior or None
        Of the model's labels, or of the campaign; without one, poses themselves are not judged.
    pictures : PictureSeries or None
        Measures of the video's pictures, where somebody has looked at them.
    """
    numpy = import_numpy()
    if not track.n_frames:
        return _empty(track, prior)
    with numpy.errstate(all="ignore"):
        features = find_features(track, prior, pictures)
        scores = score(features)
        several = len(track.individuals) > 1
        animals = compare_animals(track.positions, features.centres, features.body_length_px) if several else None
        summary = summarise(Measured(track, features, scores, prior, pictures, animals))
        masks = frame_masks(features)
        by_frame = frame_score(scores)
        duration_s = _duration(track)
        flags = tuple(_placed(flag, masks, by_frame, track) for flag in find_flags(summary, prior, duration_s))
        record = Quality(
            frames=track.n_frames,
            duration_s=duration_s,
            prior=_used(prior),
            summary=summary,
            parts=_parts(track, features),
            flags=flags,
            stretches=_stretches(by_frame, masks, track),
            timeline=_timeline(track, features, by_frame),
            scene=_scene(pictures),
            scene_first=_scene(pictures, first=True),
            scene_last=_scene(pictures, last=True),
        )
    return Judgement(record, features, scores)


def _used(prior: PosePrior | None) -> PriorUsed:
    return PriorUsed(prior.source, prior.hash) if prior else PriorUsed()


def _empty(track: Track, prior: PosePrior | None) -> Judgement:
    """A video without frames."""
    features = find_features(track, None)
    return Judgement(Quality(frames=0, prior=_used(prior)), features, features.likelihood)


def frame_masks(features: Features) -> dict[str, Any]:
    """Which columns of which frames are suspicious, by kind of flag: arrays of n frames by some columns."""
    numpy = import_numpy()
    likelihood = numpy.nan_to_num(features.likelihood)
    length = features.body_length_px or 100.0
    return {
        "low-likelihood": likelihood < SURE,
        "jumps": (features.near > JUMP_LENGTHS * length) | numpy.repeat(
            features.teleport | features.split, likelihood.shape[1] // features.split.shape[1], axis=1
        ),
        "odd-pose": features.odd > ODD,
        "odd-distance": features.distance > 0.5,
        "swapped-sides": features.swapped > SWAPPED,
        "frozen-points": features.still,
        "outside-picture": features.outside,
        "frozen-camera": features.repeated[:, None],
    }  # fmt: skip


def _placed(flag: Flag, masks: dict[str, Any], by_frame: Any, track: Track) -> Flag:
    """A flag with its longest stretch, and with the part that it is mostly about."""
    numpy = import_numpy()
    mask = masks.get(flag.name)
    if mask is None or not mask.any():
        return flag
    ranges = runs(mask.mean(axis=1) > 0)
    first, stop = max(ranges, key=lambda each: each[1] - each[0])
    flag = replace(flag, first=first, stop=stop)
    counts = mask.sum(axis=0)
    worst = int(numpy.argmax(counts))
    if len(counts) == len(track.names) > 1 and counts[worst] >= PART_SHARE * counts.sum():
        who, part = track.names[worst]
        flag = replace(flag, part=part, individual=who)
    return flag


def _duration(track: Track) -> float | None:
    numpy = import_numpy()
    times = None if track.times_s is None else track.times_s[numpy.isfinite(track.times_s)]
    if times is not None and len(times):
        return finite(float(times.max() - times.min()) + 1 / track.frame_rate(), 9)
    return finite(track.n_frames / track.rate, 9) if track.rate else None


def _parts(track: Track, features: Features) -> tuple[PartQuality, ...]:
    numpy = import_numpy()
    length = features.body_length_px or 100.0
    likelihood = numpy.nan_to_num(features.likelihood)
    columns = {
        "low_share": (likelihood < SURE).mean(axis=0),
        "jump_share": (features.near > JUMP_LENGTHS * length).mean(axis=0),
        "frozen_share": features.still.mean(axis=0),
        "outside_share": features.outside.mean(axis=0),
        "odd_share": (features.odd > ODD).mean(axis=0),
        "likelihood_median": numpy.median(likelihood, axis=0),
    }
    return tuple(
        PartQuality(part, who, **{name: finite(float(values[n]), 4) for name, values in columns.items()})
        for n, (who, part) in enumerate(track.names)
    )


def _stretches(by_frame: Any, masks: dict[str, Any], track: Track) -> tuple[Stretch, ...]:
    smooth = running_mean(by_frame[:, None], SMOOTH_FRAMES)[:, 0]
    joined: list[tuple[int, int]] = []
    for first, stop in runs(smooth > SUSPICIOUS):
        if joined and first - joined[-1][1] <= JOIN_S * track.frame_rate():
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((first, stop))
    worst = sorted(joined, key=lambda each: -float(by_frame[each[0] : each[1]].sum()))[:MAX_STRETCHES]
    return tuple(
        Stretch(first, stop, finite(float(by_frame[first:stop].mean()), 3) or 0.0, _kinds(masks, first, stop))
        for first, stop in worst
    )


def _kinds(masks: dict[str, Any], first: int, stop: int) -> tuple[str, ...]:
    """Kinds of what is suspicious in a stretch, the most frequent first."""
    shares = {name: float(mask[first:stop].any(axis=1).mean()) for name, mask in masks.items()}
    return tuple(sorted((name for name, share in shares.items() if share > 0.25), key=lambda name: -shares[name]))


def _timeline(track: Track, features: Features, by_frame: Any) -> Timeline:
    numpy = import_numpy()
    n_bins = min(MAX_BINS, track.n_frames)
    edges = numpy.arange(n_bins + 1) * track.n_frames // n_bins
    likelihood = numpy.nanmedian(numpy.nan_to_num(features.likelihood), axis=1)
    speed = row_median(features.speed)
    nothing = numpy.full(track.n_frames, numpy.nan)
    times = nothing if track.times_s is None else track.times_s

    places = edges[:-1, None] + numpy.arange(numpy.diff(edges).max(initial=0))
    beyond = places >= edges[1:, None]
    places = numpy.minimum(places, max(track.n_frames - 1, 0))

    def binned(values: Any, at: Callable[[Any], tuple[Any, Any]]) -> tuple[float | None, ...]:
        """Mean of the two places in order, of the known values of each bin."""
        ordered = numpy.sort(numpy.where(beyond | ~numpy.isfinite(values)[places], numpy.nan, values[places]), axis=1)
        known = numpy.count_nonzero(~numpy.isnan(ordered), axis=1)
        low, high = (ordered[numpy.arange(n_bins), numpy.maximum(place, 0)] for place in at(known))
        return tuple(finite(float(value), 5) for value in (low + high) / 2)

    def median(known: Any) -> tuple[Any, Any]:
        return (known - 1) // 2, known // 2

    def largest(known: Any) -> tuple[Any, Any]:
        return known - 1, known - 1

    return Timeline(
        first=tuple(int(edge) for edge in edges[:-1]),
        time_s=tuple(finite(float(times[edge]), 9) for edge in edges[:-1]),
        likelihood=binned(likelihood, median),
        speed=binned(speed, median),
        score=binned(by_frame, largest),
        x=binned(features.centres[:, 0, 0], median),
        y=binned(features.centres[:, 0, 1], median),
    )


def row_median(values: Any) -> Any:
    """Median of each frame's known values; NaN where there are none."""
    numpy = import_numpy()
    there = numpy.isfinite(values)
    found = masked_median(numpy.nan_to_num(values), there)
    return numpy.where(there.any(axis=1), found, numpy.nan)


def _scene(pictures: PictureSeries | None, *, first: bool = False, last: bool = False) -> tuple[int, ...]:
    """Coarse mean picture, of a quarter where that is asked for."""
    numpy = import_numpy()
    if pictures is None or not len(pictures.scenes):
        return ()
    quarter = -(-len(pictures.scenes) // 4)
    some = pictures.scenes[:quarter] if first else pictures.scenes[-quarter if last else 0 :]
    return tuple(int(cell) for cell in numpy.rint(numpy.median(some, axis=0)))
