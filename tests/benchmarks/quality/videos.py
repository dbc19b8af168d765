"""One synthetic video: truth, predictions, times and pictures, with a planted fault or without one.

How strong a fault is, is drawn from wide ranges that know nothing of the rules: a fault may be a few frames long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.benchmarks.quality import network
from tests.benchmarks.quality.animals import Camera, Skeleton, make_camera, make_skeleton, pose
from tests.benchmarks.quality.scenes import View, draw, to_view

NO_ANIMAL = "empty cage"


@dataclass
class Video:
    """A video on its way from an animal to a network's positions; faults change it.

    Parameters
    ----------
    truth : array, (n, p, 2)
        In px of the picture; NaN without an animal.
    animals : list of array
        What is drawn.
    unusable : array of bool, (n,)
        Frames whose picture does not show what was there: any position is wrong.
    """

    skeleton: Skeleton
    camera: Camera
    rng: np.random.Generator
    truth: Any
    paces: Any
    times_s: Any
    views: list[tuple[int, View]]
    animals: list[Any] = field(default_factory=list)
    predictions: Any = None
    frozen: Any = None
    light: Any = None
    scene: int | None = None
    kept: Any = None
    unusable: Any = None
    fault: str = ""

    @property
    def n_frames(self) -> int:
        return len(self.truth)

    def pictures(self) -> Iterator[Any]:
        found = draw(
            self.camera, self.views, self.animals, self.rng, scene=self.scene, frozen=self.frozen, light=self.light
        )
        return found if self.kept is None else (each for each, keep in zip(found, self.kept, strict=True) if keep)

    def errors_px(self) -> Any:
        """Distance of each prediction from the truth, (n, p); infinite where there is no truth."""
        away = np.hypot(*np.moveaxis(self.predictions[..., :2] - self.truth, 2, 0))
        away = np.where(np.isfinite(away), away, np.inf)
        return away if self.unusable is None else np.where(self.unusable[:, None], np.inf, away)


def plain_video(skeleton: Skeleton, camera: Camera, rng: np.random.Generator) -> Video:
    """A clean video of an animal, still without predictions."""
    n_frames = int(rng.integers(350, 800))
    view = View(
        shift=tuple(rng.normal(0, 0.004, 2)), angle=rng.normal(0, 0.005), light=float(np.exp(rng.normal(0, 0.06)))
    )  # fmt: skip
    seen, paces = pose(skeleton, camera, float(np.exp(rng.normal(0, 0.05))), n_frames, rng)
    truth = to_view(seen, camera, view)
    times = np.arange(n_frames) / camera.rate
    if rng.random() < 0.2:  # a camera that loses a frame now and then is no fault
        for place in rng.integers(1, n_frames, rng.integers(1, 3)):
            times[place:] += 1 / camera.rate
    return Video(skeleton, camera, rng, truth, paces, times, [(0, view)], [truth])


def spans(n_frames: int, share: float, mean_frames: float, rng: np.random.Generator) -> Any:
    """Which frames lie in some spans that together make about a share of the video."""
    found = np.zeros(n_frames, bool)
    while found.mean() < share:
        start, length = int(rng.integers(n_frames)), max(3, int(rng.exponential(mean_frames)))
        found[start : start + length] = True
    return found


def _ordinary(video: Video, **changes: float) -> None:
    video.predictions = network.predict(
        video.truth, video.paces, video.skeleton, video.camera, video.rng, **changes
    )  # fmt: skip


def occlusion(video: Video) -> None:
    _ordinary(video)
    rng, n_parts = video.rng, len(video.skeleton.names)
    which = spans(video.n_frames, rng.uniform(0.08, 0.6), rng.uniform(0.3, 3) * video.camera.rate, rng)
    hidden = rng.permutation(n_parts)[: max(1, round(rng.uniform(0.3, 1) * n_parts))]
    mask = np.zeros((video.n_frames, n_parts), bool)
    mask[np.ix_(which, hidden)] = True
    chop = network.bursts(video.n_frames, 0.15, 2, rng)  # a network does not stay with one guess
    network.fail(video.predictions, mask & ~chop[:, None], video.skeleton, video.camera, 0.3, rng)
    network.fail(video.predictions, mask & chop[:, None], video.skeleton, video.camera, 0.3, rng)


def swapped_sides(video: Video) -> None:
    _ordinary(video)
    rng = video.rng
    share = 1.0 if rng.random() < 0.3 else rng.uniform(0.05, 0.7)
    which = spans(video.n_frames, share, rng.uniform(0.3, 4) * video.camera.rate, rng) if share < 1 else slice(None)
    before = video.predictions.copy()
    for left, right in video.skeleton.twins:
        video.predictions[which, left], video.predictions[which, right] = before[which, right], before[which, left]


def flipped_camera(video: Video) -> None:
    kind = video.rng.integers(3)
    view = View(flip_x=kind != 1, flip_y=kind != 0, light=video.views[0][1].light)
    video.views = [(0, view)]
    video.truth = to_view(video.truth, video.camera, view)
    if kind != 2 and video.rng.random() < 0.5:  # the network calls left what looks like left, and is right in that
        order = np.arange(video.truth.shape[1])
        for left, right in video.skeleton.twins:
            order[[left, right]] = order[[right, left]]
        video.truth = video.truth[:, order]
    video.animals = [video.truth]
    _ordinary(video, failures=2)


def moved_camera(video: Video) -> None:
    rng = video.rng
    first = int(video.n_frames * rng.uniform(0.15, 0.85)) if rng.random() < 0.6 else 0
    away, way = rng.uniform(0.06, 0.25), rng.uniform(0, 2 * np.pi)
    view = View(
        (away * np.cos(way), away * np.sin(way)), rng.normal(0, 0.1), rng.uniform(0.85, 1.15),
        light=video.views[0][1].light,
    )  # fmt: skip
    video.truth = video.truth.copy()
    video.truth[first:] = to_view(video.truth[first:], video.camera, view)
    video.views = [*([video.views[0]] if first else []), (first, view)]
    video.animals = [video.truth]
    _ordinary(video, failures=1.5)


def wrong_arena(video: Video) -> None:
    rng = video.rng
    video.scene = int(rng.integers(1 << 30))
    _ordinary(video, failures=rng.uniform(1, 10), unsure=rng.uniform(0, 2))


def lamp_off(video: Video) -> None:
    rng = video.rng
    first = 0 if rng.random() < 0.4 else int(video.n_frames * rng.uniform(0.05, 0.9))
    dark = rng.uniform(0.03, 0.4)
    video.light = np.ones(video.n_frames)
    video.light[first:] = dark
    _ordinary(video)
    worse = network.predict(
        video.truth, video.paces, video.skeleton, video.camera, rng, failures=rng.uniform(2, 40), unsure=3 * (1 - dark),
        noise=1.5,
    )  # fmt: skip
    video.predictions[first:] = worse[first:]


def out_of_focus(video: Video) -> None:
    rng, view = video.rng, video.views[0][1]
    blur = rng.uniform(0.8, 3.0)
    video.views = [(0, View(view.shift, view.angle, light=view.light, blur=blur))]
    _ordinary(video, failures=rng.uniform(1, 8), noise=1 + blur / 2, unsure=rng.uniform(0, 2))


def frozen_camera(video: Video) -> None:
    rng = video.rng
    video.frozen = spans(video.n_frames, rng.uniform(0.04, 0.6), rng.uniform(0.5, 5) * video.camera.rate, rng)
    video.frozen[0] = False
    shown = np.maximum.accumulate(np.where(video.frozen, 0, np.arange(video.n_frames)))
    _ordinary(video)
    video.predictions = video.predictions[shown]


def dropped_frames(video: Video) -> None:
    rng = video.rng
    _ordinary(video)
    video.kept = ~spans(video.n_frames, rng.uniform(0.03, 0.4), rng.uniform(0.1, 1.5) * video.camera.rate, rng)
    video.truth, video.predictions = video.truth[video.kept], video.predictions[video.kept]
    video.times_s = video.times_s[video.kept]


def empty_cage(video: Video) -> None:
    rng, n_parts = video.rng, len(video.skeleton.names)
    video.animals = []
    video.light = np.ones(video.n_frames)
    video.truth = np.full_like(video.truth, np.nan)
    size = [video.camera.width, video.camera.height]
    things = rng.uniform([0, 0], size, (n_parts, 3, 2))
    found = np.empty((video.n_frames, n_parts, 3))
    for part in range(n_parts):
        choice, at = np.empty(video.n_frames, int), 0
        for frame in range(video.n_frames):
            at = int(rng.integers(3)) if rng.random() < 0.03 else at
            choice[frame] = at
        found[:, part, :2] = things[part][choice] + rng.normal(0, 1.5, (video.n_frames, 2))
    found[..., 2] = 1 / (1 + np.exp(-rng.normal(rng.uniform(-4, 1), 1.2, (video.n_frames, n_parts))))
    video.predictions = found


def second_animal(video: Video) -> None:
    rng = video.rng
    other, paces = pose(video.skeleton, video.camera, float(np.exp(rng.normal(0, 0.1))), video.n_frames, rng)
    _ordinary(video, failures=1.5)
    theirs = network.predict(other, paces, video.skeleton, video.camera, rng, failures=1.5)
    whole = spans(video.n_frames, rng.uniform(0.05, 0.5), rng.uniform(0.1, 2) * video.camera.rate, rng)
    mixed = spans(video.n_frames, rng.uniform(0.02, 0.4), rng.uniform(0.05, 1) * video.camera.rate, rng)
    some = rng.random(len(video.skeleton.names)) < 0.5
    video.predictions[whole] = theirs[whole]
    video.predictions[np.ix_(mixed, some)] = theirs[np.ix_(mixed, some)]
    video.animals = [video.truth, other]


def other_model(video: Video) -> None:
    """A model with as many body parts that was trained on other animals: its points are somewhere on the animal."""
    rng, n_parts = video.rng, len(video.skeleton.names)
    stranger = make_skeleton(rng)
    there = rng.integers(len(video.skeleton.names), size=(n_parts, 2))
    mix = rng.uniform(0, 1, n_parts)[None, :, None]
    truth = video.truth
    video.truth = truth[:, there[:, 0]] * mix + truth[:, there[:, 1]] * (1 - mix)
    video.truth += rng.normal(0, 0.1 * (1 + len(stranger.names) / 10), (1, n_parts, 2)) * video.camera.px
    _ordinary(video, failures=rng.uniform(4, 40), noise=3, unsure=rng.uniform(0, 4))
    video.truth = truth


def parts_reordered(video: Video) -> None:
    rng, n_parts = video.rng, len(video.skeleton.names)
    _ordinary(video)
    order = np.arange(n_parts)
    while (order == np.arange(n_parts)).all():
        if rng.random() < 0.5:
            one, two = rng.choice(n_parts, 2, replace=False)
            order[[one, two]] = order[[two, one]]
        else:
            order = rng.permutation(n_parts)
    video.predictions = video.predictions[:, order]


def wrong_crop(video: Video) -> None:
    """The analysed part of the picture is beside the arena: what lies outside of it cannot be found."""
    rng = video.rng
    away, way = rng.uniform(0.1, 0.45), rng.uniform(0, 2 * np.pi)
    view = View((away * np.cos(way), away * np.sin(way)), light=video.views[0][1].light)
    video.views = [(0, view)]
    video.truth = to_view(video.truth, video.camera, view)
    video.animals = [video.truth]
    _ordinary(video)
    size = np.array([video.camera.width, video.camera.height])
    gone = ((video.truth < 0) | (video.truth > size)).any(axis=2)
    network.fail(video.predictions, gone, video.skeleton, video.camera, 0.15, rng)
    edge = np.clip(video.predictions[..., :2], 0, size - 1)
    video.predictions[..., :2] = edge


FAULTS: dict[str, Callable[[Video], None]] = {
    "occlusion": occlusion,
    "swapped sides": swapped_sides,
    "flipped camera": flipped_camera,
    "moved camera": moved_camera,
    "wrong arena": wrong_arena,
    "lamp off": lamp_off,
    "out of focus": out_of_focus,
    "frozen camera": frozen_camera,
    "dropped frames": dropped_frames,
    NO_ANIMAL: empty_cage,
    "second animal": second_animal,
    "another project's model": other_model,
    "body parts reordered": parts_reordered,
    "wrong crop": wrong_crop,
}


def make_video(skeleton: Skeleton, camera: Camera, rng: np.random.Generator, fault: str = "") -> Video:
    """A video with the positions that a network gave."""
    video = plain_video(skeleton, camera, rng)
    video.fault = fault
    if fault:
        FAULTS[fault](video)
    else:
        _ordinary(video)
    return video


def make_cameras(rng: np.random.Generator) -> list[Camera]:
    """The cameras of one campaign."""
    return [make_camera(rng) for _ in range(rng.integers(1, 4))]
