"""Loads the tensorflow engine once, in the process that all others are forked from."""

from entrypoint.engines.base import get_engine

get_engine("tensorflow").load(1)

import deeplabcut.refine_training_dataset.outlier_frames  # noqa: E402, F401 - after the engine

import entrypoint.outliers.run_outliers  # noqa: E402
import entrypoint.training.child.tensorflow.train  # noqa: E402, F401
import tests.benchmarks.rounds.learn  # noqa: E402, F401
