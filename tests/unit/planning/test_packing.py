from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import UsageError
from dlcctr.planning.packing import array_slices, group, makespan, pack_into, pack_to

COSTS = st.lists(st.floats(0.01, 1e5), max_size=60)


def loads(bins: list[list[int]], costs: list[float]) -> list[float]:
    return [sum(costs[i] for i in each) for each in bins]


@given(COSTS, st.integers(1, 20))
def test_every_item_is_in_one_bin_and_the_costliest_come_first(costs: list[float], n_bins: int) -> None:
    for bins in (pack_into(costs, n_bins), pack_to(costs, 100.0)):
        assert sorted(itertools.chain(*bins)) == list(range(len(costs)))
        assert all(bins)
        assert loads(bins, costs) == sorted(loads(bins, costs), reverse=True)
        for each in bins:
            assert [costs[i] for i in each] == sorted((costs[i] for i in each), reverse=True)
    assert len(pack_into(costs, n_bins)) == min(n_bins, len(costs))


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7), st.integers(1, 3))
def test_the_fullest_bin_is_within_grahams_bound_of_the_best_division(costs: list[int], n_bins: int) -> None:
    best = min(
        max(sum(cost for cost, chosen in zip(costs, choice, strict=True) if chosen == n) for n in range(n_bins))
        for choice in itertools.product(range(n_bins), repeat=len(costs))
    )
    fullest = max(loads(pack_into([float(c) for c in costs], n_bins), [float(c) for c in costs]))
    assert fullest <= best * (4 / 3 - 1 / (3 * n_bins)) + 1e-9


def test_longest_first_is_not_first_come() -> None:
    assert pack_into([1, 1, 1, 1, 4], 2) == [[4], [0, 1, 2, 3]]
    assert pack_into([3, 3, 2, 2, 2], 2) == [[0, 2, 4], [1, 3]]


@given(COSTS, st.integers(1, 12), st.integers(1, 5))
def test_groups_are_of_bins_that_are_about_as_full(costs: list[float], n_bins: int, size: int) -> None:
    bins = pack_into(costs, n_bins)
    groups = group(bins, size, costs)
    assert len(groups) == -(-len(bins) // size)
    assert sorted(itertools.chain(*groups)) == list(range(len(costs)))
    for number, each in enumerate(groups):
        assert [costs[i] for i in each] == sorted((costs[i] for i in each), reverse=True)
        fullest = sum(costs[i] for i in bins[number * size])
        assert makespan([costs[i] for i in each], size) <= fullest + max(costs[i] for i in each) + 1e-6


def test_what_costs_as_much_as_the_target_is_alone() -> None:
    bins = pack_to([500.0, 100.0, 30.0, 30.0, 30.0, 10.0], 100.0)
    assert bins[:2] == [[0], [1]]
    assert sorted(itertools.chain(*bins[2:])) == [2, 3, 4, 5]
    assert loads(bins, [500.0, 100.0, 30.0, 30.0, 30.0, 10.0]) == [500, 100, 100]


def test_a_hundred_thousand_items() -> None:
    """Without a clock: what grew with the square of the items would not end."""
    costs = [1.0 + (n * 7919 % 10_007) for n in range(100_000)]
    for bins in (pack_into(costs, 20_000), pack_to(costs, 20_000.0)):
        assert sorted(itertools.chain(*bins)) == list(range(100_000))
        assert max(loads(bins, costs)) < 1.2 * sum(costs) / len(bins)


@given(COSTS, st.floats(1, 1e4))
def test_shared_bins_hold_about_the_target(costs: list[float], target: float) -> None:
    bins = pack_to(costs, target)
    shared = [sum(costs[i] for i in each) for each in bins if len(each) > 1]
    short = [cost for cost in costs if cost < target]
    assert all(load < 2 * target for load in shared)
    kept = [sum(costs[i] for i in each) for each in pack_to(costs, target, target) if len(each) > 1]
    assert all(load <= target * (1 + 1e-9) for load in kept)
    assert sum(1 for each in bins if costs[each[0]] < target) <= sum(short) / target + 1


@given(COSTS.filter(bool), st.integers(1, 10))
def test_makespan_is_that_of_list_scheduling(costs: list[float], n_gpus: int) -> None:
    end = makespan(costs, n_gpus)
    assert max(sum(costs) / n_gpus, *costs) <= end * (1 + 1e-9)
    assert end <= (sum(costs) / n_gpus + max(costs)) * (1 + 1e-9)


def test_makespan_of_a_known_case() -> None:
    assert makespan([4, 3, 2, 1], 2) == 5
    assert makespan([1, 1, 4], 2) == 5
    assert makespan([], 3) == 0


@given(st.integers(0, 5000), st.integers(1, 1500), st.none() | st.integers(1, 1500))
def test_arrays_cover_all_tasks_once_and_no_index_reaches_the_cap(
    n_tasks: int, max_array_size: int, max_submit: int | None
) -> None:
    slices = array_slices(n_tasks, max_array_size, max_submit)
    assert list(itertools.chain(*(range(offset, offset + count) for offset, count in slices))) == list(range(n_tasks))
    assert all(0 < count <= (max_submit or count) for _, count in slices)
    assert all(count - 1 < max_array_size for _, count in slices)


def test_max_array_size_caps_the_index() -> None:
    assert array_slices(1001, 1001) == [(0, 1001)]
    assert array_slices(1002, 1001) == [(0, 1001), (1001, 1)]
    assert array_slices(10, 1001, max_submit=4) == [(0, 4), (4, 4), (8, 2)]


@pytest.mark.parametrize(("size", "submit"), [(0, None), (1001, 0)])
def test_a_site_that_takes_no_arrays_is_named(size: int, submit: int | None) -> None:
    with pytest.raises(UsageError, match="no array fits"):
        array_slices(5, size, submit)
