"""Small projects with drawn labels, and `dlc train` on them in a native environment."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from dlcctr.model.curve.losses import read_losses

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("snout", "earLeft", "tail")
"""Not in the order of the alphabet."""
BOOT = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r}); from dlcctr.cli import catch; from entrypoint.app import main; "
    "sys.exit(catch(main))"
)
CONFIG = """\
Task: drawn
scorer: lab
date: Jan1
multianimalproject: false
identity:
engine: {engine}
project_path: {folder}
video_sets:
  {folder}/videos/v.mp4:
    crop: 0, 96, 0, 96
bodyparts: [snout, earLeft, tail]
start: 0
stop: 1
numframes2pick: 20
skeleton: []
skeleton_color: black
pcutoff: 0.6
dotsize: 4
alphavalue: 0.7
colormap: rainbow
TrainingFraction: [0.8]
iteration: 0
default_net_type: resnet_50
default_augmenter: {augmenter}
snapshotindex: -1
detector_snapshotindex: -1
batch_size: 4
detector_batch_size: 1
cropping: false
x1: 0
x2: 96
y1: 0
y2: 96
corner2move2: [50, 50]
move2corner: true
"""
SHRINK = """
import sys, yaml
from pathlib import Path
file, epochs = Path(sys.argv[1]), int(sys.argv[2])
table = yaml.safe_load(file.read_text())
table["model"]["backbone"]["model_name"] = "resnet18"
table["model"]["backbone_output_channels"] = 512
for name in ("heatmap_config", "locref_config"):
    table["model"]["heads"]["bodypart"][name]["channels"][0] = 512
table["data"]["train"]["crop_sampling"].update(width=64, height=64)
runner, settings = table["runner"], table["train_settings"]
runner["scheduler"]["params"].update(lr_list=[[3e-4], [5e-5]], milestones=[2, 4])
runner.update(eval_interval=2)
runner["snapshots"].update(max_snapshots=2, save_epochs=2)
settings.update(epochs=epochs, batch_size=4)
file.write_text(yaml.safe_dump(table, sort_keys=False))
"""
"""Makes a network of which a CPU trains an epoch in a second."""
MAKE_SET = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from importlib import import_module
from entrypoint.engines.base import get_engine
from entrypoint.training.child.training_set import find_or_make
from entrypoint.training.events import Order
engine, config, shuffle = sys.argv[1:]
get_engine(engine).load(1)
order = Order(config, engine, int(shuffle), seed=7)
import_module(f"entrypoint.training.child.{{engine}}.train").prepare(order)
print(find_or_make(order).train)
"""


def draw_project(folder: Path, engine: str, frames: int = 15) -> Path:
    """Project whose labels are drawn blobs, as a table in CSV alone."""
    labels = folder / "labeled-data" / "v"
    labels.mkdir(parents=True)
    augmenter = "albumentations" if engine == "pytorch" else "imgaug"
    (folder / "config.yaml").write_text(CONFIG.format(folder=folder, engine=engine, augmenter=augmenter))
    random = np.random.default_rng(1)
    lines = ["scorer,,," + ",".join(["lab"] * 6), "bodyparts,,," + ",".join(part for part in PARTS for _ in "xy"),
             "coords,,," + ",".join("xy" * 3)]  # fmt: skip
    for number in range(frames):
        points = random.uniform(16, 80, (3, 2))
        picture = random.integers(0, 60, (96, 96, 3), dtype=np.uint8)
        for channel, (x, y) in enumerate(points):
            rows, columns = np.ogrid[:96, :96]
            picture[(columns - x) ** 2 + (rows - y) ** 2 < 25, channel] = 255
        Image.fromarray(picture).save(labels / f"img{number:02d}.png")
        lines.append(f"labeled-data,v,img{number:02d}.png," + ",".join(f"{each:.2f}" for each in points.ravel()))
    (labels / "CollectedData_lab.csv").write_text("\n".join(lines) + "\n")
    return folder


def make_set(python: Path, project: Path, engine: str, epochs: int, shuffle: int = 1) -> Path:
    """Training set of a shuffle, with a small network; returns its train folder."""
    done = script(python, MAKE_SET, engine, str(project / "config.yaml"), str(shuffle))
    train = Path(done.splitlines()[-1])
    if engine == "pytorch":
        script(python, SHRINK, str(train / "pytorch_config.yaml"), str(epochs))
    else:
        file = train / "pose_cfg.yaml"  # the pictures are smaller than DeepLabCut allows by default
        file.write_text(file.read_text().replace("min_input_size: 64", "min_input_size: 16"))
    return train


def copy_of(project: Path, place: Path) -> Path:
    """A copy of a project at another place."""
    shutil.copytree(project, place)
    config = place / "config.yaml"
    config.write_text(config.read_text().replace(str(project), str(place)))
    return place


def assert_same_losses(one: Path, two: Path, tolerance: float) -> None:
    """Two trainings have the same curve, epoch by epoch; `tolerance` is relative."""
    first, second = read_losses(one), read_losses(two)
    assert [row.epoch for row in first] == [row.epoch for row in second] and first
    for a, b in zip(first, second, strict=True):
        assert a.learning_rate == b.learning_rate, (a, b)
        assert near(a.train_loss, b.train_loss, tolerance) and near(a.test_loss, b.test_loss, tolerance), (a, b)


def near(a: float, b: float, tolerance: float) -> bool:
    return math.isclose(a, b, rel_tol=tolerance) or (math.isnan(a) and math.isnan(b))


def script(python: Path, text: str, *arguments: str) -> str:
    """Run a script to its end, which must be a good one; returns what it prints."""
    done = subprocess.run(
        [python, "-I", "-c", text, *arguments], capture_output=True, text=True, timeout=1200, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def dlc(python: Path, *words: str) -> list[str]:
    """Command line of the image's `dlc` in a native environment."""
    return [str(python), "-I", "-c", BOOT, *words]


def train(python: Path, project: Path, *options: str, code: int = 0) -> str:
    """Run `dlc train` to its end; returns what it prints."""
    done = subprocess.run(
        dlc(python, "train", str(project), "--allow-cpu", *options),
        capture_output=True, text=True, timeout=1800, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout + done.stderr
