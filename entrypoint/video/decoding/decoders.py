"""Names of what can decode a video."""

from __future__ import annotations

CPU, NVDEC, AUTO = "cpu", "nvdec", "auto"
DECODERS = (AUTO, CPU, NVDEC)
"""``auto`` is the CPU until a GPU has shown where its own engine is faster and as right."""
