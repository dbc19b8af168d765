from __future__ import annotations

import itertools
import math
import random

import pytest

from dlcctr.compare.paired import EXACT_N, compare_pairs, most_refused


@pytest.mark.parametrize(("n", "lost"), [(1, None), (5, None), (6, 0), (8, 3), (10, 8), (20, 52), (50, 434)])
def test_limits_are_those_of_printed_tables(n: int, lost: int | None) -> None:
    assert most_refused(n) == lost


def test_beyond_the_exact_ones_the_limits_go_on_smoothly() -> None:
    exact, normal = most_refused(EXACT_N), most_refused(EXACT_N + 1)
    assert exact and normal and 10 < normal - exact < 26  # one more rank, of which half a tail


def test_the_test_is_wrong_in_at_most_one_of_twenty() -> None:
    """Of all ways to give signs to n differences, those that it refuses."""
    for n in (6, 9, 12):
        sizes = [k + 1.0 for k in range(n)]
        refused = 0
        for signs in itertools.product((1, -1), repeat=n):
            found = compare_pairs([(0.0, sign * size) for sign, size in zip(signs, sizes, strict=True)])
            refused += found.sign != 0
        assert 0 < refused / 2**n <= 0.05


def test_typical_difference_and_interval() -> None:
    found = compare_pairs([(0.5, 0.5 - d) for d in (0.1, 0.2, 0.3, 0.4, 0.5, 0.45)])
    assert found.n == 6 and found.n_lower == 6 and not found.n_higher
    assert found.mean_a == pytest.approx(0.5) and found.mean_b == pytest.approx(0.175)
    assert found.low == pytest.approx(-0.5) and found.high == pytest.approx(-0.1)
    assert found.typical == pytest.approx(-0.325, abs=0.03) and found.sign == -1


def test_few_pairs_show_nothing_and_say_so() -> None:
    found = compare_pairs([(1.0, 0.0)] * 5)
    assert found.typical == -1 and found.low is None and found.sign == 0


def test_equal_numbers_are_no_difference() -> None:
    found = compare_pairs([(0.3, 0.3)] * 30)
    assert (found.typical, found.low, found.high, found.sign) == (0, 0, 0, 0)


def test_missing_numbers_are_left_out() -> None:
    found = compare_pairs([(None, 1.0), (1.0, None), (math.nan, 1.0), (1.0, math.inf), (1.0, 2.0)])
    assert found.n == 1 and found.n_higher == 1
    assert compare_pairs([]).mean_a is None


def test_noise_alone_is_seldom_a_difference() -> None:
    dice = random.Random(3)
    pairs = [[(dice.gauss(0, 1), dice.gauss(0, 1)) for _ in range(20)] for _ in range(400)]
    assert sum(compare_pairs(each).sign != 0 for each in pairs) < 400 * 0.08
