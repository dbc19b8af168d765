"""One rendered video: what is in front of the camera in each frame, drawn, and where the body parts truly are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from demo.videos import disc
from tests.benchmarks.quality.rendered.arena import Camera, draw_scene, put_mouse, seen, view_of, walk

EARS = (60, 60, 200), (70, 170, 60)
"""Colours of the left and the right one, as `demo.videos.draw_mouse` draws them."""
EDGE_PX = 0.7
"""Cameras blur this much by themselves."""


@dataclass
class Clip:
    """A video on its way to the encoder; faults change it.

    Parameters
    ----------
    poses : list of array, (n, 4)
        Of each mouse; the first is the one that there should be.
    views : array, (n, 2, 3)
    light, blur : array, (n,)
        Light, 1 being the usual; sigma in px.
    covers : array, (n, 3)
        A thing in front of the animal: place in px of the scene and radius, 0 without one.
    frozen : array of bool, (n,)
        Frames that show what the one before shows.
    kept : array of bool, (n,)
        Frames that reach the disk.
    dyed_wrongly : bool
        Each ear has the other one's colour.
    crop : tuple of int or None
        Part that is analysed, ``(x1, x2, y1, y2)`` in px.
    scene : int or None
        Seed of another arena.
    """

    camera: Camera
    rng: np.random.Generator
    poses: list[Any]
    views: Any
    light: Any
    blur: Any
    covers: Any
    frozen: Any
    kept: Any
    crop: tuple[int, int, int, int] | None = None
    dyed_wrongly: bool = False
    is_empty: bool = False
    scene: int | None = None
    fault: str = ""
    truth: Any = field(default=None)

    @property
    def n_frames(self) -> int:
        return len(self.light)

    def pictures(self) -> Iterator[Any]:
        """Pictures of the frames that are kept, BGR; `truth` is of the same frames afterwards."""
        camera, rng = self.camera, self.rng
        scene = draw_scene(camera, self.scene)
        cover = rng.uniform(60, 170) + rng.normal(0, 14, (64, 64, 1)).repeat(3, axis=2)
        self.truth = np.full((self.n_frames, 4, 2), np.nan)
        last = None
        for frame in range(self.n_frames):
            whole = scene.copy()
            points = [put_mouse(whole, poses[frame]) for poses in ([] if self.is_empty else self.poses)]
            if points:
                if self.dyed_wrongly:
                    for place, colour in zip(points[0][[1, 2]], EARS[::-1], strict=True):
                        disc(whole, place, (3.2, 3.2), 0, colour)
                self.truth[frame] = seen(points[0], self.views[frame])
            if self.covers[frame, 2] > 0:
                _cover(whole, self.covers[frame], cover)
            if not self.kept[frame]:
                continue
            if last is None or not self.frozen[frame]:
                size = (camera.width, camera.height)
                picture = cv2.warpAffine(whole, self.views[frame], size, flags=cv2.INTER_LINEAR)
                sigma = float(np.hypot(EDGE_PX, self.blur[frame]))
                picture = cv2.GaussianBlur(picture, (0, 0), sigma) * (camera.light * self.light[frame])
                last = np.clip(picture + rng.normal(0, camera.noise, picture.shape), 0, 255).astype(np.uint8)
            yield last
        self.truth = self.truth[self.kept]
        if self.crop:
            self.truth = self.truth - [self.crop[0], self.crop[2]]

    def write(self, file: Path) -> None:
        """Encode the video; frames that were lost leave holes in its times."""
        import av

        file.parent.mkdir(parents=True, exist_ok=True)
        ticks = np.flatnonzero(self.kept)
        with av.open(str(file), "w") as container:
            stream = container.add_stream("libx264", rate=self.camera.rate, options={"crf": "14", "preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = self.camera.width, self.camera.height, "yuv420p"
            for tick, picture in zip(ticks, self.pictures(), strict=True):
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = int(tick), Fraction(1, self.camera.rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())


def _cover(whole: Any, cover: Any, texture: Any) -> None:
    mask = np.zeros(whole.shape[:2], np.uint8)
    cv2.circle(mask, (round(cover[0]), round(cover[1])), round(cover[2]), 255, -1, cv2.LINE_AA)
    alpha = (mask.astype(np.float32) / 255)[..., None]
    tiles = np.tile(texture, (whole.shape[0] // 64 + 1, whole.shape[1] // 64 + 1, 1))[
        : whole.shape[0], : whole.shape[1]
    ]
    whole += alpha * (tiles.astype(np.float32) - whole)


def plain_clip(camera: Camera, rng: np.random.Generator) -> Clip:
    """A video without a fault."""
    n_frames = int(rng.integers(240, 321))
    view = view_of(camera, shift=rng.normal(0, 0.004, 2), angle=rng.normal(0, 0.005))
    kept = np.ones(n_frames, bool)
    if rng.random() < 0.2:  # a camera that loses a frame now and then is no fault
        kept[rng.integers(1, n_frames - 1, rng.integers(1, 3))] = False
    return Clip(
        camera, rng, [walk(camera, n_frames, rng)], np.repeat(view[None], n_frames, axis=0),
        np.full(n_frames, np.exp(rng.normal(0, 0.06))), np.zeros(n_frames), np.zeros((n_frames, 3)),
        np.zeros(n_frames, bool), kept,
    )  # fmt: skip
