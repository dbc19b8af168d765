"""The private project that DeepLabCut gets for one row; see `dlcctr.skeleton`."""

from __future__ import annotations

from pathlib import Path

from dlcctr.model import inference_project
from dlcctr.model.inspection import ModelInfo

SKELETON = "project"


def make_skeleton(model: ModelInfo, scratch: Path) -> Path:
    """Make the skeleton of a model below `scratch` and give its config.yaml; raises `ModelError`."""
    return inference_project.make_skeleton(model, scratch / SKELETON)
