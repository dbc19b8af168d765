from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.quality.record import MAX_BINS, Timeline
from dlcctr.quality.report.timeline import DIGITS, STEPS, bins_for, encode, encoded, reduced

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


def decode(low: float, high: float, text: str) -> list[float | None]:
    pairs = [DIGITS.index(text[i]) * 64 + DIGITS.index(text[i + 1]) for i in range(0, len(text), 2)]
    return [None if pair > STEPS else low + pair * (high - low) / STEPS for pair in pairs]


@given(st.lists(st.none() | NUMBERS, max_size=50))
def test_a_series_comes_back_as_far_as_a_plot_can_show(values: list[float | None]) -> None:
    found = decode(*encode(values))
    known = [value for value in values if value is not None]
    error = (max(known) - min(known)) / STEPS + 1e-5 * max(map(abs, known)) if known else 0
    for value, each in zip(values, found, strict=True):
        assert (value is None) == (each is None)
        assert value is None or math.isclose(value, each or 0, abs_tol=error + 1e-9)


def timeline(bins: int) -> Timeline:
    numbers = tuple(map(float, range(bins)))
    return Timeline(tuple(range(0, 10 * bins, 10)), numbers, numbers, numbers, numbers, (None,) * bins, numbers)


def test_few_bins_keep_what_is_worst() -> None:
    small = reduced(timeline(600), 100)
    assert len(small.first) == 100
    assert (small.first[1], small.time_s[1]) == (60, 6.0)
    assert (small.likelihood[1], small.speed[1], small.score[1]) == (6.0, 11.0, 11.0)
    assert set(small.x) == {None}
    assert reduced(timeline(50), 100) == timeline(50)
    assert reduced(Timeline(), 100) == Timeline()


@pytest.mark.parametrize("n_rows", [0, 1, 1_000, 5_000, 100_000])
def test_more_rows_have_fewer_bins_and_never_none(n_rows: int) -> None:
    assert 40 <= bins_for(n_rows) <= MAX_BINS
    assert bins_for(1_000) == MAX_BINS


def test_a_row_without_a_timeline_has_nothing() -> None:
    assert encoded(Timeline()) == {}
    assert encoded(timeline(3))["x"] == (0.0, 0.0, "//////")
