"""DeepLabCut's multi-animal trackers follow animals that keep apart: three of them are three tracks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy
from entrypoint.engines.torchvision_ops import declare_missing, supply_operators
if declare_missing():
    supply_operators()
"""
FOLLOW = """
from deeplabcut.core.trackingutils import SORTBox, SORTEllipse, SORTSkeleton
generator = numpy.random.default_rng(7)
body = generator.normal(size=(6, 2)) * (20, 8)
frames = [
    numpy.stack([body + (100 + 3 * frame, 100 + 150 * n) + generator.normal(size=(6, 2)) / 2 for n in range(3)])
    for frame in range(80)
]
boxes = [numpy.c_[poses.min(1), poses.max(1), numpy.ones(3)] for poses in frames]
found = {}
for name, tracker, seen in (
    ("ellipse", SORTEllipse(5, 1, 0.2), frames),
    ("skeleton", SORTSkeleton(6, 5, 1, 0.2), frames),
    ("box", SORTBox(5, 1, 0.2), boxes),
):
    found[name] = len({int(track[-2]) for each in seen for track in tracker.track(each)})
print(json.dumps(found))
"""
"""filterpy 2.0.0 made 120 tracks of the first, and ended the second with an error."""
HIDE = """
from deeplabcut.core.trackingutils import SORTEllipse, fill_tracklets
from entrypoint.engines.ellipse_tracker import mend
mend()
mended, stock = SORTEllipse.track, SORTEllipse.track.__wrapped__

def follow(frames, track):
    tracker, tracklets = SORTEllipse(5, 1, 0.2), {}
    found = [track(tracker, poses) for poses in frames]
    for frame, (poses, rows) in enumerate(zip(frames, found)):
        fill_tracklets(tracklets, rows, poses, frame)
    return found, tracklets

def count_foreign(tracklets):
    # Each animal runs on its own line, 150 px from the next one
    heights = [numpy.array([numpy.nanmedian(pose[:, 1]) for pose in each.values()]) for each in tracklets.values()]
    lines = [numpy.round((each - 100) / 150) for each in heights]
    return int(sum(len(line) - max((line == n).sum() for n in line) for line in lines))

facts = {"poses": 0, "frames": 0, "stock": 0, "mended": 0, "same tracks": True, "same poses where all fit": True}
for seed in range(10):
    generator = numpy.random.default_rng(seed)
    animals = 2 + seed % 3
    body = generator.normal(size=(6, 2)) * (20, 8)
    frames = []
    for frame in range(80):
        poses = numpy.stack([body + (100 + 3 * frame, 100 + 150 * n) for n in range(animals)])
        poses = poses[generator.permutation(animals)] + generator.normal(size=poses.shape) / 2
        hidden = generator.random((animals, 6)) < generator.choice([0, 0.1, 0.6], size=(animals, 1))
        hidden[:, 0] = False  # DeepLabCut leaves animals without any part out before it tracks
        poses[hidden] = numpy.nan
        frames.append(poses)
    theirs, wrong = follow(frames, stock)
    ours, right = follow(frames, mended)
    facts["stock"] += count_foreign(wrong)
    facts["mended"] += count_foreign(right)
    for poses, a, b in zip(frames, theirs, ours):
        facts["poses"] += len(b)
        facts["same tracks"] &= numpy.array_equal(a[:, :-1], b[:, :-1])
        if (numpy.isfinite(poses).all(axis=2).sum(axis=1) >= 3).all():
            facts["frames"] += 1
            facts["same poses where all fit"] &= numpy.array_equal(a, b)
print(json.dumps(facts))
"""
"""Animals of which now and then fewer than three parts are seen, by the stock ellipse tracker and by the mended one."""


def call(python: Path, code: str) -> dict[str, int]:
    environment = {**os.environ, "DLClight": "True"}
    command = [str(python), "-I", "-c", START + code, str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    answer: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return answer


@pytest.mark.real
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_three_animals_are_three_tracks(engine: str, request: pytest.FixtureRequest) -> None:
    python: Path = request.getfixturevalue(f"native_{engine}")
    assert call(python, FOLLOW) == {"ellipse": 3, "skeleton": 3, "box": 3}


@pytest.mark.real
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_each_animal_keeps_its_poses_where_little_is_seen_of_another(
    engine: str, request: pytest.FixtureRequest
) -> None:
    facts = call(request.getfixturevalue(f"native_{engine}"), HIDE)
    assert facts["poses"] > 1000
    assert facts["frames"] > 100
    # DeepLabCut's issue #3493. Where this is 0, it is solved there, and entrypoint/engines/ellipse_tracker.py can go.
    assert facts["stock"] > 100
    assert facts["mended"] == 0
    assert facts["same tracks"] and facts["same poses where all fit"]
