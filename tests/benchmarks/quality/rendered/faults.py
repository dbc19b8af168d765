"""Faults that are planted in pictures. How strong one is, is drawn from wide ranges that know nothing of the rules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.quality.rendered.arena import seen, view_of, walk
from tests.benchmarks.quality.rendered.clip import Clip


def spans(n_frames: int, share: float, mean_frames: float, rng: np.random.Generator) -> Any:
    """Which frames lie in some spans that together make about a share of the video."""
    found = np.zeros(n_frames, bool)
    while found.mean() < share:
        start, length = int(rng.integers(n_frames)), max(3, int(rng.exponential(mean_frames)))
        found[start : start + length] = True
    return found


def occlusion(clip: Clip) -> None:
    """A hand, a cable or a shelter is in front of the animal, and follows it as hands do."""
    rng = clip.rng
    which = spans(clip.n_frames, rng.uniform(0.08, 0.6), rng.uniform(0.3, 3) * clip.camera.rate, rng)
    away, radius = rng.uniform(-14, 14, 2), rng.uniform(13, 26)
    clip.covers[which, :2] = clip.poses[0][which, :2] + away
    clip.covers[which, 2] = radius


def swapped_sides(clip: Clip) -> None:
    """Whoever dyed the ears mistook left for right."""
    clip.dyed_wrongly = True


def flipped_camera(clip: Clip) -> None:
    kind = clip.rng.integers(3)
    clip.views[:] = view_of(clip.camera, flip=(1 if kind == 1 else -1, 1 if kind == 0 else -1))


def moved_camera(clip: Clip) -> None:
    rng = clip.rng
    first = int(clip.n_frames * rng.uniform(0.15, 0.85)) if rng.random() < 0.6 else 0
    away, way = rng.uniform(0.06, 0.25), rng.uniform(0, 2 * np.pi)
    clip.views[first:] = view_of(
        clip.camera, shift=(away * np.cos(way), away * np.sin(way)), angle=rng.normal(0, 0.1),
        zoom=rng.uniform(0.85, 1.15),
    )  # fmt: skip


def wrong_arena(clip: Clip) -> None:
    clip.scene = int(clip.rng.integers(1 << 30))


def lamp_off(clip: Clip) -> None:
    rng = clip.rng
    first = 0 if rng.random() < 0.4 else int(clip.n_frames * rng.uniform(0.05, 0.9))
    clip.light[first:] *= rng.uniform(0.03, 0.4)


def out_of_focus(clip: Clip) -> None:
    clip.blur[:] = clip.rng.uniform(1.5, 4.0)


def frozen_camera(clip: Clip) -> None:
    rng = clip.rng
    clip.frozen = spans(clip.n_frames, rng.uniform(0.04, 0.6), rng.uniform(0.5, 5) * clip.camera.rate, rng)
    clip.frozen[0] = False


def dropped_frames(clip: Clip) -> None:
    rng = clip.rng
    lost = spans(clip.n_frames, rng.uniform(0.03, 0.4), rng.uniform(0.1, 1.5) * clip.camera.rate, rng)
    lost[[0, -1]] = False
    clip.kept &= ~lost


def empty_cage(clip: Clip) -> None:
    clip.is_empty = True


def second_animal(clip: Clip) -> None:
    clip.poses = [clip.poses[0], walk(clip.camera, clip.n_frames, clip.rng)]


def wrong_crop(clip: Clip) -> None:
    """The part that is analysed was set for another camera: the animal is outside of it for some of the time."""
    rng, camera = clip.rng, clip.camera
    width, height = (round(size * rng.uniform(0.5, 0.8)) for size in (camera.width, camera.height))
    middle = seen(clip.poses[0][:, :2], clip.views[0])
    best, goal = (0, 0), rng.uniform(0.2, 0.8)
    misses = []
    for left in (0, camera.width - width):
        for top in (0, camera.height - height):
            inside = ((middle >= [left, top]) & (middle < [left + width, top + height])).all(axis=1).mean()
            misses.append((abs(1 - inside - goal), (left, top)))
    best = min(misses)[1]
    clip.crop = best[0], best[0] + width, best[1], best[1] + height


FAULTS: dict[str, Callable[[Clip], None]] = {
    "occlusion": occlusion,
    "swapped sides": swapped_sides,
    "flipped camera": flipped_camera,
    "moved camera": moved_camera,
    "wrong arena": wrong_arena,
    "lamp off": lamp_off,
    "out of focus": out_of_focus,
    "frozen camera": frozen_camera,
    "dropped frames": dropped_frames,
    "empty cage": empty_cage,
    "second animal": second_animal,
    "wrong crop": wrong_crop,
}
"""Those of the simulated benchmark that are in pictures; another project's model and reordered body parts are not."""
