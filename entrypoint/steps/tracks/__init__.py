"""The step `tracks`: tracks of several animals, from what the analysis has detected, without detecting again."""

from __future__ import annotations

from entrypoint.steps.tracks.step import run

__all__ = ["run"]
