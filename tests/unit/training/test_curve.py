"""The loss curve in one line."""

from __future__ import annotations

import math

from dlcctr.training.curve import BARS, sparkline


def test_it_falls_as_the_loss_does() -> None:
    assert sparkline([8, 7, 6, 5, 4, 3, 2, 1]) == BARS[::-1]


def test_it_is_never_wider_than_asked_and_keeps_both_ends() -> None:
    line = sparkline([1000.0 - n for n in range(1000)], 12)
    assert (len(line), line[0], line[-1]) == (12, BARS[-1], BARS[0])


def test_odd_values_are_no_error() -> None:
    assert sparkline([]) == sparkline([math.nan, math.inf]) == ""
    assert sparkline([2.0, 2.0]) == BARS[0] * 2
    assert sparkline([math.nan, 1.0]) == BARS[0]
