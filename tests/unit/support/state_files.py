"""State files as dlcctr wrote them before its records had types (golden/state), and every way to damage them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dlcctr.errors import DlcctrError

GOLDEN = Path(__file__).parents[1] / "golden" / "state"
WRONG = ("wrong", 1.5, True, {"wrong": 1}, ["wrong"])


def golden(pattern: str) -> list[Any]:
    """Files by a pattern, as parameters of a test."""
    files = sorted(GOLDEN.glob(pattern))
    assert files
    return [pytest.param(file, id=file.name) for file in files]


def unsigned(text: str) -> str:
    """Text of a state file as earlier versions wrote it, and as a person may change it: without its checksum."""
    changed, count = re.subn(r'\n "checksum": "[0-9a-f]{32}",', "", text)
    assert count == 1
    return changed


def flipped(data: bytes, most: int = 1500) -> Iterator[bytes]:
    """A file with one bit flipped: every bit of it, or `most` of them evenly spread."""
    n_bits = 8 * len(data)
    step = max(1, n_bits // most) | 1  # odd, so that all bits of a byte come in turn
    for bit in range(0, n_bits, step):
        yield data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]


def assert_no_bit_counts(read: Callable[[Path], object], file: Path, kinds: tuple[type[DlcctrError], ...]) -> None:
    """Whatever bit of a file is flipped, it is refused with file and remedy, or says what it said before."""
    data, before = file.read_bytes(), read(file)
    n_refused = 0
    for each in flipped(data):
        file.write_bytes(each)
        try:
            assert read(file) == before, each
        except DlcctrError as error:
            assert type(error) in kinds, each
            assert error.message.startswith(f"{file}: ")
            assert error.hint
            n_refused += 1
    file.write_bytes(data)
    assert n_refused > 500


def assert_refused(read: Callable[[Path], object], file: Path, kind: type[DlcctrError]) -> str:
    """Reading gives an error of this very class that names the file and a remedy; returns its message."""
    try:  # pytest.raises would take most of the time of thousands of these
        read(file)
    except DlcctrError as error:
        assert type(error) is kind
        assert error.message.startswith(f"{file}: ")
        assert error.hint
        return error.message
    raise AssertionError(f"read as if it were whole: {file.read_bytes()!r}")


def assert_refused_at_every_cut(read: Callable[[Path], object], text: str, file: Path, kind: type[DlcctrError]) -> None:
    """A file that was cut off is refused wherever that was; only the newline at its end does not count."""
    data = text.rstrip("\n").encode()
    for length in range(len(data)):
        file.write_bytes(data[:length])
        assert_refused(read, file, kind)


def assert_refused_with_any_wrong_leaf(
    read: Callable[[Path], object], text: str, file: Path, kind: type[DlcctrError]
) -> None:
    """A file in which one value has another type is refused, and the message names its key."""
    for path, table in with_a_wrong_leaf(json.loads(text)):
        file.write_text(json.dumps(table), encoding="utf-8")
        assert path in assert_refused(read, file, kind)


def with_a_wrong_leaf(table: Any) -> Iterator[tuple[str, Any]]:
    """Key path, and the table with a value of another type there; all leaves and all wrong types in turn."""
    for path, leaf, put in _leaves(table):
        for wrong in WRONG:
            if not _may_be(leaf, wrong):
                yield path, put(wrong)


def _may_be(leaf: object, wrong: object) -> bool:
    if leaf is None:
        return wrong == 1.5  # an optional number
    return type(leaf) is type(wrong)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any, Callable[[Any], Any]]]:
    """Path, value and how to make the whole with another value there, of everything that holds nothing else."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            for below, leaf, put in _leaves(each, f"{path}.{key}" if path else key):
                yield below, leaf, lambda new, key=key, put=put: {**value, key: put(new)}
    elif isinstance(value, list) and value:
        for n, each in enumerate(value):
            for below, leaf, put in _leaves(each, f"{path}[{n}]"):
                yield below, leaf, lambda new, n=n, put=put: [*value[:n], put(new), *value[n + 1 :]]
    else:
        yield path, value, lambda new: new
