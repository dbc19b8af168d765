"""Let a step import DeepLabCut."""

from __future__ import annotations

import contextlib


def make_importable() -> None:
    """Call before DeepLabCut is imported: torchvision may be built for GPUs where torch is not."""
    with contextlib.suppress(ImportError):  # without torch there is nothing to do
        from entrypoint.engines.torchvision_ops import declare_missing

        declare_missing()
