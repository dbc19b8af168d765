"""The precision in which a network computes: part of what decides a result."""

from __future__ import annotations

FLOAT32, FP16, BF16 = "float32", "fp16", "bf16"
PRECISIONS = (FLOAT32, FP16, BF16)
"""The first is what stock DeepLabCut computes in, and the default. The others have 16 bits: faster and smaller on many
GPUs, with positions that differ by some hundredths of a pixel."""


def precision_problem(text: str) -> str:
    """Why a text names no precision; empty where it does."""
    return "" if text in PRECISIONS else f"{text[:60]!r}; it must be one of {', '.join(PRECISIONS)}"
