"""First models, and models trained on after a round: DeepLabCut's own training through the code of `dlc train`.

Runs in the native environment, each training in a process of its own.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.project import project_of, write_labels
from tests.benchmarks.rounds.arenas import HEIGHT, WIDTH

SEED = 42
BATCH, CROP_PX = 8, 64
NET, NET_CHANNELS = "test_resnet", 96
"""A ResNet of 0.4 million weights, of timm's: one of 11 million (ResNet-18) takes eight times as long here."""
TENSORFLOW_POSE: dict[str, Any] = {
    "crop_size": [WIDTH, HEIGHT],
    # MobileNet's padding shifts the map by the picture's size, up to half a stride each time that it halves it. With
    # sizes that vary, as DeepLabCut's jitter makes them, it was 5 to 8 px off to the upper left (EfficientNets: #1509)
    "scale_jitter_lo": 1.0,
    "scale_jitter_up": 1.0,
    "locref_loss_weight": 0.5,
}
"""Whole pictures, so that what it is trained on has the size of what it is measured on."""
FRACTION = 0.98
"""Of labelled frames that train: DeepLabCut wants one at least that tests."""


def make_first(folder: Path, frames: list[Any], points: Any) -> Path:
    """Make a project with labelled frames; returns its config.yaml."""
    config = project_of(folder, frames, points)
    _set_config(config, TrainingFraction=[FRACTION])
    return config


def add_frames(project: Path, copy: Path, frames: dict[str, tuple[list[int], list[Any], Any]]) -> Path:
    """Copy a project and add labelled frames with `labels add`.

    Parameters
    ----------
    frames : dict
        By video: numbers, pictures, and points (n, 4, 2) in px.

    Returns
    -------
    Path
        config.yaml of the copy, whose iteration is counted up.
    """
    from dlcctr.labels.add import add_labels
    from dlcctr.labels.check import check_labels
    from dlcctr.labels.project import read_project

    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(project, copy / project.name)
    config, back = copy / project.name / "config.yaml", copy / "to-label" / "labeled-data"
    _set_config(config, project_path=str(config.parent))
    for video, (numbers, pictures, points) in frames.items():
        write_labels(back / Path(video).stem, pictures, points, [f"img{number:03d}.png" for number in numbers])
    known = read_project(config.parent)
    checked = check_labels(known, [back])
    add_labels(known, checked, new_iteration=True)
    return config


def train(engine: str, config: Path, *, iterations: int, rate: float, weights: str) -> None:
    """Make the training set and train, as `dlc train` does in its child process.

    Parameters
    ----------
    weights : str
        ``none`` or a project, as of `dlc train --weights`.
    """
    from entrypoint.engines.base import get_engine
    from entrypoint.training.child.no_downloads import refuse_downloads
    from entrypoint.training.child.training_set import find_or_make
    from entrypoint.training.events import Order

    get_engine(engine).load(1)
    refuse_downloads()
    order = Order(
        str(config), engine, 1, seed=SEED, weights=weights, checkpoint_s=1e6,
        net_type="resnet_50" if engine == "pytorch" else "mobilenet_v2_0.35",
        epochs=iterations if engine == "tensorflow" else None,
    )  # fmt: skip
    if engine == "pytorch":
        from entrypoint.training.child.pytorch.train import prepare
        from entrypoint.training.child.pytorch.train import train as train_network
    else:
        from entrypoint.training.child.tensorflow.train import prepare
        from entrypoint.training.child.tensorflow.train import train as train_network
    prepare(order)
    found = find_or_make(order)
    (_configure_pytorch if engine == "pytorch" else _configure_tensorflow)(found, iterations, rate)
    train_network(order, find_or_make(order), lambda _: None)


def _configure_pytorch(found: Any, iterations: int, rate: float) -> None:
    import yaml

    from demo.train_pytorch import shrink_network

    file = found.train / "pytorch_config.yaml"
    epochs = max(1, round(iterations / math.ceil(found.frames_train / BATCH)))
    shrink_network(file, epochs)
    table = yaml.safe_load(file.read_text())
    table["model"]["backbone"]["model_name"] = NET
    table["model"]["backbone_output_channels"] = NET_CHANNELS
    head = table["model"]["heads"]["bodypart"]
    for name in ("heatmap_config", "locref_config"):
        head[name]["channels"][0] = NET_CHANNELS
    table["data"]["train"]["crop_sampling"].update(width=CROP_PX, height=CROP_PX)
    table["runner"]["optimizer"]["params"]["lr"] = rate
    table["runner"]["scheduler"]["params"]["lr_list"] = [[rate / 3], [rate / 20]]
    file.write_text(yaml.safe_dump(table, sort_keys=False))


def _configure_tensorflow(found: Any, iterations: int, rate: float) -> None:
    import yaml
    from deeplabcut.pose_estimation_tensorflow.core import train as trainer

    from demo.train_tensorflow import configure

    file = found.train / "pose_cfg.yaml"
    configure(file)
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), **TENSORFLOW_POSE}))
    configure(found.train.parent / "test" / "pose_cfg.yaml", keys=("global_scale",))
    steps = [[rate, int(iterations * 0.6)], [rate / 3, int(iterations * 0.9)], [rate / 20, iterations + 1]]

    class Schedule(trainer.LearningRate):  # type: ignore[misc]
        """A build of TensorFlow without CUDA makes DeepLabCut's own one so slow that little is learnt in minutes."""

        def __init__(self, cfg: Any) -> None:
            super().__init__({**cfg, "multi_step": steps})

    trainer.LearningRate = Schedule


def open_network(engine: str, config: Path) -> Callable[[Any], Any]:
    """Open the newest network: where it sees the body parts, (n, 4, 2) in px, of pictures (n, height, width, 3)."""
    import numpy as np

    from entrypoint.engines.base import get_engine
    from entrypoint.protocol import Job

    job = Job(
        "own", "", str(config), "", "", "", [], None, multianimal=False, shuffle=1, trainset_index=0, device="cpu",
        batch_size=BATCH, crop=None, csv=False,
    )  # fmt: skip
    network = get_engine(engine).open_network(job)

    def find(video: Any) -> Any:
        batches = [video[n : n + BATCH] for n in range(0, len(video), BATCH)]
        return np.concatenate([network.predict(batch)[..., :2] for batch in batches])

    return find


def _set_config(config: Path, **values: Any) -> None:
    from deeplabcut.utils import auxiliaryfunctions

    auxiliaryfunctions.edit_config(str(config), values)
