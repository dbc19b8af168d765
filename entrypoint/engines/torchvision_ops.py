"""Let torchvision import beside CPU torch when its own wheel is a CUDA build.

The public registry's x86-64 torchvision is built for CUDA. Beside CPU torch its compiled operators do not load, and its
import fails with "operator torchvision::nms does not exist", although bottom-up models use none of them.
"""

from __future__ import annotations

import functools
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
        Whether they had to be declared. They do nothing yet: detectors (top-down models) and DEKR also need
        `supply_operators`.
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


@functools.cache  # an operator is registered once in a process
def supply_operators() -> None:
    """Give the operators that DeepLabCut's models call, ``nms`` and ``deform_conv2d``, kernels for the CPU.

    torchvision has fallbacks of its own for the others (``roi_align``). Call it after `declare_missing` returned true.
    """
    import torch
    import torchvision.ops.boxes
    import torchvision.ops.deform_conv

    from entrypoint.engines import deformable_convolution

    (library,) = _kept
    library.define(deformable_convolution.SCHEMA)
    torch.library.impl("torchvision::nms", "CPU", suppress)
    torch.library.impl("torchvision::deform_conv2d", "CPU", deformable_convolution.deform_conv2d)
    for module in (torchvision.ops.boxes, torchvision.ops.deform_conv):
        # It would raise "Couldn't load custom C++ ops" before it calls the operator
        module._assert_has_ops = lambda: None


def suppress(boxes: Any, scores: Any, iou_threshold: float) -> Any:
    """Indices of the boxes to keep, best first: the same order and arithmetic as torchvision's own CPU kernel.

    Parameters
    ----------
    boxes : Tensor, (n, 4)
        x1, y1, x2, y2 in px.
    scores : Tensor, (n,)
    iou_threshold : float
        A box that overlaps a better one by more than this (intersection over union) goes.
    """
    import torch

    x1, y1, x2, y2 = boxes.unbind(1)
    areas = (x2 - x1) * (y2 - y1)
    order = torch.argsort(scores, descending=True, stable=True)
    kept = []
    while order.numel():
        best, rest = order[0], order[1:]
        kept.append(best)
        width = (torch.minimum(x2[best], x2[rest]) - torch.maximum(x1[best], x1[rest])).clamp(min=0)
        height = (torch.minimum(y2[best], y2[rest]) - torch.maximum(y1[best], y1[rest])).clamp(min=0)
        shared = width * height
        order = rest[~(shared / (areas[best] + areas[rest] - shared) > iou_threshold)]
    return torch.stack(kept) if kept else order
