"""The step `filter` as a whole, with the filter that needs no other library; DeepLabCut's are compared with its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from dlcctr.campaign.steps.filter import FilterParameters, FilterType
from dlcctr.results.h5.positions import PositionColumns, write_positions
from entrypoint.steps.base import StepResult
from entrypoint.steps.filter import run
from entrypoint.steps.smoothing import by_point
from tests.unit.support.simulated_tracks import observe, walk
from tests.unit.support.smoothing_case import input_of

KALMAN = FilterParameters(FilterType.KALMAN, csv=True)
SEVERAL = PositionColumns("DLC_x", (("m1", "nose"), ("m1", "tail"), ("m2", "nose"), ("m2", "tail")), several=True)
FRAMES = 60


def points_of(frames: int = FRAMES) -> Any:
    return numpy.stack([observe(walk(n, frames), n) for n in range(4)], axis=0).transpose(2, 0, 1)


def filtered(tmp_path: Path, points: Any, frames: int | None = None, times: Any = None) -> tuple[StepResult, Any]:
    source, work = tmp_path / "row", tmp_path / "work"
    source.mkdir(exist_ok=True)
    work.mkdir(exist_ok=True)
    h5 = source / "videoDLC_x_el.h5"
    with write_positions(h5, SEVERAL) as writer:
        writer.write(points)
    frames = len(points) if frames is None else frames
    given = input_of([h5], frames, work, KALMAN, numpy.arange(frames) / 30 if times is None else times)
    result = run(given)
    assert set(given.used) == {h5.name, "frame-times.csv.gz"}
    return result, pandas.read_hdf(result.files[0], "df_with_missing").to_numpy().reshape(frames, -1, 3)


def test_files_are_named_and_formed_as_deeplabcuts(tmp_path: Path) -> None:
    result, values = filtered(tmp_path, points_of(), frames=FRAMES + 5)
    assert [file.name for file in result.files] == ["videoDLC_x_el_filtered.h5", "videoDLC_x_el_filtered.csv"]
    table = pandas.read_hdf(result.files[0])
    assert list(table.columns) == list(SEVERAL.header()) and list(table.index) == list(range(FRAMES + 5))
    assert numpy.isnan(values[FRAMES:]).all(), "the table ended before the video"
    csv = pandas.read_csv(result.files[1], header=[0, 1, 2, 3], index_col=0)
    numpy.testing.assert_allclose(csv.to_numpy(), table.to_numpy())


def test_what_was_changed_is_counted(tmp_path: Path) -> None:
    points = points_of()
    points[20:23, 1] = numpy.nan
    result, values = filtered(tmp_path, points)
    assert result.facts["positions"] == 4 * FRAMES - 3 and result.facts["filled"] == 3
    both = numpy.isfinite(points[..., 0]) & numpy.isfinite(values[..., 0])
    moved = numpy.hypot(*(values - points)[..., :2][both].T)
    assert result.facts["largest_change_px"] == pytest.approx(moved.max(), abs=1e-3)
    assert result.facts["mean_change_px"] == pytest.approx(moved[moved > 1e-9].mean(), abs=1e-3)
    assert set(values[20:23, 1, 2]) == {0.01}
    numpy.testing.assert_array_equal(
        numpy.delete(values[:, 1, 2], [20, 21, 22]), numpy.delete(points[:, 1, 2], [20, 21, 22])
    )


def test_a_doubtful_position_is_no_measurement_and_keeps_its_likelihood(tmp_path: Path) -> None:
    points = points_of()
    points[30, 0] = 5000, 5000, 0.02
    _, values = filtered(tmp_path, points)
    assert numpy.hypot(*(values[30, 0, :2] - walk(0, FRAMES)[30])) < 10 and values[30, 0, 2] == 0.02


def test_longer_gaps_stay_empty(tmp_path: Path) -> None:
    points = points_of()
    points[10:14, 0] = numpy.nan
    points[30:50, 0] = numpy.nan
    _, values = filtered(tmp_path, points)
    assert numpy.isfinite(values[10:14, 0]).all() and numpy.isnan(values[30:50, 0]).all()
    jump = numpy.arange(FRAMES) / 30 + 9.0 * (numpy.arange(FRAMES) > 11)
    _, values = filtered(tmp_path, points, times=jump)
    assert numpy.isnan(values[10:14, 0, :2]).all(), "four frames, but nine seconds"


def test_each_individual_is_smoothed_by_itself(tmp_path: Path) -> None:
    points = points_of()
    _, both = filtered(tmp_path, points)
    points[:, 2:] = numpy.nan
    result, alone = filtered(tmp_path, points)
    numpy.testing.assert_array_equal(both[:, :2], alone[:, :2])
    assert numpy.isnan(alone[:, 2:]).all() and result.facts["positions"] == 2 * FRAMES


def test_a_table_in_a_file_gives_the_same_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, wanted = filtered(tmp_path, points_of())
    monkeypatch.setattr(by_point, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(by_point, "WRITTEN_FRAMES", 7)
    result, found = filtered(tmp_path, points_of())
    numpy.testing.assert_array_equal(found, wanted)
    assert sorted(each.name for each in (tmp_path / "work").iterdir()) == sorted(each.name for each in result.files)
    lines = result.files[1].read_text().splitlines()
    assert len(lines) == FRAMES + 4 and lines[4].startswith("0,") and lines[-1].startswith(f"{FRAMES - 1},")


@pytest.mark.parametrize("frames", [1, 2])
def test_short_videos(frames: int, tmp_path: Path) -> None:
    result, values = filtered(tmp_path, points_of()[:frames])
    assert values.shape == (frames, 4, 3) and result.files[0].is_file()


def test_infinite_positions_are_missing_and_named(tmp_path: Path) -> None:
    points = points_of()
    points[5, 0, 0] = numpy.inf
    points[6, 0, 2] = numpy.nan
    result, values = filtered(tmp_path, points)
    assert numpy.isfinite(values).all() and result.remark == "1 positions were infinite: taken as missing"
