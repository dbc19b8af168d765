from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlcctr.errors import ModelError
from dlcctr.model.curve.losses import COLUMNS, DETECTOR, LOSSES_FILENAME, POSE, LossRow, losses_text, read_losses

ROWS = [LossRow(DETECTOR, 1, 0.1 + 0.2), LossRow(POSE, 1, 1e-17, 0.5, 1e-3, 2.0), LossRow(POSE, 2, math.inf)]


def test_numbers_come_back_to_the_last_bit(tmp_path: Path) -> None:
    (tmp_path / LOSSES_FILENAME).write_text(losses_text(ROWS))
    assert str(read_losses(tmp_path)) == str(ROWS)  # not a number is unlike itself


def test_no_file_is_an_empty_curve(tmp_path: Path) -> None:
    assert read_losses(tmp_path) == []
    assert read_losses(tmp_path / LOSSES_FILENAME) == []


@pytest.mark.parametrize("text", ["", "a,b\n", ",".join(COLUMNS) + "\npose,1\n", ",".join(COLUMNS) + "\npose,x,,,,\n"])
def test_something_else_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / LOSSES_FILENAME).write_text(text)
    with pytest.raises(ModelError, match=LOSSES_FILENAME):
        read_losses(tmp_path)


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("losses")
    (folder / LOSSES_FILENAME).write_bytes(",".join(COLUMNS).encode() + b"\n" + data)
    try:
        read_losses(folder)
    except ModelError as error:
        assert LOSSES_FILENAME in error.message
