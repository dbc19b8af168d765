"""A whole round on the open-field project, in its smallest form; on a drawn one of its form where it is not here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.rounds.openfield import real
from tests.benchmarks.rounds.openfield.settings import NO_FRAMES, OWN
from tests.benchmarks.rounds.openfield.stretches import FRAMES, campaign_stretches, frames_of, held_out
from tests.benchmarks.rounds.openfield.walk import QUICK_FRAMES
from tests.benchmarks.rounds.settings import FIRST as START_MODEL
from tests.benchmarks.rounds.settings import OURS
from tests.integration.conftest import REAL_DATA

ROOT = Path(__file__).resolve().parents[2]
CONFIG = f"""
Task: openfield
scorer: {real.SCORER}
date: Oct30
multianimalproject:
identity:
project_path: WILL BE AUTOMATICALLY UPDATED BY DEMO CODE
video_sets:
  WILL BE AUTOMATICALLY UPDATED BY DEMO CODE:
    crop: 0, 160, 0, 128
bodyparts: [{", ".join(real.BODY_PARTS)}]
skeleton: []
TrainingFraction: [0.95]
iteration: 0
default_net_type: resnet_50
default_augmenter: imgaug
snapshotindex: -1
pcutoff: 0.4
batch_size: 4
"""


def draw_data(folder: Path) -> Path:
    """A drawn animal's frames and labels, where the real ones would be."""
    import cv2

    from demo.videos import TRAINING, draw_clip

    project = folder / "data" / real.PROJECT.name
    labels = project / "labeled-data" / real.LABELS.name
    labels.mkdir(parents=True)
    (project / "config.yaml").write_text(CONFIG, encoding="utf-8")
    pictures, points = draw_clip(TRAINING, FRAMES)
    n_parts = len(real.BODY_PARTS)
    lines = [
        ["scorer", *[real.SCORER] * 2 * n_parts],
        ["bodyparts", *(part for part in real.BODY_PARTS for _ in "xy")],
        ["coords", *"xy" * n_parts],
    ]
    for n, picture in enumerate(pictures):
        name = real.picture_of(n).name
        cv2.imwrite(str(labels / name), picture)
        lines.append([f"labeled-data/{labels.name}/{name}", *(f"{value:.3f}" for value in points[n].ravel())])
    (labels / real.TABLE).write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")
    return folder


@pytest.mark.full
def test_a_round_from_labels_to_held_out_errors(tmp_path: Path) -> None:
    is_here = not real.missing(with_model=False)
    data = REAL_DATA if is_here else draw_data(tmp_path / "data")
    print(f"data: {data}" + ("" if is_here else f", drawn: {real.missing(with_model=False)}"))
    out = tmp_path / "out"

    def walk() -> list[str]:
        words = ["-m", "tests.benchmarks.rounds.openfield", "--quick", "--start", OWN, "--out", str(out)]
        env = {**os.environ, "DLCCTR_REAL_DATA": str(data)}
        done = subprocess.run(
            [sys.executable, *words], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )  # fmt: skip
        log = (out / OWN / "walk.log").read_text()[-3000:]
        assert done.returncode == 0, done.stdout + done.stderr + log
        return (out / OWN / "results.jsonl").read_text().splitlines()

    lines = walk()
    found = {line["way"]: line for line in map(json.loads, lines)}
    assert list(found) == [START_MODEL, NO_FRAMES, OURS]
    for way, line in found.items():
        assert list(map(int, line["errors_px"])) == frames_of(held_out(0)), way
        assert all(px >= 0 for each in line["errors_px"].values() for px in each), "every label is compared"
        assert all(len(each) == len(real.BODY_PARTS) for each in line["errors_px"].values())
    assert len({json.dumps(line["errors_px"]) for line in found.values()}) == len(found), "three models"
    picked = found[OURS]["picked"]
    assert len(picked) == QUICK_FRAMES
    assert set(picked) <= set(frames_of(campaign_stretches(0)))
    assert found[OURS]["losses"][-1][1] > 0
    assert walk() == lines, "what is measured is not done again"
