"""Parameters of the step `ensemble`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EnsembleParameters:
    """How the step `ensemble` works."""
