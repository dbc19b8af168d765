"""Let torchvision import beside CPU torch when its own wheel is a CUDA build.

The public registry's x86-64 torchvision is built for CUDA. Beside CPU torch its compiled operators do not load, and its
import fails with "operator torchvision::nms does not exist", although bottom-up models use none of them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

NAMES = ("nms", "qnms")
"""Operators that torchvision refers to when it is imported, whether its compiled part was loaded or not."""
SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

_kept: list[Any] = []
"""A library's operators vanish with the last reference to it."""


def declare_missing() -> bool:
    """Declare the operators whose absence keeps torchvision from being imported; call it before that.

    Returns
    -------
    bool
        Whether they had to be declared. They do nothing yet: detectors (top-down models) also need
        `entrypoint.engines.nms.supply_nms`.
    """
    if _kept or real_operators():
        return bool(_kept)
    import torch

    library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call, unused-ignore]
    for name in NAMES:
        library.define(name + SCHEMA)
    _kept.append(library)
    return True


def real_operators() -> bool:
    """Whether torchvision's compiled operators load here; true as well where there is no torchvision."""
    import torch

    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True
    compiled = sorted(Path(spec.origin).parent.glob("_C*.so"))
    if not compiled:
        return True
    try:
        torch.ops.load_library(str(compiled[0]))
    except (OSError, ImportError):
        return False
    return True
