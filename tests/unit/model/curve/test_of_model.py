from __future__ import annotations

import math
from pathlib import Path, PurePosixPath

import pytest

from dlcctr.model.curve.losses import DETECTOR, LOSSES_FILENAME, POSE, LossRow, losses_text
from dlcctr.model.curve.of_model import STATS_FILENAME, curve_of, parse_stats, thinned
from dlcctr.model.files import open_tree
from tests.unit.support.fuzz import damaged

HERE = PurePosixPath()
PYTORCH = """step,losses/eval.total_loss,losses/train.bodypart_locref,losses/train.total_loss,metrics/test.rmse
1,,0.54,0.0467,
2,0.0412,0.50,0.0395,12.5
"""
TENSORFLOW = """1000, 0.02310, 0.005
2000, 0.01180, 0.02
"""


def test_both_engines_own_files() -> None:
    first, second = parse_stats(PYTORCH)
    assert (first.network, first.epoch, first.train_loss) == (POSE, 1, 0.0467) and math.isnan(first.test_loss)
    assert (second.epoch, second.train_loss, second.test_loss) == (2, 0.0395, 0.0412)
    assert [(row.epoch, row.train_loss, row.learning_rate) for row in parse_stats(TENSORFLOW)] == [
        (1000, 0.0231, 0.005), (2000, 0.0118, 0.02),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["", "\n", "a,b\n1,2\n", "step\n1\n", "x, y, z\n"])
def test_something_else_is_no_curve(text: str) -> None:
    assert parse_stats(text) == []


def test_ours_comes_first_and_one_that_cannot_be_read_does_not_count(tmp_path: Path) -> None:
    tree = open_tree(tmp_path)
    assert curve_of(tree, HERE) == []
    (tmp_path / STATS_FILENAME).write_text(PYTORCH)
    assert [row.epoch for row in curve_of(tree, HERE)] == [1, 2]
    (tmp_path / LOSSES_FILENAME).write_text(losses_text([LossRow(POSE, 7, 0.5)]))
    assert [row.epoch for row in curve_of(tree, HERE)] == [7]
    (tmp_path / LOSSES_FILENAME).write_bytes(b"\xff")
    assert [row.epoch for row in curve_of(tree, HERE)] == [1, 2]


@pytest.mark.parametrize("text", [PYTORCH, TENSORFLOW])
def test_a_damaged_file_is_a_curve_or_none(tmp_path: Path, text: str) -> None:
    for data in damaged(text.encode()):
        (tmp_path / STATS_FILENAME).write_bytes(data)
        for row in curve_of(open_tree(tmp_path), HERE):
            assert row.epoch >= 0


def test_a_long_curve_is_thinned_and_keeps_its_tests_and_its_end() -> None:
    rows = [LossRow(POSE, n, 1 / n, 2 / n if n % 100 == 0 else math.nan) for n in range(1, 2001)]
    rows += [LossRow(DETECTOR, n, 1.0) for n in range(1, 4)]
    kept = thinned(rows, 100)
    pose = [row for row in kept if row.network == POSE]
    assert len(kept) - len(pose) == 3 and 50 < len(pose) <= 100
    assert [row.epoch for row in pose] == sorted({row.epoch for row in pose}) and pose[-1].epoch == 2000
    assert sum(math.isfinite(row.test_loss) for row in pose) == 20
    assert thinned(rows[:100], 100) == rows[:100]
