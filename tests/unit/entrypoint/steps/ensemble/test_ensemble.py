from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from dlcctr.campaign.steps.ensemble import Combination, EnsembleParameters
from dlcctr.errors import AnalysisError, ManifestError
from dlcctr.results.h5.positions import PositionColumns, write_positions
from entrypoint.steps.base import StepInput
from entrypoint.steps.ensemble import run
from entrypoint.steps.ensemble.agreement import agree, weighted_median
from tests.unit.support.simulated_tracks import POOR, observe_by_several, walk
from tests.unit.support.smoothing_case import input_of

PARTS = ("nose", "tail")
FRAMES, MODELS = 300, 4
EKS, MEDIAN = EnsembleParameters(), EnsembleParameters(Combination.MEDIAN)


def columns_of(parts: tuple[str, ...], who: tuple[str, ...] = ("",)) -> PositionColumns:
    return PositionColumns("DLC_x", tuple((one, part) for one in who for part in parts), several=who != ("",))


def rows_of(tmp_path: Path, tables: list[tuple[PositionColumns, Any]], parameters: EnsembleParameters) -> StepInput:
    """A step's input of several rows; each table's numbers are (points, 3, frames)."""
    files = []
    for number, (columns, values) in enumerate(tables):
        folder = tmp_path / f"row{number}"
        folder.mkdir()
        files.append(folder / f"videoDLC_x{number}.h5")
        with write_positions(files[-1], columns) as writer:
            writer.write(values.transpose(2, 0, 1))
    work = tmp_path / "work"
    work.mkdir()
    frames = tables[-1][1].shape[2]
    return input_of(files, frames, work, parameters, numpy.arange(frames) / 30)


def several_of(part: int, models: int = MODELS, frames: int = FRAMES) -> tuple[Any, Any]:
    way = walk(part, frames)
    return way, observe_by_several(way, part, models, POOR)


@pytest.mark.parametrize(
    ("parameters", "better", "apart"), [(EKS, 0.5, 1.2), (MEDIAN, 0.85, 1.7)], ids=["eks", "median"]
)
def test_it_is_better_than_each_model_and_knows_where_it_errs(
    parameters: EnsembleParameters, better: float, apart: float, tmp_path: Path
) -> None:
    ways, found = zip(*(several_of(part) for part in range(2)), strict=True)
    tables = [(columns_of(PARTS), numpy.stack([part[model] for part in found])) for model in range(MODELS)]
    given = rows_of(tmp_path, tables, parameters)
    result = run(given)
    assert [file.name for file in result.files] == ["videoDLC_x3_ensemble.h5", "videoDLC_x3_variance.hdf5"]
    assert {name for name in given.used if name.endswith(".h5")} == {
        "videoDLC_x3.h5", *(f"row {n}: videoDLC_x{n}.h5" for n in range(3))
    }  # fmt: skip
    values = pandas.read_hdf(result.files[0], "df_with_missing").to_numpy().reshape(FRAMES, 2, 3)
    spread = pandas.read_hdf(result.files[1])
    low, high = [], []
    for number, part in enumerate(PARTS):
        off = numpy.hypot(*(values[:, number, :2] - ways[number]).T)
        known = numpy.isfinite(off)
        assert known.mean() > 0.9
        each = [numpy.hypot(*(one[:2].T - ways[number]).T)[known].mean() for one in found[number]]
        assert off[known].mean() < better * min(each)
        variance = spread["DLC_x"][part]["variance"].to_numpy()[known]
        order = numpy.argsort(variance)
        low += list(off[known][order[: len(order) // 2]])
        high += list(off[known][order[-len(order) // 10 :]])
    assert numpy.mean(high) > apart * numpy.mean(low), "the variance says where it errs"
    assert result.facts["models"] == MODELS and result.facts["between_models_px"] > 1


def test_points_are_matched_by_name(tmp_path: Path) -> None:
    _, nose = several_of(0, 2, 40)
    _, tail = several_of(1, 2, 40)
    tables = [
        (columns_of(("tail", "nose")), numpy.stack([tail[0], nose[0]])),
        (columns_of(PARTS), numpy.stack([nose[1], tail[1]])),
    ]
    result = run(rows_of(tmp_path, tables, MEDIAN))
    table = pandas.read_hdf(result.files[0])
    assert list(table.columns) == list(columns_of(PARTS).header())
    wanted = agree(nose, 0.1).median
    numpy.testing.assert_array_equal(table["DLC_x"]["nose"][["x", "y"]].to_numpy(), wanted)


def test_other_body_parts_are_refused_by_name(tmp_path: Path) -> None:
    values = numpy.ones((2, 3, 5))
    tables = [(columns_of(("nose", "left ear")), values), (columns_of(PARTS), values)]
    with pytest.raises(AnalysisError, match=r"row 0 lacks 'tail' and also has 'left ear', compared with row 1"):
        run(rows_of(tmp_path, tables, EKS))


def test_one_row_is_no_ensemble(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="has one row") as caught:
        run(rows_of(tmp_path, [(columns_of(PARTS), numpy.ones((2, 3, 5)))], EKS))
    assert "--shuffle 1,2,3" in caught.value.hint


def test_a_table_of_one_animal_with_a_name(tmp_path: Path) -> None:
    """Several animals need scipy to be matched: tests/integration/test_ensembles.py."""
    one = columns_of(PARTS, ("m1",))
    assert run(rows_of(tmp_path, [(one, numpy.ones((2, 3, 5)))] * 2, EKS)).facts["models"] == 2


def test_animals_with_other_body_parts_are_refused(tmp_path: Path) -> None:
    values = numpy.ones((4, 3, 5))
    tables = [(columns_of(("nose", "ear"), ("a", "b")), values), (columns_of(PARTS, ("m1", "m2")), values)]
    with pytest.raises(AnalysisError, match=r"row 0 lacks 'tail' and also has 'ear', compared with row 1"):
        run(rows_of(tmp_path, tables, EKS))


def test_weights_decide() -> None:
    values = numpy.array([[1.0], [2.0], [10.0], [numpy.nan]])
    assert weighted_median(values, numpy.array([[1.0], [1.0], [1.0], [0.0]])) == 2
    assert weighted_median(values, numpy.array([[1.0], [1.0], [2.5], [0.0]])) == 10
    assert weighted_median(values, numpy.array([[1.0], [1.0], [0.0], [0.0]])) == 1.5
    assert weighted_median(values, numpy.array([[0.0], [0.0], [0.3], [0.0]])) == 10
    assert numpy.isnan(weighted_median(values, numpy.zeros((4, 1))))


def test_a_model_without_position_or_likelihood_has_no_say() -> None:
    values = numpy.ones((3, 3, 4)) * numpy.array([1.0, 2.0, 30.0])[:, None, None]
    values[:, 2] = 0.9
    values[2, 2] = [0.05, numpy.nan, 0.9, 0.0]
    values[2, 0, 2] = numpy.inf
    values[:, :2, 3] = numpy.nan
    found = agree(values, 0.1)
    assert list(found.members) == [2, 2, 2, 0]
    numpy.testing.assert_allclose(found.median[:3, 0], 1.5)
    numpy.testing.assert_allclose(found.variance[:3], 0.5)
    assert numpy.isnan(found.median[3]).all() and numpy.isnan(found.noise[3]) and found.likelihood[3] == 0


def test_two_models_that_agree_by_chance_are_not_certain() -> None:
    rng = numpy.random.default_rng(0)
    values = numpy.stack([numpy.vstack([rng.normal(0, 2, (2, 200)), numpy.ones(200)]) for _ in range(2)])
    values[:, :2, 7] = 1.0
    found = agree(values, 0.1)
    assert found.variance[7] == 0 and found.noise[7] > 0.5


@pytest.mark.parametrize("frames", [1, 2])
@pytest.mark.parametrize("parameters", [EKS, MEDIAN], ids=["eks", "median"])
def test_short_videos_and_points_that_nobody_found(parameters: EnsembleParameters, frames: int, tmp_path: Path) -> None:
    values = numpy.full((2, 3, frames), numpy.nan)
    result = run(rows_of(tmp_path, [(columns_of(PARTS), values)] * 2, parameters))
    assert len(pandas.read_hdf(result.files[0])) == frames == len(pandas.read_hdf(result.files[1]))
