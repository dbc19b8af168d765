from __future__ import annotations

import pytest

from dlcctr.system.values.numbers import parse_whole


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("007", 7), ("9" * 15, 10**15 - 1), ("0" * 15 + "9" * 15, 10**15 - 1)]
)
def test_a_text_of_digits_is_a_number(text: str, number: int) -> None:
    assert parse_whole(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "1_0", " 1", "²", "٣", "1" + "0" * 15, "9" * 5000, "0" * 5000])
def test_everything_else_is_none(text: str) -> None:
    assert parse_whole(text) is None
