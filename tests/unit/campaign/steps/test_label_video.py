from __future__ import annotations

from typing import Any

import pytest

from dlcctr.campaign.steps.label_video import Clips, LabelVideoParameters
from dlcctr.campaign.steps.spec import parse_steps, steps_text
from dlcctr.system.values.toml import parse_toml


def test_parameters_go_through_campaign_toml() -> None:
    table = {
        "name": "film",
        "kind": "label-video",
        "lines": [["a", "b"]],
        "clips": "worst",
        "speed": 0.25,
        "pcutoff": 0.4,
    }
    (step,) = parse_steps([table])
    assert step.parameters == LabelVideoParameters(pcutoff=0.4, lines=(("a", "b"),), clips=Clips.WORST, speed=0.25)
    (again,) = parse_steps(parse_toml("\n".join(steps_text([step])))["steps"])
    assert again == step


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"pcutoff": 1.5}, "pcutoff must be from 0 to 1"),
        ({"speed": 0.0}, "speed must be"),
        ({"speed": float("nan")}, "speed"),
        ({"crf": 60}, "crf must be from 0 to 51"),
        ({"preset": "placebo"}, "preset must be one of ultrafast"),
        ({"follow_px": 3}, "at least 16"),
        ({"follow": "mouse1"}, "follow_px, too"),
        ({"clips": "best"}, "clips"),
        ({"color_by": "mood"}, "color_by"),
        ({"lines": [["a"]]}, "lines"),
        ({"dotsize": -1}, "dotsize must be"),
        ({"longest_px": 10**9}, "longest_px must be"),
    ],
)
def test_impossible_values_are_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_steps([{"name": "label-video", **changes}])
