from __future__ import annotations

import math
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from dlcctr.model.curve.losses import DETECTOR, POSE, LossRow
from dlcctr.model.curve.picture import HEIGHT, LEFT, TOP, WIDTH, losses_svg


def lines_of(svg: str) -> list[list[tuple[float, float]]]:
    root = ElementTree.fromstring(svg)
    found = [each.attrib["points"].split() for each in root.iter("polyline")]
    return [[(float(x), float(y)) for x, y in (pair.split(",") for pair in each)] for each in found]


def test_both_lines_on_one_logarithmic_axis() -> None:
    rows = [LossRow(POSE, n, 10.0**-n, 10.0 ** (1 - n) if n % 2 else math.nan) for n in range(1, 5)]
    svg = losses_svg([LossRow(DETECTOR, 9, 5.0), *rows])
    train, test = lines_of(svg)
    assert len(train) == 4 and len(test) == 2
    steps = {round(b[1] - a[1], 1) for a, b in pairwise(train)}
    assert len(steps) == 1 and steps.pop() > 0, "a tenth is one step down, wherever"
    assert test[0][1] == pytest.approx(TOP)
    assert all(LEFT <= x <= WIDTH and TOP <= y <= HEIGHT for x, y in train + test)
    assert ">epoch<" in svg and ">iteration<" in losses_svg(rows, "iteration")


@pytest.mark.parametrize(
    "rows",
    [[], [LossRow(POSE, 1, 0.5)], [LossRow(DETECTOR, n, 0.5) for n in range(5)], [LossRow(POSE, 1, math.nan)] * 3],
)
def test_nothing_to_draw(rows: list[LossRow]) -> None:
    assert losses_svg(rows) == ""


@pytest.mark.parametrize("losses", [[0.5, 0.5], [0.1, 0.2], [1e-300, 1e300], [0.03, 0.031, 0.0, math.inf]])
def test_any_losses_have_a_few_ticks(losses: list[float]) -> None:
    svg = losses_svg([LossRow(POSE, n, each) for n, each in enumerate(losses, 1)])
    ticks = [each.text for each in ElementTree.fromstring(svg).iter("text") if each.attrib.get("text-anchor") == "end"]
    assert 1 <= len(ticks) <= 6, ticks
