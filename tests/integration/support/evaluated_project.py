"""A project of two rounds for `evaluate`, by DeepLabCut itself, and DeepLabCut's own evaluation of it.

For a Python that has DeepLabCut: ``evaluated_project.py make ENGINE FOLDER`` makes the project below a folder and
prints where; its networks are hardly trained, which is enough to compare two ways of evaluating them.
``evaluated_project.py stock PROJECT`` evaluates both rounds of a copy; it first sets the p-cutoff to the median
likelihood, so that half of the points are on either side.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "demo")]
FIRST, SECOND = 24, 8
TEST_0, TEST_1 = (0, 8, 16), (0, 5, 10, 25, 28)
ITERATIONS = 2
SECOND_NAME = "training2"
"""DeepLabCut sorts the folders, and the numbers of the frames follow."""


def make(engine: str, folder: Path) -> Path:
    """Make both rounds; the second one has pictures of its own, and labels of every awkward kind."""
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import numpy as np
    from project import make_project, write_labels
    from videos import TRAINING, draw_clip

    config = make_project(folder)
    labels = config.parent / "labeled-data"
    frames, truth = draw_clip(TRAINING, FIRST + SECOND, jumps=True)
    first = labels / Path(TRAINING.name).stem
    shutil.rmtree(first)
    write_labels(first, frames[:FIRST], truth[:FIRST])
    _add_round(config, engine, 0, FIRST, TEST_0)
    height, width = frames[0].shape[:2]
    new = np.array(truth[FIRST:])
    new[0, 0] = np.nan  # of a training frame
    new[1, 1] = np.nan  # of a test frame
    new[4] = np.nan  # a test frame without any label
    new[2, 2] = width, 20.0  # on the border
    new[3, 3] = 10.0, height + 5.0  # outside
    write_labels(labels / SECOND_NAME, frames[FIRST:], new)
    _add_round(config, engine, 1, FIRST + SECOND, TEST_1)
    return config.parent


def of_round(iteration: int) -> dict[str, Any]:
    """What config.yaml says of a round: DeepLabCut finds a shuffle by its training fraction, rounded."""
    n_frames, test = [(FIRST, TEST_0), (FIRST + SECOND, TEST_1)][iteration]
    return {"iteration": iteration, "TrainingFraction": [round(1 - len(test) / n_frames, 2)]}


def _add_round(config: Path, engine: str, iteration: int, n_frames: int, test: tuple[int, ...]) -> None:
    import deeplabcut
    from deeplabcut.core.engine import Engine
    from deeplabcut.utils import auxiliaryfunctions

    videos = dict(auxiliaryfunctions.read_config(str(config))["video_sets"])
    if iteration:
        first = next(iter(videos))
        videos[str(Path(first).with_name(f"{SECOND_NAME}.avi"))] = {"crop": "0, 160, 0, 128"}
    auxiliaryfunctions.edit_config(str(config), {**of_round(iteration), "video_sets": videos})
    numbers = {
        "trainIndices": [[n for n in range(n_frames) if n not in test]], "testIndices": [list(test)], "Shuffles": [1],
    }  # fmt: skip
    common: dict[str, Any] = {**numbers, "userfeedback": False, "net_type": "resnet_50"}
    if engine == "pytorch":
        deeplabcut.create_training_dataset(str(config), engine=Engine.PYTORCH, **common)
        _begin_pytorch(
            next(config.parent.glob(f"dlc-models-pytorch/iteration-{iteration}/*/train/pytorch_config.yaml"))
        )
    else:
        _begin_tensorflow(config, iteration, common)


def _begin_pytorch(model_config: Path) -> None:
    """Random weights, other ones in each round."""
    import torch
    from train_pytorch import random_start, shrink_network

    shrink_network(model_config)
    start = Path(random_start(model_config))
    held = torch.load(start, weights_only=True)
    generator = torch.Generator().manual_seed(7 if "iteration-1" in str(model_config) else 3)
    for name, weights in held["model"].items():
        if "heads" in name and weights.numel() > 1:
            weights.add_(0.02 * torch.randn(weights.shape, generator=generator))
    torch.save(held, model_config.with_name("snapshot-016.pt"))
    start.unlink()


def _begin_tensorflow(config: Path, iteration: int, common: dict[str, Any]) -> None:
    import deeplabcut
    import tensorflow as tf
    from deeplabcut.core.engine import Engine
    from deeplabcut.pose_estimation_tensorflow.core import train as dlc_train
    from deeplabcut.utils import auxfun_models
    from train_tensorflow import Schedule, configure, random_start

    tf.keras.utils.set_random_seed(iteration)
    start = config.parent.parent / "random-start" / "resnet.ckpt"
    if not start.with_suffix(".ckpt.index").exists():
        random_start(start)
    auxfun_models.check_for_weights = lambda *_: str(start)
    dlc_train.LearningRate = Schedule
    deeplabcut.create_training_dataset(str(config), augmenter_type="imgaug", engine=Engine.TF, **common)
    top = config.parent / "dlc-models" / f"iteration-{iteration}"
    configure(next(top.glob("*/train/pose_cfg.yaml")))
    configure(next(top.glob("*/test/pose_cfg.yaml")), keys=("global_scale",))
    tf.compat.v1.reset_default_graph()
    deeplabcut.train_network(
        str(config), shuffle=1, displayiters=1, saveiters=ITERATIONS, maxiters=ITERATIONS + iteration
    )


def stock(project: Path) -> dict[str, Any]:
    """Evaluate both rounds with DeepLabCut's own function; the second round's files stay."""
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import deeplabcut
    import pandas as pd
    from deeplabcut.utils import auxiliaryfunctions

    config = str(project / "config.yaml")
    auxiliaryfunctions.edit_config(config, {"project_path": str(project), **of_round(0)})
    options: dict[str, Any] = {"shuffles": [1], "per_keypoint_evaluation": True}
    deeplabcut.evaluate_network(config, **options)
    (before,) = project.glob("evaluation-results*/iteration-0/*/*.h5")
    auxiliaryfunctions.edit_config(config, of_round(1))
    deeplabcut.evaluate_network(config, **options)
    (table,) = project.glob("evaluation-results*/iteration-1/*/*.h5")
    likelihood = pd.read_hdf(table).xs("likelihood", level="coords", axis=1).to_numpy()
    cutoff = round(float(pd.Series(likelihood.ravel()).median()), 4)
    auxiliaryfunctions.edit_config(config, {"pcutoff": cutoff})
    shutil.rmtree(table.parents[1])
    deeplabcut.evaluate_network(config, **options)
    return {"pcutoff": cutoff, "before": str(before)}


if __name__ == "__main__":
    if sys.argv[1] == "make":
        told: object = str(make(sys.argv[2], Path(sys.argv[3])))
    else:
        told = stock(Path(sys.argv[2]))
    print("\nANSWER", json.dumps(told))
