from __future__ import annotations

import numpy
import pytest

from dlcctr.campaign.steps.label_video import LabelVideoParameters
from entrypoint.steps.label_video.palette import Yuv, colours, mix, named_colour, to_yuv
from entrypoint.steps.label_video.render import plan_view
from entrypoint.steps.label_video.window import Window


def at(x: float, y: float, likelihood: float = 1.0) -> numpy.ndarray:
    return numpy.array([[x, y, likelihood]])


def test_it_moves_only_as_far_as_it_must_and_never_out_of_the_picture() -> None:
    window = Window((400, 300), 100, [0], 0.6)
    assert window.corner(at(200, 150)) == (150, 100)
    assert window.corner(at(211, 150)) == (150, 100), "an eighth of its size is no reason to move"
    assert window.corner(at(240, 150)) == (178, 100)
    assert window.corner(at(2, 3)) == (0, 0)
    assert window.corner(at(1e300, 299)) == (300, 200)


def test_it_waits_where_nothing_is_seen() -> None:
    window = Window((400, 300), 100, [0], 0.6)
    assert window.corner(at(numpy.nan, 1)) == (150, 100), "the middle of the picture at first"
    window.corner(at(50, 60))
    for positions in (at(numpy.nan, numpy.nan), at(300, 200, 0.5), at(numpy.inf, 5)):
        assert window.corner(positions) == (0, 10)
    assert Window((64, 48), 100, [0], 0.6).shown == (64, 48)
    assert Window((64, 48), 100, [], 0.6).corner(at(1, 1)) == (0, 0)


def test_sizes_of_what_is_shown() -> None:
    plain = plan_view(LabelVideoParameters(), (640, 480), None, 1)
    assert (plain.size, plain.reduction, plain.zoom) == ((640, 480), 1, 1)
    large = plan_view(LabelVideoParameters(), (3840, 2160), None, 1)
    assert large.size == (1920, 1080)
    assert plan_view(LabelVideoParameters(), (3840, 2160), None, 2).size[0] <= 960
    followed = plan_view(LabelVideoParameters(follow_px=200), (3840, 2160), None, 1)
    assert (followed.size, followed.reduction, followed.zoom) == ((480, 480), 1, 2.4)
    assert plan_view(LabelVideoParameters(cropped=True), (640, 480), (10, 110, 20, 80), 1).size == (100, 60)
    assert plan_view(LabelVideoParameters(), (640, 480), (10, 110, 20, 80), 1).size == (640, 480)


@pytest.mark.parametrize(
    ("rgb", "bt709", "yuv"),
    [((0, 0, 0), True, (16, 128, 128)), ((1, 1, 1), False, (235, 128, 128)), ((1, 0, 0), False, (81, 90, 240)),
     ((1, 0, 0), True, (63, 102, 240)), ((0, 0, 1), True, (32, 240, 118))],
)  # fmt: skip
def test_colours_are_those_of_the_standards_tables(rgb: tuple[float, ...], bt709: bool, yuv: tuple[int, ...]) -> None:
    assert to_yuv(rgb, bt709=bt709) == yuv  # type: ignore[arg-type]


def test_mixing_and_naming_colours() -> None:
    assert mix(Yuv(200, 100, 50), (0, 100, 150), 0.5) == (100, 100, 100)
    assert len(colours(1, "rainbow")) == 1 and colours(0, "jet") == []
    assert len(set(colours(50, "rainbow"))) == 50 and len(set(colours(10, "no such map"))) == 10
    assert named_colour("black") == (0, 0, 0) and named_colour("no colour") == (1, 1, 1)
