"""DeepLabCut's engines: all that the host side has to know about each, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec


@dataclass(frozen=True)
class EngineFacts:
    """One engine.

    Parameters
    ----------
    title : str
        Name of the engine for people.
    package : str
        What is imported; also the distribution's name.
    model_folder : str
        Folder of a project that holds its trained shuffles.
    pose_file : str
        Name of the configuration in a shuffle's train folder.
    evaluation_folder : str
        Folder of a project in which DeepLabCut records the errors of its snapshots.
    load_s : float
        Seconds that each row costs before its first frame: weights, graph.
    """

    title: str
    package: str
    model_folder: str
    pose_file: str
    evaluation_folder: str
    load_s: float


ENGINES = {
    "pytorch": EngineFacts(
        title="PyTorch",
        package="torch",
        model_folder="dlc-models-pytorch",
        pose_file="pytorch_config.yaml",
        evaluation_folder="evaluation-results-pytorch",
        load_s=0.5,
    ),
    "tensorflow": EngineFacts(
        title="TensorFlow",
        package="tensorflow",
        model_folder="dlc-models",
        pose_file="pose_cfg.yaml",
        evaluation_folder="evaluation-results",
        load_s=6.5,  # its graph is made and restored in 5 to 8 s
    ),
}
"""Engines by the name used in projects, images and receipts. The first one is taken if a shuffle was trained with
several, and neither metadata.yaml nor config.yaml says which is meant."""


def installed_engine() -> str:
    """Engine of this Python environment; empty if there is none. TensorFlow's environment contains PyTorch too."""
    return next((name for name in reversed(ENGINES) if find_spec(ENGINES[name].package)), "")
