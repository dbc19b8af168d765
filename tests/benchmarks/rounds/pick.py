"""Three ways of picking frames of an analysed campaign. Runs in the native environment, after the engine is loaded."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.contract import row_folder
from tests.benchmarks.rounds.campaign import VIDEO_FRAMES
from tests.benchmarks.rounds.settings import DEEPLABCUT, OURS

Picked = list[tuple[str, int]]
"""Video and frame, as named in the manifest."""
OFF_PX = 5.0
_PICTURE = re.compile(r"img([0-9]+)\.png")


def pick(way: str, manifest: Path, n_frames: int, place: Path, seed: int) -> Picked:
    """Pick frames; `place` is a new folder for what the way writes."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    if way == OURS:
        return by_dlcctr(manifest, n_frames, place, seed)
    if way == DEEPLABCUT:
        return by_deeplabcut(manifest, n_frames, place, seed)
    return at_random(manifest, n_frames, seed)


def by_dlcctr(manifest: Path, n_frames: int, place: Path, seed: int) -> Picked:
    """`dlc outliers` with its defaults."""
    from entrypoint.outliers.run_outliers import OutliersRequest, run_outliers

    run_outliers(OutliersRequest(manifest, n_frames, place / "to-label", seed=seed))
    with (place / "to-label" / "outliers.csv").open(encoding="utf-8", newline="") as stream:
        return [(line["video"], int(line["frame"])) for line in csv.DictReader(stream)]


def by_deeplabcut(manifest: Path, n_frames: int, place: Path, seed: int) -> Picked:
    """DeepLabCut's extract_outlier_frames with its defaults: `jump`, 20 px, k-means over pictures.

    It takes `numframes2pick` frames of each video that it is given. Here those are spread evenly, in a random order,
    over the videos in which it finds outliers at all: a user who spreads them over all videos loses more.
    """
    import deeplabcut
    from deeplabcut.refine_training_dataset import outlier_frames

    campaign, rows = read_campaign(manifest), read_manifest(manifest)
    assert campaign.model
    project = place / campaign.model.name
    shutil.copytree(campaign.model, project)
    extract, found = outlier_frames.ExtractFramesbasedonPreselection, dict[str, list[int]]()

    def call(video: str, n: int) -> None:
        _set_config(project, n)
        np.random.seed(n)  # its k-means draws from it
        folder = row_folder(campaign.out, campaign.model_id, video)
        file = campaign.video_root / video
        deeplabcut.extract_outlier_frames(
            str(project / "config.yaml"), [str(file)], automatic=True, destfolder=str(folder)
        )

    for row in rows:

        def note(index: Any, *_: Any, video: str = row.video, **__: Any) -> None:
            found[video] = [int(frame) for frame in index]

        outlier_frames.ExtractFramesbasedonPreselection = note
        call(row.video, 1)
    outlier_frames.ExtractFramesbasedonPreselection = extract
    order = [rows[n].video for n in np.random.default_rng([seed, n_frames]).permutation(len(rows))]
    picked: Picked = []
    for video, n in spread({video: len(found[video]) for video in order}, n_frames).items():
        if len(found[video]) == 1:
            picked.append((video, found[video][0]))  # DeepLabCut 3.0.2 fails here: k-means with batches of no picture
            continue
        call(video, n)
        names = [_PICTURE.fullmatch(each.name) for each in (project / "labeled-data" / Path(video).stem).iterdir()]
        picked += [(video, int(name[1])) for name in names if name]
    return picked


def spread(most: dict[str, int], n: int) -> dict[str, int]:
    """Share of each video: one after the other gets one more, in the given order, as long as it has some."""
    shares = dict.fromkeys(most, 0)
    while n > 0 and any(shares[video] < most[video] for video in most):
        for video, limit in most.items():
            if n > 0 and shares[video] < limit:
                shares[video] += 1
                n -= 1
    return {video: share for video, share in shares.items() if share}


def _set_config(project: Path, n_frames: int) -> None:
    from deeplabcut.utils import auxiliaryfunctions

    values = {"project_path": str(project), "numframes2pick": n_frames}
    auxiliaryfunctions.edit_config(str(project / "config.yaml"), values)


def at_random(manifest: Path, n_frames: int, seed: int) -> Picked:
    """Any frames of all videos."""
    videos = [row.video for row in read_manifest(manifest)]
    drawn = np.random.default_rng([seed, 5]).permutation(len(videos) * VIDEO_FRAMES)[:n_frames]
    return [(videos[n // VIDEO_FRAMES], int(n % VIDEO_FRAMES)) for n in drawn]


def by_video(picked: Picked) -> dict[str, list[int]]:
    """Frames of each video, in order."""
    found: dict[str, list[int]] = {}
    for video, frame in picked:
        found.setdefault(video, []).append(frame)
    return {video: sorted(frames) for video, frames in found.items()}


def summary(errors: Any) -> dict[str, float]:
    """Median and mean in px, and the share above 5 px, of distances from the truth."""
    known = errors[np.isfinite(errors)]
    return {
        "median": float(np.median(known)),
        "mean": float(known.mean()),
        "over_5px": float((known > OFF_PX).mean()),
        "points": len(known),
    }
