from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from entrypoint.loop.loop import NOT_USED
from tests.gpu.clips import ROOT
from tests.gpu.equality import Comparison, compare_tables
from tests.gpu.row_cases import DISCARDED, checkpoint_reach, resume_problems, resumed_at
from tests.gpu.tolerance import BY_DEVICE, CPU, CUDA

COLUMNS = pd.MultiIndex.from_product(
    [["scorer"], ["nose", "tail"], ["x", "y", "likelihood"]], names=["scorer", "bodyparts", "coords"]
)


def table(frames: int = 10) -> pd.DataFrame:
    values = np.random.default_rng(0).uniform(0, 1, (frames, len(COLUMNS)))
    values[:, [0, 1, 3, 4]] *= 300
    return pd.DataFrame(values, columns=COLUMNS)


def moved(by_px: float, by_likelihood: float = 0.0) -> Comparison:
    other = table()
    other.iloc[3, 0] += by_px
    other.iloc[4, 2] += by_likelihood
    return compare_tables("a", table(), other, CUDA)


def test_a_gpu_may_differ_by_more_than_a_cpu_and_each_says_why() -> None:
    assert BY_DEVICE == {"cpu": CPU, "cuda": CUDA}
    assert (CPU.px, CPU.likelihood) == (0.01, 1e-4)
    assert (CUDA.px, CUDA.likelihood) == (0.05, 2e-3)
    assert "TF32" in CUDA.reason
    assert "float32" in CPU.reason
    assert not CUDA.holds(float("nan"), 0)


@pytest.mark.parametrize(("px", "likelihood", "equal"), [(0.04, 0, True), (0, 1.9e-3, True), (0.06, 0, False),
                                                         (0, 3e-3, False), (np.nan, 0, False)])  # fmt: skip
def test_the_tolerance_decides(px: float, likelihood: float, equal: bool) -> None:
    found = moved(px, likelihood)
    assert found.equal is equal
    assert found.beyond == pytest.approx(0 if equal else 1 / 60)
    assert bool(found.why) is not equal
    assert (found.max_px is None) is bool(np.isnan(px))


def test_a_shift_by_a_frame_is_seen_and_its_size_is_given() -> None:
    found = compare_tables("a", table(), table(), CUDA)
    assert found.equal
    assert found.shift_px is not None
    assert found.shift_px > 100
    assert found.shift_seen
    still = table(1).loc[[0] * 5].reset_index(drop=True)
    assert not compare_tables("a", still, still, CUDA).shift_seen
    lost = table()
    lost.iloc[:5] = np.nan
    assert compare_tables("a", lost, lost, CUDA).shift_seen
    late = pd.DataFrame(np.roll(table().to_numpy(), 1, axis=0), columns=COLUMNS)
    assert not compare_tables("a", late, table(), CUDA).equal


def test_two_empty_results_are_not_called_equal() -> None:
    empty = table() * np.nan
    found = compare_tables("a", empty, empty, CUDA)
    assert (found.equal, found.values) == (False, 0)
    assert "no value is there in both" in found.why


def test_missing_rows_and_other_columns_are_named() -> None:
    found = compare_tables("a", table(), table(9), CUDA)
    assert (found.equal, found.why, found.max_px) == (False, "not the same index (10 and 9 rows)", None)
    renamed = table().rename(columns={"tail": "ear"})
    assert compare_tables("a", table(), renamed, CUDA).why.startswith("not the same columns")


def test_where_a_row_was_resumed_is_read_from_what_analyze_says() -> None:
    assert resumed_at("row 0: continuing at frame 96 of 4000\nmore\n") == 96
    assert resumed_at("row 0: 4000 frames\n") is None
    assert resumed_at(f"row 0: continuing at frame 96 of 4000\nrow 0: {DISCARDED}: on the first …\n") is None


def test_what_analyze_says_of_both_is_still_what_is_looked_for() -> None:
    assert NOT_USED.startswith(DISCARDED)
    source = (ROOT / "entrypoint/loop/checkpoints/writer.py").read_text(encoding="utf-8")
    assert 'f"continuing at frame {at} of {frames}"' in source


@pytest.mark.parametrize(
    ("places", "problems"),
    [([96, 200], 0), ([104, 200], 0), ([None, 200], 1), ([50, 200], 1), ([96, 96], 1), ([None, None], 2)],
)
def test_a_row_that_begins_anew_or_loses_what_it_had_is_a_problem(places: list[int | None], problems: int) -> None:
    assert len(resume_problems(places, 96)) == problems


def test_checkpoints_are_found_by_their_names(tmp_path: Path) -> None:
    from dlcctr.contract import CHECKPOINTS_PREFIX

    assert checkpoint_reach(tmp_path) == 0
    folder = tmp_path / "model" / f"{CHECKPOINTS_PREFIX}video-0123"
    folder.mkdir(parents=True)
    for name in ("0000000-0000096.npz", "0000096-0000192.npz", ".half-0000999.npz", "x.txt"):
        (folder / name).touch()
    assert checkpoint_reach(tmp_path) == 192
