"""Small pictures of an arena with an animal, as a camera would see it: for the measures of pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.benchmarks.quality.animals import Camera

LONG_SIDE = 112


@dataclass(frozen=True)
class View:
    """How a camera looks at its arena in one video, or from one frame of it on."""

    shift: tuple[float, float] = (0.0, 0.0)
    """By how much the scene is moved, in shares of the picture."""
    angle: float = 0.0
    zoom: float = 1.0
    flip_x: bool = False
    flip_y: bool = False
    light: float = 1.0
    blur: float = 0.0
    """In px of the small picture."""


def to_view(points: Any, camera: Camera, view: View) -> Any:
    """Positions in px, as this view shows them."""
    middle = np.array([camera.width, camera.height]) / 2
    cos, sin = np.cos(view.angle) * view.zoom, np.sin(view.angle) * view.zoom
    away = points - middle
    turned = np.stack([away[..., 0] * cos - away[..., 1] * sin, away[..., 0] * sin + away[..., 1] * cos], axis=-1)
    turned = turned * [-1 if view.flip_x else 1, -1 if view.flip_y else 1]
    return turned + middle + np.array(view.shift) * [camera.width, camera.height]


def small_size(camera: Camera) -> tuple[int, int]:
    scale = LONG_SIDE / max(camera.width, camera.height)
    return round(camera.width * scale), round(camera.height * scale)


def background(camera: Camera, view: View, scene: int | None = None) -> Any:
    """The arena without an animal, grey levels as floats."""
    width, height = small_size(camera)
    rng = np.random.default_rng(camera.scene if scene is None else scene)
    y, x = np.mgrid[0:height, 0:width]
    grid = np.stack([(x + 0.5) / width * camera.width, (y + 0.5) / height * camera.height], axis=-1)
    middle = np.array([camera.width, camera.height]) / 2
    # from the picture back to the scene
    away = grid - np.array(view.shift) * [camera.width, camera.height] - middle
    away = away * [-1 if view.flip_x else 1, -1 if view.flip_y else 1]
    cos, sin = np.cos(view.angle) / view.zoom, np.sin(view.angle) / view.zoom
    u = (away[..., 0] * cos + away[..., 1] * sin) / camera.width
    v = (-away[..., 0] * sin + away[..., 1] * cos) / camera.height
    floor, wall = (rng.uniform(60, 110), rng.uniform(20, 60)) if camera.bright_animal else (
        rng.uniform(140, 200), rng.uniform(60, 120))  # fmt: skip
    picture = np.full(u.shape, floor)
    for _ in range(6):  # uneven light and stains
        a, b, c = rng.normal(0, 5), rng.normal(0, 5), rng.uniform(0, 2 * np.pi)
        picture += rng.uniform(2, 7) * np.cos(a * u + b * v + c)
    inset = 0.5 - camera.inset
    beyond = np.hypot(u, v) / inset if camera.round_arena else np.maximum(np.abs(u), np.abs(v)) / inset
    picture = np.where(beyond > 1, wall, picture)
    for _ in range(rng.integers(2, 6)):  # feeder, bottle, cables
        left, top = rng.uniform(-0.5, 0.5, 2)
        wide, high = rng.uniform(0.03, 0.15, 2)
        picture[(np.abs(u - left) < wide / 2) & (np.abs(v - top) < high / 2)] = rng.uniform(10, 230)
    return picture


def blurred(picture: Any, sigma: float) -> Any:
    """A picture out of focus."""
    if sigma <= 0:
        return picture
    reach = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    padded = np.pad(picture, reach, mode="edge")
    rows = np.apply_along_axis(np.convolve, 1, padded, kernel, "valid")
    return np.apply_along_axis(np.convolve, 0, rows, kernel, "valid")


def draw(
    camera: Camera,
    views: list[tuple[int, View]],
    animals: list[Any],
    rng: np.random.Generator,
    *,
    scene: int | None = None,
    frozen: Any = None,
    light: Any = None,
) -> Iterator[Any]:
    """Pictures of a video, uint8.

    Parameters
    ----------
    views : list of (first frame, View)
        In order; the first from frame 0 on.
    animals : list of array, (n_frames, n_parts, 2)
        Positions in px of the picture.
    frozen : array of bool, optional
        Frames that show what the one before shows.
    light : array, optional
        Light of each frame, 1 being the usual.
    """
    width, height = small_size(camera)
    scale = width / camera.width
    n_frames = len(animals[0]) if animals else len(light)
    noise = rng.normal(0, camera.noise, (8, height, width))
    grey = 215.0 if camera.bright_animal else 35.0
    radius = max(1.2, 0.13 * camera.px * scale)
    starts = [first for first, _ in views]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    plain: Any = None
    last: Any = None
    for frame in range(n_frames):
        if frame in starts:
            view = views[starts.index(frame)][1]
            plain = blurred(background(camera, view, scene), view.blur)
        if last is not None and frozen is not None and frozen[frame]:
            yield last
            continue
        picture = plain.copy()
        for animal in animals:
            body = animal[frame] * scale
            for bx, by in body[:: max(1, len(body) // 5)]:
                if not (np.isfinite(bx) and -20 < bx < width + 20 and -20 < by < height + 20):
                    continue
                left, right = int(max(bx - 2 * radius - 3, 0)), int(max(bx + 2 * radius + 4, 0))
                top, bottom = int(max(by - 2 * radius - 3, 0)), int(max(by + 2 * radius + 4, 0))
                part = (slice(top, bottom), slice(left, right))
                soft = np.clip((radius - np.hypot(x[part] - bx, y[part] - by)) / (0.7 + view.blur) + 0.5, 0, 1)
                picture[part] += (grey - picture[part]) * soft
        lit = camera.light * view.light * (1.0 if light is None else light[frame])
        shaken = np.roll(noise[rng.integers(8)], (rng.integers(height), rng.integers(width)), (0, 1))
        last = np.clip(picture * lit + shaken, 0, 255).astype(np.uint8)
        yield last
