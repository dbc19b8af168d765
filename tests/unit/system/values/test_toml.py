from __future__ import annotations

import pytest

from dlcctr.system.values.toml import parse_toml


def test_numbers_of_64_bits_are_read() -> None:
    assert parse_toml(f"a = [{(1 << 64) - 1}, {-(1 << 63)}]\n[b]\nc = true\n") == {
        "a": [(1 << 64) - 1, -(1 << 63)],
        "b": {"c": True},
    }


@pytest.mark.parametrize(
    ("text", "words"),
    [("a = " + "[" * 5000, "nested too deeply"), ("a = " + "9" * 5000, "digits"),
     ("a = " + "9" * 50, "a has more than 64"),
     ("[b]\nc = [{d = 0x" + "f" * 5000 + "}]", "d has more than 64 bits"), ("a = ", "Invalid value")],
)  # fmt: skip
def test_what_nobody_writes_is_refused_as_a_wrong_value(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_toml(text)
