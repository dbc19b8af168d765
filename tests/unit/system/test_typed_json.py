from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from dlcctr.system.typed_json import from_plain


@dataclass(frozen=True)
class Part:
    name: str
    size: float = 1.0


@dataclass(frozen=True)
class Whole:
    parts: list[Part]
    ranges: tuple[int, ...] = ()
    counts: dict[str, int | None] = field(default_factory=dict)
    first: Part | None = None


def test_nested_values_get_their_types() -> None:
    value = {"parts": [{"name": "a", "size": 2}], "ranges": [1, 2], "counts": {"x": None}, "first": {"name": "b"}}
    found = from_plain(Whole, value)
    assert found == Whole([Part("a", 2.0)], (1, 2), {"x": None}, Part("b"))
    assert type(found.parts[0].size) is float


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "parts"),
        ([], "not the fields of Whole"),
        ({"parts": "ab"}, r"whole\.parts is 'ab'"),
        ({"parts": [{"name": 3}]}, r"whole\.parts\[0\]\.name is 3, not str"),
        ({"parts": [{"name": "a", "size": True}]}, "not float"),
        ({"parts": [], "ranges": [1.0]}, r"whole\.ranges\[0\] is 1\.0, not int"),
        ({"parts": [], "counts": {"x": "1"}}, "not int or NoneType"),
        ({"parts": [], "first": {"nome": "b"}}, r"not Part or NoneType"),
        ({"parts": [], "more": 1, "else": 2}, "unknown fields: else, more"),
    ],
)
def test_other_values_are_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_plain(Whole, value, "whole")
