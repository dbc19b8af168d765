"""Every way to damage a file, for readers of whatever kind: they read it, or refuse it as an error of theirs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

from dlcctr.errors import DlcctrError
from tests.unit.support.state_files import flipped

HOSTILE = (
    b"\0", b"\xff\xfe", b"\r", b'"', b"'", b"{" * 300, b"[" * 3000, b"9" * 5000, b"-1", b"1e999", b"nan", b"\\ud800",
    b"\xed\xa0\x80", "\u2028".encode(), b"../", b"<<: *a", b"&a [*a]", b"true", b"null", b"=1+1", b"\x1b[2J",
    b"(" * 300,
)  # fmt: skip
"""Bytes that some reader might stumble over."""


def damaged(data: bytes, most: int = 600, seed: int = 1) -> Iterator[bytes]:
    """A file cut at every byte, with flipped bits, with hostile bytes in it, and with parts gone or twice.

    Parameters
    ----------
    most : int
        Number of each kind at most, evenly spread.
    """
    step = max(1, len(data) // most)
    yield from (data[:length] for length in range(0, len(data), step))
    yield from flipped(data, most)
    generator = random.Random(seed)
    for number in range(most):
        first, second = sorted(generator.choices(range(len(data) + 1), k=2))
        word = HOSTILE[number % len(HOSTILE)]
        yield data[:first] + word + data[(second if number % 2 else first) :]
        if number % 3 == 0:
            yield data[:second] + data[first:]


def check_reader(
    read: Callable[[bytes], object],
    data: bytes,
    kinds: tuple[type[DlcctrError], ...],
    *,
    says: str = "",
    most: int = 600,
    refused: int = 50,
) -> None:
    """Whatever is done to a file, it is read, or refused by an error of these very classes, with place and remedy.

    Parameters
    ----------
    says : str
        What each message begins with: the file.
    refused : int
        Number of damaged files that are refused at least; the others may be sound, or look so.
    """
    read(data)
    count = 0
    for each in damaged(data, most):
        try:
            read(each)
        except DlcctrError as error:
            assert type(error) in kinds, (type(error), error.message, each)
            assert error.message.startswith(says), (error.message, each)
            assert error.hint, (error.message, each)
            count += 1
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}: {each!r}") from error
    assert count >= refused, f"only {count} were refused"


WRONG: tuple[Any, ...] = ("wrong", "", 1, -1, 1.5, True, None, [], ["x", 1], {"x": 1}, 10**400, "\ud800", "../x")
"""Values of every type that JSON has, the unlikely ones too."""


def with_wrong_values(table: Any) -> Iterator[Any]:
    """A parsed object in which one value, at whatever depth, is another one or is missing."""
    if isinstance(table, dict):
        for key, value in table.items():
            yield {name: each for name, each in table.items() if name != key}
            yield from ({**table, key: wrong} for wrong in WRONG)
            yield from ({**table, key: each} for each in with_wrong_values(value))
    elif isinstance(table, list):
        for number, value in enumerate(table):
            yield table[:number] + table[number + 1 :]
            yield from ([*table[:number], wrong, *table[number + 1 :]] for wrong in WRONG)
            yield from ([*table[:number], each, *table[number + 1 :]] for each in with_wrong_values(value))
