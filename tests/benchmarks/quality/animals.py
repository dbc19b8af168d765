"""Skeletons, cameras and trajectories of synthetic animals; lengths are in body lengths until a camera sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SPINE = ("snout", "neck", "back", "tailbase", "tailtip")
SIZES = ((640, 480), (1280, 720), (800, 800), (320, 240))
RATES = (25.0, 30.0, 50.0, 60.0)


@dataclass(frozen=True)
class Skeleton:
    """Body parts: place along the spine (0 snout, 1 tail base) and to the side, in body lengths; left is positive."""

    names: tuple[str, ...]
    along: Any
    side: Any
    limb: Any
    """How far a part moves by itself, in body lengths."""
    twins: tuple[tuple[int, int], ...]


def make_skeleton(rng: np.random.Generator) -> Skeleton:
    """One of many animals with 4 to 13 body parts."""
    parts: list[tuple[str, float, float, float]] = [("snout", 0.0, 0.0, 0.01)]
    width = rng.uniform(0.09, 0.16)
    head = rng.uniform(0.12, 0.25)
    for name, place, out, limb in (
        ("ear", head, width * 0.75, 0.008),
        ("forepaw", head + 0.2, width * 1.3, 0.05),
        ("hip", 0.8, width, 0.015),
        ("hindpaw", 0.9, width * 1.4, 0.045),
    ):
        if name == "ear" or rng.random() < 0.4:
            parts += [(f"left{name}", place, out, limb), (f"right{name}", place, -out, limb)]
    if rng.random() < 0.5:
        parts.append(("back", rng.uniform(0.4, 0.6), 0.0, 0.01))
    parts.append(("tailbase", 1.0, 0.0, 0.015))
    if rng.random() < 0.4:
        parts.append(("tailtip", rng.uniform(1.5, 1.9), 0.0, 0.12))
    names = tuple(name for name, *_ in parts)
    columns = np.array([part[1:] for part in parts]).T
    pairs = tuple((n, names.index("right" + name[4:])) for n, name in enumerate(names) if name.startswith("left"))
    return Skeleton(names, *columns, twins=pairs)


@dataclass(frozen=True)
class Camera:
    """A camera: size in px, frames per second, px per body length, and what it sees."""

    width: int
    height: int
    rate: float
    px: float
    round_arena: bool
    inset: float
    """Margin of the arena, as a share of the picture."""
    scene: int
    """Seed of its background."""
    noise: float
    light: float
    bright_animal: bool
    tilt: float
    """How much distances shrink along y."""


def make_camera(rng: np.random.Generator) -> Camera:
    width, height = SIZES[rng.integers(len(SIZES))]
    light = rng.uniform(0.7, 1.15)
    return Camera(
        width, height, RATES[rng.integers(len(RATES))], min(width, height) * rng.uniform(0.12, 0.28),
        bool(rng.random() < 0.4), rng.uniform(0.02, 0.15), int(rng.integers(1 << 30)), rng.uniform(1.0, 4.0), light,
        bool(rng.random() < 0.4), rng.uniform(0.85, 1.0),
    )  # fmt: skip


def walk(camera: Camera, n_frames: int, rng: np.random.Generator) -> tuple[Any, Any, Any]:
    """Where an animal's middle goes, in px, its heading, and its speed in body lengths per second."""
    dt = 1 / camera.rate
    half = np.array([camera.width, camera.height]) * (0.5 - camera.inset) - 0.3 * camera.px
    centre = np.array([camera.width, camera.height]) / 2
    at = centre + half * rng.uniform(-0.7, 0.7, 2)
    heading, pace, aim = rng.uniform(-np.pi, np.pi), 0.5, 1.0
    turning = 0.0
    places, headings, paces = np.empty((n_frames, 2)), np.empty(n_frames), np.empty(n_frames)
    for frame in range(n_frames):
        if rng.random() < dt * 0.7:
            aim = rng.choice([0.0, 0.05, 1.0, 2.5, 4.0], p=[0.2, 0.2, 0.3, 0.2, 0.1])
        pace += (aim - pace) * min(1.0, 4 * dt)
        turning += -turning * min(1.0, 3 * dt) + rng.normal(0, 4.0) * np.sqrt(dt)
        out = (at - centre) / half
        beyond = np.hypot(*out) if camera.round_arena else np.abs(out).max()
        if beyond > 0.9:
            back = np.arctan2(*(centre - at)[::-1])
            turning += np.sin(back - heading) * 30 * dt
            if beyond > 1.0:
                at = centre + half * out / beyond
        heading += turning * dt * (0.3 + min(pace, 1.5))
        at = at + np.array([np.cos(heading), np.sin(heading)]) * pace * camera.px * dt
        places[frame], headings[frame], paces[frame] = at, heading, pace
    return places, headings, paces


def smooth_noise(n_frames: int, n_columns: int, rate: float, seconds: float, rng: np.random.Generator) -> Any:
    """Random numbers of unit size that change over some time."""
    keep = np.exp(-1 / max(rate * seconds, 1.0))
    found = np.empty((n_frames, n_columns))
    state = rng.normal(size=n_columns)
    kicks = rng.normal(size=(n_frames, n_columns)) * np.sqrt(1 - keep**2)
    for frame in range(n_frames):
        state = state * keep + kicks[frame]
        found[frame] = state
    return found


def pose(skeleton: Skeleton, camera: Camera, size: float, n_frames: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """True positions, (n_frames, n_parts, 2) in px, and speed in body lengths per second."""
    places, headings, paces = walk(camera, n_frames, rng)
    slow = smooth_noise(n_frames, 3, camera.rate, 0.5, rng)
    bend, stretch, nod = 0.35 * slow[:, 0], 1 + 0.07 * slow[:, 1], 0.25 * slow[:, 2]
    along = (0.5 - skeleton.along)[None] * stretch[:, None]
    curve = bend[:, None] * along + nod[:, None] * np.clip(along - 0.25, 0, None) * 2
    x = along * np.cos(curve) - skeleton.side * np.sin(curve)
    y = along * np.sin(curve) * 1.2 + skeleton.side * np.cos(curve)
    gait = smooth_noise(n_frames, 2 * len(skeleton.names), camera.rate, 0.12, rng).reshape(n_frames, -1, 2)
    x, y = x + gait[..., 0] * skeleton.limb, y + gait[..., 1] * skeleton.limb
    # y runs down in a picture: left of an animal that looks along +x is at negative y
    cos, sin = np.cos(headings)[:, None], np.sin(headings)[:, None]
    scale = camera.px * size
    found = np.stack([x * cos + y * sin, x * sin - y * cos], axis=2) * scale
    found[..., 1] *= camera.tilt
    return found + places[:, None], paces
