"""Parameters of the step `tracks`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TracksParameters:
    """How the step `tracks` works."""
