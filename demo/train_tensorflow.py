"""Train a small TensorFlow model from random weights, by DeepLabCut's own train_network: ``python -Es … FOLDER``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

SEED = 42
ITERATIONS = 400
NET = "resnet_50"
STEPS = ((1e-3, int(ITERATIONS * 0.6)), (3e-4, int(ITERATIONS * 0.85)), (5e-5, ITERATIONS + 1))
"""Learning rate, and the iteration up to which it holds."""
CALIBRATION_FRAMES = 16


class Schedule:
    """Takes the place of DeepLabCut's own, which a build of TensorFlow without CUDA sets to a slow one."""

    def __init__(self, _config: Any) -> None:
        self.steps = STEPS

    def get_lr(self, iteration: int) -> float:
        """Learning rate of an iteration."""
        return next(rate for rate, until in self.steps if iteration <= until)


def train(folder: Path) -> Path:
    """Make a project and train it.

    Returns
    -------
    Path
        Its config.yaml.
    """
    folder = folder.absolute()  # training changes the working folder
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from entrypoint.engines.torchvision_ops import declare_missing

    declare_missing()
    import deeplabcut
    import tensorflow as tf
    from deeplabcut.core.engine import Engine
    from deeplabcut.pose_estimation_tensorflow.core import train as dlc_train
    from deeplabcut.utils import auxfun_models
    from project import even_split, make_project
    from videos import TRAIN_FRAMES

    tf.keras.utils.set_random_seed(SEED)
    config = make_project(folder)
    start = random_start(folder / "random-start" / "resnet.ckpt")
    auxfun_models.check_for_weights = lambda *_: str(start)  # it would download some
    dlc_train.LearningRate = Schedule
    training, test = even_split(TRAIN_FRAMES)
    deeplabcut.create_training_dataset(
        str(config),
        Shuffles=[1],
        trainIndices=[training],
        testIndices=[test],
        net_type=NET,
        augmenter_type="imgaug",
        engine=Engine.TF,
        userfeedback=False,
    )
    configure(next(config.parent.glob("dlc-models/*/*/train/pose_cfg.yaml")))
    configure(next(config.parent.glob("dlc-models/*/*/test/pose_cfg.yaml")), keys=("global_scale",))
    tf.compat.v1.set_random_seed(SEED)
    deeplabcut.train_network(str(config), shuffle=1, displayiters=20, saveiters=ITERATIONS, maxiters=ITERATIONS)
    return config


def configure(file: Path, keys: tuple[str, ...] = ()) -> None:
    """Set what a small model on a CPU needs; only some keys where named."""
    import yaml

    wanted = {
        "global_scale": 1.0,
        "batch_size": 8,
        "crop_size": [128, 128],
        "pos_dist_thresh": 10,
        "apply_prob": 0.5,
        "rotation": 90,
        "scale_jitter_lo": 0.9,
        "scale_jitter_up": 1.1,
        "optimizer": "adam",
        # Few iterations: only what the held-out videos need.
        "covering": False,
        "elastic_transform": False,
        "motion_blur": False,
        "contrast": {"clahe": False, "histeq": False},
        "convolution": {"sharpen": False, "edge": False, "emboss": False},
    }
    table: dict[str, Any] = yaml.safe_load(file.read_text())
    table.update({key: value for key, value in wanted.items() if not keys or key in keys})
    file.write_text(yaml.safe_dump(table))


def random_start(checkpoint: Path) -> Path:
    """Save a seeded random ResNet-50 whose batch norm fits the frames.

    DeepLabCut never trains batch norm's moving averages, so that random weights need them from real frames: one
    pass in training mode, with a decay of 0, sets all of them.
    """
    import numpy as np
    import tensorflow as tf
    import tf_slim as slim
    from tf_slim.nets import resnet_v1
    from videos import TRAINING, draw_clip

    frames, _ = draw_clip(TRAINING, CALIBRATION_FRAMES, jumps=True)
    pictures = np.stack(frames)[..., ::-1].astype(np.float32) - np.array([123.68, 116.779, 103.939], np.float32)
    v1 = tf.compat.v1
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with tf.Graph().as_default(), v1.Session() as session:
        v1.set_random_seed(SEED)
        with slim.arg_scope(resnet_v1.resnet_arg_scope(batch_norm_decay=0.0)):
            resnet_v1.resnet_v1_50(tf.constant(pictures), global_pool=False, output_stride=16, is_training=True)
        session.run(v1.global_variables_initializer())
        session.run(v1.get_collection(v1.GraphKeys.UPDATE_OPS))
        v1.train.Saver(v1.global_variables()).save(session, str(checkpoint), write_meta_graph=False)
    return checkpoint


if __name__ == "__main__":
    train(Path(sys.argv[1]))
