"""Rows to array tasks, and tasks to job arrays: pure arithmetic, the same answer every time."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence

from dlcctr.errors import UsageError


def pack_into(costs: Sequence[float], n_bins: int) -> list[list[int]]:
    """Divide items among bins so that the fullest is about as light as possible (longest processing time first).

    Each item, the largest first, goes into the lightest bin so far. The fullest bin is at most 4/3 of the best
    possible (Graham 1969). Takes O(n log n).

    Parameters
    ----------
    costs : sequence of float
        Cost of each item.

    Returns
    -------
    list of list of int
        Positions in `costs`; no bin is empty; the costliest bin first, and in each the costliest item.
    """
    heap = [(0.0, number) for number in range(min(n_bins, len(costs)))]
    bins: list[list[int]] = [[] for _ in heap]
    for position in _longest_first(costs):
        load, number = heap[0]
        heapq.heapreplace(heap, (load + costs[position], number))
        bins[number].append(position)
    return _sorted_bins([each for each in bins if each], costs)


def pack_to(costs: Sequence[float], target: float, most: float = math.inf) -> list[list[int]]:
    """Divide items among bins of about `target` each. An item that costs as much by itself gets its own bin.

    Parameters
    ----------
    most : float
        No bin of several items holds more than this; at least `target`.

    Returns
    -------
    list of list of int
        As for `pack_into`. The average of the bins that hold several items is at most `target`.
    """
    order = _longest_first(costs)
    n_long = next((n for n, position in enumerate(order) if costs[position] < target), len(order))
    short = order[n_long:]
    packed = _pack_below([costs[position] for position in short], target, most)
    bins = [[position] for position in order[:n_long]] + [[short[i] for i in each] for each in packed]
    return _sorted_bins(bins, costs)


def _pack_below(costs: Sequence[float], target: float, most: float) -> list[list[int]]:
    n_bins = math.ceil(sum(costs) / target)
    while True:
        bins = pack_into(costs, n_bins)
        if not bins or len(bins[0]) == 1 or sum(costs[position] for position in bins[0]) <= most:
            return bins
        n_bins = max(n_bins + 1, math.ceil(1.05 * n_bins))


def keep_together(keys: Sequence[object]) -> list[list[int]]:
    """Positions of equal keys, in the order of the first of each: what must not be divided among tasks."""
    units: dict[object, list[int]] = {}
    for position, key in enumerate(keys):
        units.setdefault(key, []).append(position)
    return list(units.values())


def group(bins: Sequence[list[int]], size: int, costs: Sequence[float]) -> list[list[int]]:
    """Join bins in groups of `size`, those that are about equally full; in each the costliest item comes first.

    For tasks with several GPUs, which take rows from one list: a task ends when its last GPU does.
    """
    if size == 1:
        return list(bins)
    merged = [[position for each in bins[n : n + size] for position in each] for n in range(0, len(bins), size)]
    return [sorted(each, key=lambda position: (-costs[position], position)) for each in merged]


def _longest_first(costs: Sequence[float]) -> list[int]:
    return sorted(range(len(costs)), key=lambda position: (-costs[position], position))


def _sorted_bins(bins: list[list[int]], costs: Sequence[float]) -> list[list[int]]:
    return sorted(bins, key=lambda each: (-sum(costs[position] for position in each), -costs[each[0]], each[0]))


def makespan(costs: Sequence[float], n_gpus: int) -> float:
    """Time until all tasks are done if they start in order, each as soon as a GPU is free."""
    free = [0.0] * min(n_gpus, len(costs))
    for cost in costs:
        heapq.heapreplace(free, free[0] + cost)
    return max(free, default=0.0)


def array_slices(n_tasks: int, max_array_size: int, max_submit: int | None = None) -> list[tuple[int, int]]:
    """Offset and number of tasks of each job array.

    Slurm's MaxArraySize limits the array *index*: 1001 allows 0 to 1000. So each array counts from 0 again, and its
    tasks are the plan's from `offset` on. An array with more tasks than `max_submit` would be refused whole.

    Raises
    ------
    UsageError
        A limit is below 1: this site takes no arrays, or no jobs at all.
    """
    most = max_array_size if max_submit is None else min(max_array_size, max_submit)
    if most < 1:
        raise UsageError(
            f"no array fits: arrays of at most {max_array_size} and {max_submit} jobs at a time",
            "ask the site for a limit of 1 or more, or give --max-array-size",
        )
    return [(offset, min(most, n_tasks - offset)) for offset in range(0, n_tasks, most)]
