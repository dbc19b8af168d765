"""Campaigns of synthetic videos: a skeleton, a few cameras, labels from clean videos, and faults in a fifth of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from dlcctr.model.prior.make import prior_of_poses
from dlcctr.model.prior.record import Appearance, PosePrior
from dlcctr.quality.measures.pictures import PictureSeries, PictureStatistics
from dlcctr.quality.measures.track import Track
from tests.benchmarks.quality.animals import make_skeleton
from tests.benchmarks.quality.scenes import small_size
from tests.benchmarks.quality.videos import FAULTS, Video, make_cameras, make_video

FAULTY = 0.2
LABELLED_VIDEOS, LABELS_EACH = 6, 20


@dataclass(frozen=True)
class Case:
    """A video as it is judged, with its truth."""

    campaign: int
    camera: str
    fault: str
    track: Track
    errors_px: Any
    pictures: PictureSeries


@dataclass(frozen=True)
class SyntheticCampaign:
    """Videos of one project."""

    seed: int
    prior: PosePrior
    cases: list[Case]


def make_campaign(seed: int, n_videos: int = 100) -> SyntheticCampaign:
    """Make a campaign; the same seed gives the same one."""
    rng = np.random.default_rng(seed)
    skeleton = make_skeleton(rng)
    cameras = make_cameras(rng)
    labelled = [make_video(skeleton, cameras[n % len(cameras)], rng) for n in range(LABELLED_VIDEOS)]
    prior = _prior(labelled, rng)
    cases = []
    kinds = [str(kind) for kind in rng.permutation(list(FAULTS))]
    n_faulty = 0
    for _ in range(n_videos):
        is_faulty = rng.random() < FAULTY
        fault = kinds[n_faulty % len(kinds)] if is_faulty else ""
        n_faulty += is_faulty
        place = int(rng.integers(len(cameras)))
        video = make_video(skeleton, cameras[place], rng, fault)
        cases.append(_case(video, seed, f"camera {place}"))
    return SyntheticCampaign(seed, prior, cases)


def _case(video: Video, seed: int, camera: str) -> Case:
    statistics = PictureStatistics()
    for picture in video.pictures():
        statistics.add(picture)
    track = Track(
        video.predictions[:, None], video.skeleton.names, times_s=video.times_s, rate=video.camera.rate,
        bounds=(0, 0, video.camera.width, video.camera.height),
    )  # fmt: skip
    return Case(seed, camera, video.fault, track, video.errors_px(), statistics.finish())


def _prior(videos: list[Video], rng: np.random.Generator) -> PosePrior:
    """Labels as a person makes them: the truth, a pixel off, without the parts that are not seen."""
    poses = []
    looks: list[PictureSeries] = []
    for video in videos:
        frames = set(rng.choice(video.n_frames, LABELS_EACH, replace=False).tolist())
        for frame in sorted(frames):
            points = video.truth[frame] + rng.normal(0, 1.0, video.truth[frame].shape)
            seen = rng.random(len(points)) > 0.03
            poses.append(tuple(complex(x, y) if there else None for (x, y), there in zip(points, seen, strict=True)))
        statistics = PictureStatistics(look_every=1)
        for frame, picture in enumerate(video.pictures()):
            if frame in frames:
                statistics.add(picture)
        looks.append(statistics.finish())
    prior = prior_of_poses(poses, videos[0].skeleton.names, "labels")
    return _with_appearance(prior, looks, videos)


def _with_appearance(prior: PosePrior, looks: list[PictureSeries], videos: list[Video]) -> PosePrior:
    from dataclasses import replace

    def spread(values: list[Any]) -> tuple[float, ...]:
        return tuple(float(q) for q in np.percentile(np.concatenate(values), (5, 50, 95)))

    scene = np.median(np.concatenate([look.scenes for look in looks]), axis=0)
    found = Appearance(
        sum(len(look.looked) for look in looks), spread([look.brightness for look in looks]),
        spread([look.contrast for look in looks]), spread([look.sharpness for look in looks]),
        tuple(round(float(cell)) for cell in scene),
    )  # fmt: skip
    width, height = small_size(videos[0].camera)
    return replace(prior, appearance=found, width_px=width, height_px=height)


def make_cases(seeds: list[int], n_videos: int) -> Iterator[SyntheticCampaign]:
    for seed in seeds:
        yield make_campaign(seed, n_videos)
