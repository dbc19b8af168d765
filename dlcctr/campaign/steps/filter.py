"""Parameters of the step `filter`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FilterParameters:
    """How the step `filter` works."""
