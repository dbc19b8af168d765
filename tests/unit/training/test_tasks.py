"""Shuffles and seeds of a request, and the options of `dlc train`."""

from __future__ import annotations

import pytest

from dlcctr.errors import UsageError
from dlcctr.training.tasks import MAX_SEED, TrainOptions, TrainTask, make_tasks


@pytest.mark.parametrize(
    ("shuffles", "seeds", "pairs"),
    [
        ([], [], [(1, None)]),
        ([3, 5], [], [(3, None), (5, None)]),
        ([3, 5], [7], [(3, 7), (5, 7)]),
        ([3, 5], [7, 0], [(3, 7), (5, 0)]),
        ([], [4, 5, 6], [(1, 4), (2, 5), (3, 6)]),
        ([10], [4, 5], [(10, 4), (11, 5)]),
    ],
)
def test_shuffles_and_seeds_are_paired(
    shuffles: list[int], seeds: list[int], pairs: list[tuple[int, int | None]]
) -> None:
    assert make_tasks(shuffles, seeds) == tuple(TrainTask(*pair) for pair in pairs)


@pytest.mark.parametrize(
    ("shuffles", "seeds", "said"),
    [
        ([1, 2], [1, 2, 3], "2 shuffles and 3 seeds"),
        ([1, 1], [], "twice"),
        ([-1], [], "shuffle -1"),
        ([1], [MAX_SEED + 1], "seed"),
        (list(range(101)), [], "101 shuffles"),
    ],
)
def test_what_does_not_fit_is_refused(shuffles: list[int], seeds: list[int], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make_tasks(shuffles, seeds)


def test_only_what_was_given_is_passed_on() -> None:
    assert TrainOptions().words == ()
    every = TrainOptions(9, "a b.pt", "resnet_50", 4, "amp", "cpu", allow_cpu=True, trial=True, same_settings=True)
    assert every.words == (
        "--epochs", "9", "--weights", "a b.pt", "--net-type", "resnet_50", "--batch-size", "4",
        "--precision", "amp", "--device", "cpu", "--allow-cpu", "--same-settings", "--trial",
    )  # fmt: skip
