"""Cameras that look at arenas, and a drawn mouse that walks in them. Needs OpenCV: runs in the native environment.

Everything is drawn in the px of a scene, which is larger than what a camera shows; a view (2 x 3 matrix) brings it into
the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from demo.videos import FUR, draw_mouse

SIZES = ((160, 128), (208, 160), (240, 176))
RATES = (25, 30, 50)
ROOM_PX = 70
"""What there is around an arena, for cameras that were moved."""
LENGTH_PX = 40
"""From the snout to the base of the tail."""
REACH_PX = 62
"""A mouse with its tail is no farther from its middle."""
PACES = (0.0, 0.05, 0.8, 1.6, 2.6)
"""Body lengths per second."""


@dataclass(frozen=True)
class Camera:
    """A camera and its arena."""

    name: str
    width: int
    height: int
    rate: int
    zoom: float
    noise: float
    light: float
    scene: int
    """Seed of its arena."""

    @property
    def room(self) -> tuple[int, int]:
        """Width and height of the arena in px of the scene."""
        return round(self.width / self.zoom), round(self.height / self.zoom)


def make_camera(number: int, rng: np.random.Generator) -> Camera:
    """A camera with an arena of its own."""
    width, height = SIZES[rng.integers(len(SIZES))]
    return Camera(
        f"camera {number}", width, height, RATES[rng.integers(len(RATES))], float(rng.uniform(0.92, 1.08)),
        float(rng.uniform(2, 4)), float(rng.uniform(0.9, 1.08)), int(rng.integers(1 << 30)),
    )  # fmt: skip


def grain(rng: np.random.Generator, width: int, height: int, level: float) -> Any:
    """Texture of three grain sizes, float (height, width, 3), BGR, as in the pictures that the networks learnt from."""
    found = np.full((height, width, 3), level, dtype=np.float32)
    for size, strength in ((32, 16.0), (8, 9.0), (2, 6.0)):
        patch = rng.normal(0, strength, (height // size + 1, width // size + 1, 1)).astype(np.float32)
        tinted = patch * np.array([0.8, 1.0, 1.1], dtype=np.float32)
        found += cv2.resize(tinted, (width, height), interpolation=cv2.INTER_CUBIC)
    return found


def draw_scene(camera: Camera, seed: int | None = None) -> Any:
    """An arena without an animal, and the room around it."""
    rng = np.random.default_rng(camera.scene if seed is None else seed)
    width, height = camera.room
    whole = grain(rng, width + 2 * ROOM_PX, height + 2 * ROOM_PX, rng.uniform(70, 100))
    floor = grain(rng, width, height, rng.uniform(115, 145))
    inset = rng.uniform(0.01, 0.06)
    y, x = np.mgrid[0:height, 0:width]
    u, v = np.abs(x / width - 0.5) / (0.5 - inset), np.abs(y / height - 0.5) / (0.5 - inset)
    inside = np.hypot(u, v) ** 2 <= 1.7 if rng.random() < 0.4 else np.maximum(u, v) <= 1
    inner = whole[ROOM_PX : ROOM_PX + height, ROOM_PX : ROOM_PX + width]
    inner[inside] = floor[inside]
    for _ in range(rng.integers(2, 5)):  # feeder, bottle, cables: at the walls
        along, wall, away = rng.uniform(0.05, 0.95), rng.integers(4), rng.uniform(0, 0.05)
        place = ((along, away), (along, 1 - away), (away, along), (1 - away, along))[wall]
        centre = (int(place[0] * width), int(place[1] * height))
        axes = (int(rng.uniform(6, 14)), int(rng.uniform(5, 10)))
        colour = [float(level) for level in rng.uniform(60, 200) + rng.normal(0, 12, 3)]
        cv2.ellipse(inner, centre, axes, rng.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    return whole


def walk(camera: Camera, n_frames: int, rng: np.random.Generator) -> Any:
    """Where a mouse is in the scene: (n, 4), middle in px, heading and head turn in radians."""
    dt = 1 / camera.rate
    half = np.array(camera.room) / 2 - 24
    at, heading, turn, pace, aim = rng.uniform(-0.6, 0.6, 2) * half, rng.uniform(-np.pi, np.pi), 0.0, 0.8, 0.8
    found = np.empty((n_frames, 4))
    keep = math.exp(-dt / 0.25)
    for frame in range(n_frames):
        if rng.random() < 0.7 * dt:
            aim = rng.choice(PACES)
        pace += (aim - pace) * min(1.0, 4 * dt)
        turn = keep * turn + rng.normal(0, 0.22) * math.sqrt(1 - keep**2)
        off = np.hypot(*(at / half))
        pull = math.sin(math.atan2(-at[1], -at[0]) - heading) * max(0.0, off - 0.6) * 12
        heading += (pull + 7 * turn) * dt * (0.2 + min(pace, 1.5))
        step = np.array([math.cos(heading), math.sin(heading)]) * pace * LENGTH_PX * dt
        at = np.clip(at + step, -half, half)
        found[frame] = [*(at + np.array(camera.room) / 2 + ROOM_PX), heading, turn]
    return found


def put_mouse(scene: Any, pose: Any, fur: tuple[int, int, int] = FUR) -> Any:
    """Draw a mouse into the scene; returns its points (4, 2) in px of the scene."""
    height, width = scene.shape[:2]
    left, top = (max(0, int(pose[n]) - REACH_PX) for n in (0, 1))
    part = (slice(top, min(height, top + 2 * REACH_PX)), slice(left, min(width, left + 2 * REACH_PX)))
    x, y, heading, turn = (float(number) for number in pose)
    scene[part], points = draw_mouse(scene[part], x - left, y - top, heading, turn, fur=fur)
    return points + np.array([left, top])


def view_of(
    camera: Camera, *, shift: Any = (0.0, 0.0), angle: float = 0.0, zoom: float = 1.0, flip: Any = (1, 1)
) -> Any:
    """Matrix (2, 3) from px of the scene to px of the picture; the shift in shares of the picture, flips as -1."""
    scale = camera.zoom * zoom
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    turn = np.array(flip)[:, None] * turn
    middle = np.array(camera.room) / 2 + ROOM_PX - 0.5
    size = np.array([camera.width, camera.height])
    return np.hstack([turn, ((size - 1) / 2 + np.array(shift) * size - turn @ middle)[:, None]])


def seen(points: Any, view: Any) -> Any:
    """Points (..., 2) of the scene in px of the picture."""
    return points @ view[:, :2].T + view[:, 2]
