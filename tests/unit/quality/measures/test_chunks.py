from __future__ import annotations

import threading

import numpy
import pytest

from dlcctr.quality.measures import chunks
from dlcctr.quality.measures.chunks import measure_chunks


@pytest.mark.parametrize("cpus", [1, 3, 64])
def test_chunks_come_in_order_whoever_is_done_first(cpus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "cpu_count", lambda: cpus)
    values = numpy.arange(23)
    found = measure_chunks(lambda frames: values[frames] ** 2, len(values), 5)
    assert [len(each) for each in found] == [5, 5, 5, 5, 3]
    assert (numpy.concatenate(found) == values**2).all()
    assert [len(each) for each in measure_chunks(lambda frames: values[frames], 0, 5)] == [0]


def test_chunks_are_measured_side_by_side_with_the_callers_errstate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "cpu_count", lambda: 2)
    both = threading.Barrier(2, timeout=30)

    def measure(frames: slice) -> float:
        both.wait()
        return float((numpy.ones(1) / numpy.zeros(1))[0])

    with numpy.errstate(divide="ignore"):
        assert measure_chunks(measure, 2, 1) == [numpy.inf, numpy.inf]
    with numpy.errstate(divide="raise"), pytest.raises(FloatingPointError):
        measure_chunks(measure, 2, 1)
