"""Parameters of the step `label-video`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelVideoParameters:
    """How the step `label-video` works."""
