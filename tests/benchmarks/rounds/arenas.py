"""Arenas that a network knows or has never seen: floor, light, animal, reflections, cables. Needs OpenCV.

Everything that is difficult about the new ones can be learnt from a few labelled frames. Runs
in the native environment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from demo.videos import FUR, disc
from tests.benchmarks.quality.rendered.arena import (
    REACH_PX,
    ROOM_PX,
    Camera,
    draw_scene,
    put_mouse,
    seen,
    view_of,
    walk,
)

WIDTH, HEIGHT, RATE = 96, 80, 10
ZOOM = 0.6
"""The usual animal is 24 px long."""
EDGE_PX = 0.7
"""Cameras blur this much by themselves."""
WALL_PX = 24
"""A walk keeps this far from the walls, in px of the scene."""
FURS = ((150, 160, 165), (70, 105, 150), (20, 22, 25))
"""Pale, brown and black, BGR; the known animal's is `demo.videos.FUR`."""
EAR_PX = 3.4
GLARE_FRAMES = 40


@dataclass(frozen=True)
class Arena:
    """What stands before a camera.

    Parameters
    ----------
    floor : tuple of float
        Factors of the floor's colours, BGR.
    fur : tuple of int
        Colour of the animal's body, BGR.
    is_dyed : bool
        Its ears are red and green, as those of the known animal; else both have the colour of its fur.
    mirror : float
        Share of the animal's picture that a shiny floor gives back beside it; 0 for none.
    cable : bool
        A cable hangs from above to the head.
    glare : float
        Grey levels of a spot of light that wanders over the floor; 0 for none.
    """

    camera: Camera
    floor: tuple[float, float, float] = (1.0, 1.0, 1.0)
    fur: tuple[int, int, int] = FUR
    is_dyed: bool = True
    mirror: float = 0.0
    cable: bool = False
    glare: float = 0.0


def known_arena(rng: np.random.Generator) -> Arena:
    """The arena that the first model has learnt."""
    return Arena(_camera("known", rng))


def new_arenas(rng: np.random.Generator) -> list[Arena]:
    """Three arenas that the first model has never seen, each difficult in its own way."""
    white = tuple(float(each) for each in rng.uniform(1.45, 1.65) * np.array([1.0, 1.0, 0.97]))
    sand = tuple(float(each) for each in np.array([0.55, 0.85, 1.15]) * rng.uniform(0.9, 1.1))
    dark = tuple(float(each) for each in np.array([1.0, 0.8, 0.7]) * rng.uniform(0.55, 0.7))
    size = float(rng.uniform(1.2, 1.35))
    glass, dim = _camera("glass", rng), _camera("dim", rng, light=float(rng.uniform(0.5, 0.65)), noise=6.0)
    pale, brown, black = FURS
    return [
        Arena(glass, floor=white, fur=black, is_dyed=False, mirror=float(rng.uniform(0.45, 0.7)), cable=True),
        Arena(dim, floor=sand, fur=brown, glare=float(rng.uniform(70, 110))),
        Arena(
            _camera("large", rng, zoom=size), floor=dark, fur=pale, is_dyed=False, cable=bool(rng.random() < 0.5)
        ),
    ]  # fmt: skip


def _camera(
    name: str, rng: np.random.Generator, *, light: float = 1.0, noise: float = 3.0, zoom: float = 1.0
) -> Camera:
    return Camera(name, WIDTH, HEIGHT, RATE, ZOOM * zoom, noise, light, int(rng.integers(1 << 30)))


def walk_in(arena: Arena, n_frames: int, rng: np.random.Generator) -> Any:
    """A walk (n, 4), see `tests.benchmarks.quality.rendered.arena.walk`."""
    return walk(arena.camera, n_frames, rng)


def jump_in(arena: Arena, n_frames: int, rng: np.random.Generator) -> Any:
    """Unrelated poses (n, 4), as frames that a person has picked: anywhere, any way."""
    half = np.array(arena.camera.room) / 2 - WALL_PX
    at = rng.uniform(-1, 1, (n_frames, 2)) * half + np.array(arena.camera.room) / 2 + ROOM_PX
    return np.column_stack([at, rng.uniform(-np.pi, np.pi, n_frames), rng.normal(0, 0.3, n_frames)])


def draw(arena: Arena, poses: Any, rng: np.random.Generator) -> Iterator[tuple[Any, Any]]:
    """Pictures (height, width, 3), uint8, BGR, and points (4, 2) in px; NaN for a point outside of the picture."""
    camera = arena.camera
    scene = draw_scene(camera) * np.array(arena.floor, np.float32)
    view = view_of(camera, shift=rng.normal(0, 0.004, 2), angle=float(rng.normal(0, 0.005)))
    light = camera.light * float(np.exp(rng.normal(0, 0.05)))
    spot, pull = rng.uniform(0.2, 0.8, 2), rng.uniform(-np.pi, np.pi)
    for number, pose in enumerate(poses):
        whole = scene.copy()
        if arena.glare:
            way = pull + 2 * np.pi * number / GLARE_FRAMES
            _add_glare(whole, spot + 0.15 * np.array([np.cos(way), np.sin(way)]), arena.glare)
        if arena.mirror:
            _add_mirrored(whole, pose, arena)
        points = _put(whole, pose, arena)
        if arena.cable:
            _add_cable(whole, points, pose)
        picture = cv2.warpAffine(whole, view, (camera.width, camera.height), flags=cv2.INTER_LINEAR)
        picture = cv2.GaussianBlur(picture, (0, 0), EDGE_PX) * light
        noisy = np.clip(picture + rng.normal(0, camera.noise, picture.shape), 0, 255).astype(np.uint8)
        places = seen(points, view)
        inside = ((places >= 0) & (places <= [camera.width - 1, camera.height - 1])).all(axis=1, keepdims=True)
        yield noisy, np.where(inside, places, np.nan)


def _put(whole: Any, pose: Any, arena: Arena) -> Any:
    """Draw the animal into the scene; returns its points (4, 2) in px of the scene."""
    points = put_mouse(whole, pose, arena.fur)
    if not arena.is_dyed:
        blue, green, red = arena.fur
        for place in points[1:3]:
            disc(whole, place, (EAR_PX, EAR_PX), 0, (blue + 35, green + 35, red + 45))
    return points


def _add_glare(whole: Any, place: Any, levels: float) -> None:
    height, width = whole.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    away = ((x / width - place[0]) / 0.07) ** 2 + ((y / height - place[1]) / 0.08) ** 2
    whole += (levels * np.exp(-away)).astype(np.float32)[..., None]


def _add_mirrored(whole: Any, pose: Any, arena: Arena) -> None:
    """The animal's picture in a shiny floor: beside it and fainter, the other way round."""
    ghost = whole.copy()
    below = min(pose[1] + 24, whole.shape[0] - REACH_PX / 2)
    _put(ghost, np.array([pose[0] + 9, below, -pose[2], -pose[3]]), arena)
    whole += arena.mirror * (ghost - whole)


def _add_cable(whole: Any, points: Any, pose: Any) -> None:
    """A cable from above to the middle of the head, with a bow."""
    head = points[1:3].mean(axis=0)
    top = np.array([pose[0] + 30 * np.sin(pose[2]), 0.0])
    middle = (head + top) / 2 + np.array([18 * np.cos(2 * pose[2]), 0])
    along = np.linspace(0, 1, 24)[:, None]
    bow = (1 - along) ** 2 * head + 2 * along * (1 - along) * middle + along**2 * top
    cv2.polylines(whole, [np.rint(bow * 16).astype(np.int32)], False, (35, 35, 35), 2, cv2.LINE_AA, 4)
