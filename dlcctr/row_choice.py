"""``--rows 0-9,12``: some rows of a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dlcctr.errors import UsageError
from dlcctr.manifest import Row, find_row


def choose_rows(rows: Sequence[Row], wanted: str, manifest: Path) -> list[Row]:
    """Rows of a list such as ``0-9,12``; all of them where it is empty. Raises `UsageError`, `ManifestError`."""
    if not wanted.strip():
        return list(rows)
    indices: set[int] = set()
    for part in wanted.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        numbers = [first, last] if dash else [first]
        if not all(word.isascii() and word.isdecimal() for word in numbers) or int(numbers[-1]) < int(first):
            raise UsageError(f"--rows {wanted!r}: {part!r} is no row and no range of rows", "for example --rows 0-9,12")
        find_row(rows, int(numbers[-1]), manifest)
        indices |= set(range(int(first), int(numbers[-1]) + 1))
    return [row for row in rows if row.index in indices]
