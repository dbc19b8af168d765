"""Parameters of the step `nwb`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class NwbParameters:
    """How the step `nwb` works."""
