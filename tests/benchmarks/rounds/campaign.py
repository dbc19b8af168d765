"""A campaign as labs have them: many videos of an arena that the model knows, few of arenas that it does not."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.rounds.arenas import RATE, Arena, draw, jump_in, known_arena, new_arenas, walk_in
from tests.benchmarks.rounds.settings import known_videos

FIRST_FRAMES = 40
"""Labelled frames of the known arena that the first model learns from."""
NEW_VIDEOS, VIDEO_FRAMES = 2, 60
"""Videos of each new arena, and the length of all videos."""
HELD_OUT_VIDEOS, HELD_OUT_FRAMES = 2, 30
"""Videos of each arena that error is measured in, and frames of each; other walks than those of the campaign."""
HELD_OUT_EVERY = 6
KNOWN = "known"
FIRST_SEED = 11
"""Of the known arena and the first model: a lab has one, and then many campaigns."""


@dataclass(frozen=True)
class World:
    """All that belongs to one seed.

    Parameters
    ----------
    arenas : list of Arena
        The known one first, which is the same for all seeds.
    """

    seed: int
    arenas: list[Arena]

    @classmethod
    def of(cls, seed: int) -> World:
        """World of a seed; the same seed gives the same one."""
        known, new = np.random.default_rng(FIRST_SEED), np.random.default_rng([seed, 0])
        return cls(seed, [known_arena(known), *new_arenas(new)])

    def write_videos(self, folder: Path) -> dict[str, Any]:
        """Write the campaign's videos that are not there yet.

        Returns
        -------
        dict
            Points (n, 4, 2) by name of the video below `videos`.
        """
        truth: dict[str, Any] = {}
        for number, arena in enumerate(self.arenas):
            for n in range(NEW_VIDEOS if number else known_videos(self.seed)):
                name = f"{arena.camera.name}/{arena.camera.name}-{n:02d}.mp4"
                points = folder / "truth" / f"{arena.camera.name}-{n:02d}.npy"
                if not points.exists():
                    rng = np.random.default_rng([self.seed, 2, number, n])
                    pictures, found = _all(draw(arena, walk_in(arena, VIDEO_FRAMES, rng), rng))
                    write_video(folder / "videos" / name, pictures)
                    points.parent.mkdir(parents=True, exist_ok=True)
                    np.save(points, found)
                truth[name] = np.load(points)
        return truth

    def held_out(self, folder: Path) -> dict[str, list[tuple[Any, Any]]]:
        """Pictures (n, height, width, 3) and points (n, 4, 2) of each held-out video, by arena; kept in a folder."""
        found: dict[str, list[tuple[Any, Any]]] = {}
        for number, arena in enumerate(self.arenas):
            for n in range(HELD_OUT_VIDEOS):
                file = folder / "held-out" / f"{arena.camera.name}-{n:02d}.npz"
                if not file.exists():
                    rng = np.random.default_rng([self.seed, 3, number, n])
                    poses = walk_in(arena, HELD_OUT_FRAMES * HELD_OUT_EVERY, rng)[::HELD_OUT_EVERY]
                    pictures, points = _all(draw(arena, poses, rng))
                    file.parent.mkdir(parents=True, exist_ok=True)
                    np.savez(file, pictures=np.stack(pictures), points=points)
                with np.load(file) as arrays:
                    found.setdefault(arena.camera.name, []).append((arrays["pictures"], arrays["points"]))
        return found


def first_frames() -> tuple[list[Any], Any]:
    """Pictures of the known arena that were labelled first, and their points (n, 4, 2)."""
    rng = np.random.default_rng([FIRST_SEED, 1])
    arena = known_arena(np.random.default_rng(FIRST_SEED))
    return _all(draw(arena, jump_in(arena, FIRST_FRAMES, rng), rng))


def _all(drawn: Any) -> tuple[list[Any], Any]:
    pictures, points = zip(*drawn, strict=True)
    return list(pictures), np.stack(points)


def write_video(file: Path, pictures: list[Any]) -> None:
    """Encode pictures as H.264."""
    import av

    file.parent.mkdir(parents=True, exist_ok=True)
    height, width = pictures[0].shape[:2]
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"crf": "14", "preset": "veryfast", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def read_frames(file: Path, numbers: set[int]) -> dict[int, Any]:
    """Some pictures of a video, BGR, by number in presentation order."""
    import av

    with av.open(str(file)) as container:
        return {
            n: frame.to_ndarray(format="bgr24") for n, frame in enumerate(container.decode(video=0)) if n in numbers
        }
