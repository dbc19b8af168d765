"""The step `label-video`: positions drawn into the row's video, as H.264 that every browser plays."""

from __future__ import annotations

from entrypoint.steps.label_video.make import run

__all__ = ["run"]
