from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.project.drawing import Drawing, project_drawing
from tests.unit.support.projects import pytorch_project, tensorflow_project

OWN: dict[str, Any] = {
    "skeleton": [["snout", "tail"], ["a", "b", "c"], ["snout", "tail"], ["a", "a"], ["a"]],
    "skeleton_color": "black",
    "colormap": "jet",
    "pcutoff": 0.4,
}
FOUND = Drawing((("snout", "tail"), ("a", "b"), ("b", "c")), "black", "jet", 0.4)


def test_a_project_and_its_bundle_say_how_to_draw(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p", **OWN)
    assert project_drawing(project) == FOUND
    for name, as_folder in (("b.dlcmodel", False), ("b", True)):
        pack_model(project, tmp_path / name, as_folder=as_folder)
        assert project_drawing(tmp_path / name) == FOUND


@pytest.mark.parametrize(
    "odd",
    [{}, {"skeleton": "none", "pcutoff": "high", "colormap": 3}, {"skeleton": [["snout"], 5, None], "pcutoff": 7},
     {"pcutoff": math.nan, "skeleton_color": ["red"]}],
)  # fmt: skip
def test_what_a_project_does_not_say_is_left_open(odd: dict[str, Any], tmp_path: Path) -> None:
    assert project_drawing(pytorch_project(tmp_path / "p", **odd)) == Drawing()
