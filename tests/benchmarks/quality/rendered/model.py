"""The model of a rendered campaign: ``python -m …rendered.model FOLDER ENGINE SEED`` in the native environment.

As a lab's model it was trained on labelled frames of the campaign's own cameras, from other videos than it judges.
DeepLabCut trains it, from random weights. A network that does not track a camera makes all of its videos bad, and then
there is nothing to tell apart.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.quality.rendered.arena import Camera, make_camera
from tests.benchmarks.quality.rendered.clip import plain_clip
from tests.benchmarks.quality.rendered.render import CAMERAS

CLIPS, FRAMES_OF_CLIP = 6, 10
"""Of each camera, for labels."""
EPOCHS = 40
ITERATIONS = 900
TENSORFLOW_STEPS = ((1e-3, int(ITERATIONS * 0.6)), (3e-4, int(ITERATIONS * 0.85)), (5e-5, ITERATIONS + 1))
"""Learning rate, and the iteration up to which it holds."""


def train(folder: Path, engine: str, seed: int) -> Path:
    """Make a project and train it; returns its config.yaml."""
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    config, n_frames = make_project(folder.absolute(), seed)
    (train_pytorch if engine == "pytorch" else train_tensorflow)(config, n_frames)
    return config


def make_project(folder: Path, seed: int) -> tuple[Path, int]:
    """A project with labelled frames of all cameras, a video of frames for each; and the number of its frames."""
    import deeplabcut

    from demo.project import project_of, write_labels
    from demo.videos import write_clip

    rng = np.random.default_rng(seed)
    cameras = [make_camera(number, rng) for number in range(CAMERAS)]
    frames, points = labelled_frames(cameras[0], [seed, 1, 0])
    config = project_of(folder, frames, points)
    for number, camera in enumerate(cameras[1:], start=1):
        frames, points = labelled_frames(camera, [seed, 1, number])
        video = folder / f"camera-{number}.mp4"
        write_clip(video, frames, "mp4v")
        deeplabcut.add_new_videos(str(config), [str(video)], copy_videos=True)
        write_labels(config.parent / "labeled-data" / video.stem, frames, points)
    return config, CAMERAS * CLIPS * FRAMES_OF_CLIP


def labelled_frames(camera: Camera, seed: list[int]) -> tuple[list[Any], Any]:
    """Pictures of a camera, and the points (n, 4, 2) in px."""
    frames, points = [], []
    for rng in np.random.default_rng(seed).spawn(CLIPS):
        clip = plain_clip(camera, rng)
        pictures = list(clip.pictures())
        some = rng.permutation(len(pictures))[:FRAMES_OF_CLIP]
        frames += [pictures[number] for number in some]
        points.append(clip.truth[some])
    return frames, np.concatenate(points)


def train_pytorch(config: Path, n_frames: int) -> None:
    """The demo's network, for longer."""
    import deeplabcut

    from demo.project import even_split
    from demo.train_pytorch import make_set, random_start, shrink_network

    make_set(config, *even_split(n_frames))
    model_config = next(config.parent.glob("dlc-models-pytorch/*/*/train/pytorch_config.yaml"))
    shrink_network(model_config, EPOCHS)
    deeplabcut.train_network(str(config), shuffle=1, device="cpu", snapshot_path=random_start(model_config))


def train_tensorflow(config: Path, n_frames: int) -> None:
    """The demo's network, for longer."""
    import deeplabcut
    import tensorflow as tf
    from deeplabcut.core.engine import Engine
    from deeplabcut.pose_estimation_tensorflow.core import train as trainer
    from deeplabcut.utils import auxfun_models

    from demo import train_tensorflow as demo
    from demo.project import even_split

    class Schedule(demo.Schedule):
        def __init__(self, _config: Any) -> None:
            self.steps = TENSORFLOW_STEPS

    tf.keras.utils.set_random_seed(demo.SEED)
    start = demo.random_start(config.parent / "random-start" / "resnet.ckpt")
    auxfun_models.check_for_weights = lambda *_: str(start)  # it would download some
    trainer.LearningRate = Schedule
    training, test = even_split(n_frames)
    deeplabcut.create_training_dataset(
        str(config), Shuffles=[1], trainIndices=[training], testIndices=[test], net_type=demo.NET,
        augmenter_type="imgaug", engine=Engine.TF, userfeedback=False,
    )  # fmt: skip
    demo.configure(next(config.parent.glob("dlc-models/*/*/train/pose_cfg.yaml")))
    demo.configure(next(config.parent.glob("dlc-models/*/*/test/pose_cfg.yaml")), keys=("global_scale",))
    tf.compat.v1.set_random_seed(demo.SEED)
    deeplabcut.train_network(str(config), shuffle=1, displayiters=20, saveiters=ITERATIONS, maxiters=ITERATIONS)


if __name__ == "__main__":
    train(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
