"""How a batch is shared out when OpenVINO computes a network."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrypoint.engines.openvino import TOGETHER_PX, share

SMALL, LARGE = (192, 256), (480, 640)
sizes = st.integers(1, 4000)


@pytest.mark.parametrize(
    ("batch_size", "size", "threads", "expected"),
    [
        (1, LARGE, 16, (1, 1)),  # one picture has all threads
        (8, LARGE, 1, (1, 1)),
        (8, SMALL, 2, (2, 4)),
        (8, LARGE, 2, (2, 1)),
        (8, LARGE, 16, (8, 1)),
        (8, LARGE, 6, (2, 1)),  # six at once would leave four threads idle for the last two
        (3, SMALL, 2, (1, 3)),
        (64, SMALL, 8, (8, 4)),
    ],
)
def test_pictures_side_by_side_and_together(
    batch_size: int, size: tuple[int, int], threads: int, expected: tuple[int, int]
) -> None:
    assert share(batch_size, size, threads) == expected


@given(st.integers(1, 300), st.tuples(sizes, sizes), st.integers(1, 256))
def test_all_pictures_have_a_place_and_no_memory_is_taken_for_more(
    batch_size: int, size: tuple[int, int], threads: int
) -> None:
    streams, part = share(batch_size, size, threads)
    assert batch_size % streams == 0
    assert threads % streams == 0
    assert part == 1 or part * math.prod(size) <= TOGETHER_PX
    assert (part - 1) * streams < batch_size
