"""Parameters of the step `csv`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CsvParameters:
    """How the step `csv` works."""
