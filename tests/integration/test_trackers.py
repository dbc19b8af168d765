"""DeepLabCut's multi-animal trackers follow animals that keep apart: three of them are three tracks."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLLOW = """
import json, sys
sys.path.insert(0, sys.argv[1])
import numpy
from entrypoint.engines.torchvision_ops import declare_missing, supply_operators
if declare_missing():
    supply_operators()
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


@pytest.mark.real
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_three_animals_are_three_tracks(engine: str, request: pytest.FixtureRequest) -> None:
    python: Path = request.getfixturevalue(f"native_{engine}")
    environment = {**os.environ, "DLClight": "True"}
    command = [str(python), "-I", "-c", FOLLOW, str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"ellipse": 3, "skeleton": 3, "box": 3}
