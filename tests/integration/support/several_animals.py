"""A project of several animals of two rounds, by DeepLabCut itself, and DeepLabCut's own evaluation of it.

For a Python that has DeepLabCut: ``several_animals.py make KIND FOLDER`` makes the project and prints where; its
networks have random weights, which is enough to compare two ways of evaluating them. ``several_animals.py stock
PROJECT`` evaluates the second round of a copy.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT)]
ANIMALS, PARTS, ONCE = ["mouse2", "mouse1"], ["snout", "back", "tail"], ["corner"]
"""Not in the order of the alphabet."""
WIDTH, HEIGHT = 160, 128
FIRST, SECOND = 14, 6
ROUNDS = (FIRST, (0, 6)), (FIRST + SECOND, (1, 4, 9, 16))
"""Frames, and those of them that test."""
KINDS = {"multi": "resnet_50", "topdown": "top_down_resnet_50"}
CONFIG: dict[str, Any] = {
    "Task": "pair",
    "scorer": "lab",
    "date": "Jan1",
    "multianimalproject": True,
    "identity": False,
    "engine": "pytorch",
    "individuals": ANIMALS,
    "multianimalbodyparts": PARTS,
    "bodyparts": "MULTI!",
    "skeleton": [],
    "start": 0,
    "stop": 1,
    "numframes2pick": 20,
    "skeleton_color": "black",
    "pcutoff": 0.5,
    "dotsize": 4,
    "alphavalue": 0.7,
    "colormap": "rainbow",
    "iteration": 0,
    "default_net_type": "resnet_50",
    "default_augmenter": "albumentations",
    "default_track_method": "ellipse",
    "snapshotindex": -1,
    "detector_snapshotindex": -1,
    "batch_size": 4,
    "detector_batch_size": 1,
    "cropping": False,
    "x1": 0,
    "x2": WIDTH,
    "y1": 0,
    "y2": HEIGHT,
    "corner2move2": [50, 50],
    "move2corner": True,
}


def make(kind: str, folder: Path) -> Path:
    """Make both rounds; labels are of every awkward kind."""
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    project = folder / "pair"
    once = [] if kind == "topdown" else ONCE  # which DeepLabCut has for bottom-up networks only
    write_labels(project / "labeled-data" / "first", FIRST, once, seed=1, awkward=False)
    _add_round(project, kind, once, 0)
    write_labels(project / "labeled-data" / "second", SECOND, once, seed=2, awkward=True)
    _add_round(project, kind, once, 1)
    return project


def write_labels(folder: Path, n_frames: int, once: list[str], *, seed: int, awkward: bool) -> None:
    """Draw pictures with two animals, and write their labels as DeepLabCut's labelling window does."""
    import cv2
    import numpy as np
    import pandas as pd

    folder.mkdir(parents=True)
    random, names = np.random.default_rng(seed), [f"img{number:03d}.png" for number in range(n_frames)]
    xy = np.full((n_frames, len(points(once)), 2), np.nan)
    for number, name in enumerate(names):
        picture = random.integers(0, 60, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        for animal in range(len(ANIMALS)):
            middle = np.array([40.0 + 80 * animal, 64.0]) + random.uniform(-8, 8, 2)
            turn = random.uniform(0, 2 * np.pi)
            for part in range(len(PARTS)):
                place = middle + (part - 1) * 28 * np.array([np.cos(turn), np.sin(turn)])
                xy[number, animal * len(PARTS) + part] = place.round(2)
                cv2.circle(
                    picture, tuple(int(each) for each in place), 5, [int(255 * (part == n)) for n in range(3)], -1
                )
        xy[number, len(ANIMALS) * len(PARTS) :] = 10, 10
        cv2.imwrite(str(folder / name), picture)
    if awkward:
        xy[0, :3] = np.nan  # one animal only
        xy[1, 4:6] = np.nan  # an animal with a single point
        xy[2] = np.nan  # nothing is labelled
        xy[3, len(ANIMALS) * len(PARTS) :] = np.nan
        xy[4, 5] = WIDTH, 20.0  # on the border
    columns = pd.MultiIndex.from_tuples(
        [("lab", who, part, coord) for who, part in points(once) for coord in "xy"],
        names=["scorer", "individuals", "bodyparts", "coords"],
    )
    index = pd.MultiIndex.from_tuples([("labeled-data", folder.name, name) for name in names])
    table = pd.DataFrame(xy.reshape(n_frames, -1), index=index, columns=columns)
    table.to_hdf(folder / "CollectedData_lab.h5", key="df_with_missing", mode="w")
    table.to_csv(folder / "CollectedData_lab.csv")


def points(once: list[str]) -> list[tuple[str, str]]:
    """Individual and body part of each point."""
    return [*((who, part) for who in ANIMALS for part in PARTS), *(("single", part) for part in once)]


def write_config(project: Path, iteration: int, once: list[str]) -> Path:
    n_frames, test = ROUNDS[iteration]
    videos = {
        str(project / "videos" / f"{name}.avi"): {"crop": f"0, {WIDTH}, 0, {HEIGHT}"} for name in ("first", "second")
    }
    table = {**CONFIG, "project_path": str(project), "video_sets": videos, "iteration": iteration,
             "uniquebodyparts": once, "TrainingFraction": [round(1 - len(test) / n_frames, 2)]}  # fmt: skip
    config = project / "config.yaml"
    config.write_text(json.dumps(table, indent=1))  # JSON is YAML
    return config


def _add_round(project: Path, kind: str, once: list[str], iteration: int) -> None:
    import deeplabcut
    from deeplabcut.core.engine import Engine

    n_frames, test = ROUNDS[iteration]
    config = write_config(project, iteration, once)
    deeplabcut.create_training_dataset(
        str(config),
        Shuffles=[1],
        trainIndices=[[n for n in range(n_frames) if n not in test]],
        testIndices=[list(test)],
        net_type=KINDS[kind],
        detector_type="ssdlite" if kind == "topdown" else None,
        userfeedback=False,
        engine=Engine.PYTORCH,
    )
    write_config(project, iteration, once)  # DeepLabCut has written it anew
    (file,) = project.glob(f"dlc-models-pytorch/iteration-{iteration}/*/train/pytorch_config.yaml")
    _begin(file, top_down=kind == "topdown", seed=3 + 4 * iteration)


def _begin(file: Path, *, top_down: bool, seed: int) -> None:
    """A small network with random weights, which sees something in every picture."""
    import torch
    import yaml
    from deeplabcut.pose_estimation_pytorch.models import DETECTORS, PoseModel

    from tests.integration.support.tiny_models import _calibrate, _pictures, _shrink, _stronger

    table = _shrink(yaml.safe_load(file.read_text()))
    head = table["model"]["heads"]["bodypart"]["predictor"]
    if "edges_to_keep" in head:
        head["edges_to_keep"] = head["edges_to_keep"][:2]  # so that stock does not choose any
    file.write_text(yaml.safe_dump(table, sort_keys=False))
    torch.manual_seed(seed)
    model = PoseModel.build(table["model"], pretrained_backbone=False)
    weights = {name: _stronger(name, value, 30.0, top_down) for name, value in model.state_dict().items()}
    torch.save({"model": weights, "metadata": {"epoch": 10}}, file.with_name("snapshot-010.pt"))
    if top_down:
        detector = DETECTORS.build(table["detector"]["model"] | {"pretrained_from_imagenet": False})
        _calibrate(detector, _pictures())
        torch.save(
            {"model": detector.state_dict(), "metadata": {"epoch": 20}}, file.with_name("snapshot-detector-020.pt")
        )


def stock(project: Path) -> dict[str, Any]:
    """Evaluate the second round with DeepLabCut's own function; the p-cutoff is the median likelihood."""
    from entrypoint.engines.torchvision_ops import declare_missing, supply_operators

    if declare_missing():
        supply_operators()
    import deeplabcut
    import pandas as pd
    from deeplabcut.utils import auxiliaryfunctions

    config = str(project / "config.yaml")
    auxiliaryfunctions.edit_config(config, {"project_path": str(project)})
    options: dict[str, Any] = {"shuffles": [1], "per_keypoint_evaluation": True, "device": "cpu"}
    deeplabcut.evaluate_network(config, **options)
    (table,) = project.glob("evaluation-results*/iteration-1/*/*.h5")
    likelihood = pd.read_hdf(table).xs("likelihood", level="coords", axis=1).stack(level=[0, 1, 2], future_stack=True)
    cutoff = round(float(likelihood[likelihood > 0].median()), 4)
    auxiliaryfunctions.edit_config(config, {"pcutoff": cutoff})
    shutil.rmtree(table.parents[1])
    deeplabcut.evaluate_network(config, **options)
    return {"pcutoff": cutoff}


if __name__ == "__main__":
    if sys.argv[1] == "make":
        told: object = str(make(sys.argv[2], Path(sys.argv[3])))
    else:
        told = stock(Path(sys.argv[2]))
    print("\nANSWER", json.dumps(told))
