"""The part of a page of the docs that a benchmark writes, between two marks; the rest is written by people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

END = "<!-- end of figures -->"


def replace_figures(page: Path, mark: str, lines: Sequence[str]) -> None:
    """Write the lines after `mark`, in place of those that are there."""
    head, found, rest = page.read_text(encoding="utf-8").partition(mark)
    if not found or END not in rest:
        raise SystemExit(f"{page}: the marks of the figures are missing")
    page.write_text(head + mark + "\n".join(lines) + END + rest.partition(END)[2], encoding="utf-8")
