from __future__ import annotations

import math
from pathlib import Path

import pytest

from dlcctr.model.curve.losses import DETECTOR, POSE, LossRow
from entrypoint.training.curve import WIDTH, draw_curve, sparkline


def rows(*losses: float) -> list[LossRow]:
    return [LossRow(POSE, number, loss) for number, loss in enumerate(losses, 1)]


def test_a_curve_that_falls_begins_high_and_ends_low() -> None:
    line = sparkline(rows(*(1 / n for n in range(1, 500))))
    assert (line[0], line[-1], len(line)) == ("█", "▁", WIDTH)


@pytest.mark.parametrize("losses", [(), (1.0,), (1.0, 1.0), (math.nan, 0.0, -1.0), (math.inf, 2.0)])
def test_where_there_is_nothing_to_compare_there_is_no_line(losses: tuple[float, ...], tmp_path: Path) -> None:
    assert sparkline(rows(*losses)) == ""
    draw_curve(rows(*losses), "a $title", tmp_path / "c.png")


def test_the_detectors_losses_are_no_part_of_it() -> None:
    assert sparkline([LossRow(DETECTOR, 1, 99.0), *rows(2, 1)]) == sparkline(rows(2, 1)) == "█▁"


def test_the_picture_is_whole(tmp_path: Path) -> None:
    tested = [LossRow(POSE, 1, 1.0, 1.1), LossRow(POSE, 2, 0.5, math.nan), LossRow(POSE, 3, 0.2, 0.4)]
    draw_curve(tested, "shuffle 1 $", tmp_path / "c.png")
    assert [each.name for each in tmp_path.iterdir()] == ["c.png"]
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
