"""The private project that DeepLabCut gets for one row; see `dlcctr.skeleton`."""

from __future__ import annotations

from pathlib import Path

from dlcctr.model import ModelInfo
from dlcctr.skeleton import make_project

SKELETON = "project"


def make_skeleton(model: ModelInfo, scratch: Path) -> Path:
    """Make the skeleton of a model below `scratch`; gives its config.yaml and raises as `make_project` does."""
    return make_project(model, scratch / SKELETON, link=True)
