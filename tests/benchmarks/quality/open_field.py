"""`python -m tests.benchmarks.quality.open_field FOLDER`: DeepLabCut's open-field example, whole and spoilt.

The clip is cut into ten videos of one camera. Their positions are labelled poses (of another video of that arena) that
change smoothly into each other, as there is no network here; an eleventh video is the last one, spoilt. Which flags
does it get that the others have not?
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np

from dlcctr.model.prior.labels import read_labels
from dlcctr.model.prior.make import make_prior
from dlcctr.quality.campaign import JudgedRow, compare, with_campaign
from dlcctr.quality.judge import judge
from dlcctr.quality.measures.pictures import PictureStatistics
from dlcctr.quality.measures.track import Track
from tests.benchmarks.quality.scenes import blurred

NAMES = ("snout", "leftear", "rightear", "tailbase")
N_PARTS, EVERY, STEPS = 10, 2, 12
Change = Callable[[Any, Any], tuple[Any, Any]]


def soft(picture: Any, sigma: float) -> Any:
    return np.repeat(blurred(picture[..., 1].astype(float), sigma)[..., None], 3, axis=2).astype(np.uint8)


def moved(picture: Any, positions: Any) -> tuple[Any, Any]:
    away = np.array([90, 50])
    return np.roll(picture, (away[1], away[0]), (0, 1)), positions + np.array([*away, 0])


CHANGES: dict[str, Change] = {
    "as it is": lambda picture, xy: (picture, xy),
    "flipped": lambda picture, xy: (picture[:, ::-1], xy * [-1, 1, 1] + [picture.shape[1], 0, 0]),
    "darkened": lambda picture, xy: ((picture * 0.25).astype(np.uint8), xy),
    "blurred": lambda picture, xy: (soft(picture, 3.0), xy),
    "moved": moved,
    "cropped": lambda picture, xy: (picture[100:380, 200:560], xy - [200, 100, 0]),
    "turned": lambda picture, xy: (picture[::-1, ::-1], xy * [-1, -1, 1] + [*picture.shape[1::-1], 0]),
}


FRAMES: dict[str, Callable[[int], Any]] = {
    "with holes": lambda n_frames: np.delete(np.arange(n_frames), slice(30, 45)),
    "frozen": lambda n_frames: np.minimum(np.arange(n_frames), n_frames * 2 // 3),
}
"""Which frames are shown, of how many."""


def read_clip(file: Path) -> list[Any]:
    with av.open(str(file)) as container:
        frames = [frame for n, frame in enumerate(container.decode(video=0)) if n % EVERY == 0]
        return [frame.to_ndarray(format="rgb24") for frame in frames]


def walk(poses: Any, n_frames: int, rng: np.random.Generator) -> Any:
    """Positions that go from one labelled pose to the next nearest one."""
    order, left = [int(rng.integers(len(poses)))], set(range(len(poses)))
    while len(order) * STEPS < n_frames + STEPS:
        left.discard(order[-1])
        left = left or set(range(len(poses)))
        order.append(min(left, key=lambda n: float(np.abs(poses[n] - poses[order[-1]]).sum())))
    stops = poses[order]
    shares = (np.arange(STEPS) / STEPS)[None, :, None, None]
    between = stops[:-1, None] * (1 - shares) + stops[1:, None] * shares
    found = between.reshape(-1, *poses.shape[1:])[:n_frames]
    likelihood = 1 / (1 + np.exp(-rng.normal(4, 1, found.shape[:2])))
    return np.concatenate([found + rng.normal(0, 1, found.shape), likelihood[..., None]], axis=2)


def main(project: Path) -> None:
    prior = make_prior(project, NAMES)
    assert prior is not None
    poses = np.array([
        [(point.real, point.imag) for point in each.points if point is not None]
        for each in read_labels(project, NAMES).poses
    ])  # fmt: skip
    clip = read_clip(next((project / "videos").iterdir()))
    rng = np.random.default_rng(5)
    parts = np.array_split(np.arange(len(clip)), N_PARTS)
    tracks = [walk(poses, len(part), rng) for part in parts]
    usual = [JudgedRow(n, "box", _judge(clip, part, xy, CHANGES["as it is"], prior))
             for n, (part, xy) in enumerate(zip(parts, tracks, strict=True))]  # fmt: skip
    for name, change in [*CHANGES.items(), *((name, CHANGES["as it is"]) for name in FRAMES)]:
        kept = FRAMES.get(name, np.arange)(len(parts[-1]))
        times = np.arange(len(kept)) * EVERY / 30 if name == "frozen" else kept * EVERY / 30
        row = JudgedRow(99, "box", _judge(clip, parts[-1][kept], tracks[-1][kept], change, prior, times))
        flags = with_campaign(row.quality, compare([*usual, row]).get(99, ())).flags
        print(f"{name:10s}", ", ".join(f"{f.name} {f.value:.3g} ({f.source}: {f.threshold:.3g})" for f in flags) or "-")
    others = compare(usual)
    print("others:", {n: [flag.name for flag in flags] for n, flags in others.items()} or "-")


def _judge(clip: list[Any], part: Any, xy: Any, change: Change, prior: Any, times: Any = None) -> Any:
    statistics = PictureStatistics(look_every=4)
    positions = np.empty_like(xy)
    for n, frame in enumerate(part):
        picture, positions[n] = change(clip[frame], xy[n])
        statistics.add(picture)
    series = statistics.finish()
    bounds = (0, 0, series.width, series.height)
    track = Track(positions[:, None], NAMES, times_s=times, rate=30.0 / EVERY, bounds=bounds)
    return judge(track, prior, series).record


if __name__ == "__main__":
    main(Path(sys.argv[1]))
