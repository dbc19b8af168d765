from __future__ import annotations

from pathlib import Path

import numpy
import pytest

from dlcctr.errors import OutputError
from dlcctr.results.times.frame_times import write_frame_times
from entrypoint.steps.smoothing.steps_of_time import Steps, gap_lengths, read_steps

NAN = float("nan")


def steps_of(tmp_path: Path, times: list[float], frames: int | None = None) -> Steps:
    write_frame_times(tmp_path / "t.csv.gz", times)
    return read_steps(tmp_path / "t.csv.gz", len(times) if frames is None else frames)


def test_gaps_are_as_long_as_they_are(tmp_path: Path) -> None:
    steps = steps_of(tmp_path, [0, 0.1, 0.2, 0.3, 1.3, 1.4])
    numpy.testing.assert_allclose(steps.lengths, [0, 1, 1, 1, 10, 1])
    assert steps.step_s == pytest.approx(0.1) and not steps.remark


def test_a_clock_that_goes_back_stands(tmp_path: Path) -> None:
    numpy.testing.assert_allclose(steps_of(tmp_path, [0, 1, 2, 1.5, 3]).lengths, [0, 1, 1, 0, 1], atol=1e-9)


def test_frames_without_a_time_lie_between_the_others(tmp_path: Path) -> None:
    steps = steps_of(tmp_path, [NAN, 1, 2, NAN, 4, 5, NAN])
    numpy.testing.assert_allclose(steps.lengths, [0, 1, 1, 1, 1, 1, 1])
    assert steps.remark.startswith("3 frames have no time")


@pytest.mark.parametrize("times", [[NAN, NAN, NAN], [5.0, 5.0, 5.0], [NAN, 2.0, NAN]])
def test_without_a_clock_frames_are_even_and_that_is_said(times: list[float], tmp_path: Path) -> None:
    steps = steps_of(tmp_path, times)
    assert list(steps.lengths) == [0, 1, 1] and "evenly spaced" in steps.remark


def test_no_file_of_times_and_no_frames() -> None:
    assert list(read_steps(None, 2).lengths) == [0, 1]
    assert list(read_steps(None, 0).lengths) == []


def test_fewer_times_than_frames_are_refused(tmp_path: Path) -> None:
    assert len(steps_of(tmp_path, [0, 1, 2], frames=2).lengths) == 2
    with pytest.raises(OutputError, match="3 times for 4 frames"):
        steps_of(tmp_path, [0, 1, 2], frames=4)


def test_lengths_of_gaps() -> None:
    measured = numpy.array([False, True, False, False, True, False])
    steps = Steps(numpy.array([0, 1, 1, 1, 5, 1.0]), 0.5)
    found = gap_lengths(measured, steps)
    numpy.testing.assert_allclose(found, [numpy.inf, 0, 3.5, 3.5, 0, numpy.inf])
    assert numpy.isinf(gap_lengths(numpy.zeros(3, bool), Steps(numpy.ones(3), 1))).all()
