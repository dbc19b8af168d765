"""Parts of tests/integration/test_tracks.py that need DeepLabCut: ``tracks_beside_stock.py PART FOLDER``."""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dlcctr.campaign.steps.tracks import TracksParameters
from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

if declare_missing():
    supply_operators()

from deeplabcut.pose_estimation_pytorch.apis.tracklets import build_tracklets
from deeplabcut.refine_training_dataset.stitch import Tracklet, TrackletStitcher

from entrypoint.engines.ellipse_tracker import mend
from entrypoint.steps.tracks import run, tracking
from entrypoint.steps.tracks.stitcher import _joined
from tests.animals import FILE, step_input, wander, write_assemblies

INFERENCE = {"pcutoff": 0.1, "iou_threshold": 0.6, "max_age": 1, "min_hits": 1, "boundingboxslack": 0}
KILLS = 20


def stock(file: Path, frames: int, tracker: str, *, animals: int, parts: int, unique: Any, only: bool) -> Any:
    """What `convert_detections2tracklets` and `stitch_tracklets` make, with the mended tracker."""
    mend()
    names = [f"animal{n}" for n in range(animals)]
    joints = [f"part{n}" for n in range(parts)] + list(unique)
    inference = {**INFERENCE, "topktoretain": animals}
    with file.open("rb") as stream:
        found = pickle.load(stream)
    tracklets = build_tracklets(
        found, tracker, inference, joints, "DLC_x", frames, unique_bodyparts=list(unique), identity_only=only
    )
    stitcher = TrackletStitcher.from_dict_of_dict(tracklets, animals)

    def weight(one: Any, other: Any) -> Any:
        return (0.01 if one.identity == other.identity else 1) * stitcher.calculate_edge_weight(one, other)

    known = any(tracklet.identity != -1 for tracklet in stitcher)
    stitcher.build_graph(weight_func=weight if known else None)
    stitcher.stitch()
    return stitcher.format_df(names).reindex(range(frames)), len(stitcher)


def ours(folder: Path, frames: int, parameters: TracksParameters, **facts: Any) -> Any:
    result = run(step_input(folder, frames, parameters, **facts))
    return pd.read_hdf(result.files[0]), result


def equal(folder: Path) -> Iterator[dict[str, Any]]:
    frames, animals, parts = 400, 4, 6
    generator = np.random.default_rng(3)
    corner = {n: generator.random((1, 3)) for n in range(0, frames - 9, 2)}
    for number, (tracker, identity, only, unique) in enumerate(
        (
            ("ellipse", False, False, ()), ("ellipse", True, False, ()), ("ellipse", True, True, ("corner",)),
            ("ellipse", False, False, ("corner",)), ("box", False, False, ()), ("box", True, False, ("corner",)),
            ("box", True, True, ()), ("skeleton", False, False, ()),
        )
    ):  # fmt: skip
        place = folder / str(number)
        place.mkdir()
        # stock's skeleton tracker ends with an error as soon as an animal is not seen in a frame
        seen = wander(frames, animals, parts, identity=identity, missed=0.0 if tracker == "skeleton" else 0.02)
        poses = [each for n, each in enumerate(seen) if tracker != "skeleton" or n < 300 or n > 309]
        write_assemblies(
            place / FILE,
            iter(poses + [poses[0][:0].copy() for _ in range(len(poses), frames)]),
            corner if unique else None,
        )
        wanted, tracklets = stock(place / FILE, frames, tracker, animals=animals, parts=parts, unique=unique, only=only)
        found, _ = ours(
            place, frames, TracksParameters(tracker=tracker, identity=only or None), identity=identity, unique=unique
        )
        one, other = wanted.to_numpy(float), found.to_numpy(float)
        yield {
            "tracker": tracker, "identity": identity, "only": only, "tracklets": tracklets,
            "same columns": list(wanted.columns) == list(found.columns),
            "different": int((~((one == other) | (np.isnan(one) & np.isnan(other)))).sum()),
            "positions": int(np.isfinite(other).sum()) // 3,
        }  # fmt: skip


def killed(folder: Path) -> dict[str, Any]:
    frames = 2_600
    tracking.CHECKPOINT_FRAMES = 100
    parameters = TracksParameters(window=2_000)
    whole, broken = folder / "whole", folder / "broken"
    for place in (whole, broken):
        place.mkdir()
        write_assemblies(place / FILE, wander(frames, 3, 5))
    facts = {"animals": 3, "parts": 5}
    ours(whole, frames, parameters, **facts)  # compiles what is to be compiled
    for file in (whole / "kept").iterdir():
        file.unlink()
    began = time.process_time()
    wanted, _ = ours(whole, frames, parameters, **facts)
    longest = (time.process_time() - began) / 8
    chance = random.Random(11)
    kills = middle = 0
    while kills < KILLS:
        middle += (broken / "kept" / tracking.STATE_FILE).is_file()
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process wherever it is
            signal.setitimer(signal.ITIMER_PROF, chance.uniform(0.01, longest))
            ours(broken, frames, parameters, **facts)
            os._exit(0)
        chance.random()
        _, status = os.waitpid(child, 0)
        kills += os.WIFSIGNALED(status)
        if not os.WIFSIGNALED(status):
            break
    found, _ = ours(broken, frames, parameters, **facts)
    same = np.array_equal(wanted.to_numpy(), found.to_numpy(), equal_nan=True)
    return {
        "kills": kills,
        "starts in the middle": middle,
        "same": same,
        "positions": int(np.isfinite(found).sum().sum()),
    }


def lanes(frames: int, animals: int) -> Iterator[Any]:
    """Animals that each stay in a part of the cage, and are missed now and then."""
    generator = np.random.default_rng(5)
    body = generator.normal(size=(5, 2)) * (20, 8)
    for n in range(frames):
        poses = np.empty((animals, 5, 4))
        centre = np.array([[300 + 100 * np.sin(n / 90), 100 + 300 * k] for k in range(animals)])
        poses[..., :2] = centre[:, None] + body + generator.normal(size=(animals, 5, 2))
        poses[..., 2], poses[..., 3] = 0.9, -1
        seen = animals - (n % 50 < 4)  # the last one is missed
        yield poses[generator.permutation(seen)]


def windows(folder: Path) -> dict[str, Any]:
    frames = 5_000
    write_assemblies(folder / FILE, lanes(frames, 3))
    found, result = ours(folder, frames, TracksParameters(window=2_000), animals=3, parts=5)
    y = found.to_numpy().reshape(frames, 3, 5, 3)[..., 1].mean(axis=2)
    lane = np.round((y - 100) / 300)
    foreign = sum(int((each[np.isfinite(each)] != np.nanmedian(each)).sum()) for each in lane.T)
    return {
        "windows": int(result.facts["windows"]), "remark": result.remark, "foreign": foreign,
        "positions": int(np.isfinite(found).sum().sum()) // 3,
    }  # fmt: skip


def empty(folder: Path) -> dict[str, Any]:
    answers = {}
    for name, seen in (("nothing", 0), ("one pose", 3)):
        place = folder / name
        place.mkdir()
        poses = list(lanes(50, 2))
        write_assemblies(place / FILE, (each if n < seen else each[:0] for n, each in enumerate(poses)))
        found, result = ours(place, 50, TracksParameters(), animals=2, parts=5)
        answers[name] = {"remark": result.remark, "rows": len(found), "seen": int(np.isfinite(found).sum().sum())}
    return answers


def link(folder: Path) -> dict[str, Any]:
    from entrypoint.steps.tracks.windows import link as follow

    del folder
    before = np.array([[0, 1, 2], [2, 0, 1], [0, 1, -1]])
    same = follow(before, before[:, [2, 0, 1]], np.full((3, 2), np.nan), np.full((3, 3, 2), np.nan))
    last = np.array([[10.0, 10.0], [500.0, 500.0]])
    centres = np.full((9, 2, 2), np.nan)
    centres[5, 0], centres[6, 1] = (490, 510), (15, 10)
    centres[8, 0], centres[8, 1] = (10, 10), (500, 500)  # later places say nothing
    places = follow(np.full((4, 2), -1), np.full((4, 2), -1), last, centres)
    # one common pose says more than a place
    both = follow(np.array([[3, -1]]), np.array([[-1, 3]]), last * 0 + [[0], [9]], np.array([[[0.0, 0], [9, 9]]]))
    return {"same poses": same.tolist(), "places": places.tolist(), "both": both.tolist()}


def joined(_: Path) -> dict[str, Any]:
    """Tracklets that share frames, joined at once and by DeepLabCut's own sum."""
    chance = np.random.default_rng(5)
    equal = 0
    for _ in range(50):
        tracklets = []
        for _ in range(chance.integers(2, 9)):
            inds = np.sort(chance.choice(60, chance.integers(1, 40), replace=False))
            tracklets.append(Tracklet(chance.normal(size=(len(inds), 3, 3)), inds))
        ours, wanted = _joined(tracklets), sum(tracklets)
        equal += bool(np.array_equal(ours.inds, wanted.inds) and np.array_equal(ours.data, wanted.data))
    return {"equal": equal, "shared": len(set(wanted.inds.tolist())) < len(wanted.inds)}


if __name__ == "__main__":
    part, where = sys.argv[1:]
    answer = {"equal": equal, "killed": killed, "windows": windows, "empty": empty, "link": link, "joined": joined}[
        part
    ](Path(where))
    print(json.dumps(answer if isinstance(answer, dict) else list(answer)))
