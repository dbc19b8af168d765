"""Non-maximum suppression for torchvision's detectors where its compiled operators do not load (CPU torch)."""

from __future__ import annotations

from typing import Any


def supply_nms() -> None:
    """Give the declared but empty operator ``torchvision::nms`` a CPU kernel, so that top-down models run.

    torchvision has fallbacks of its own for the other operators that a detector calls (``roi_align``). Call it after
    `entrypoint.torchvision_ops.declare_missing` returned true.
    """
    import torch
    import torchvision.ops.boxes

    torch.library.impl("torchvision::nms", "CPU", suppress)
    # It would raise "Couldn't load custom C++ ops" before it calls the operator
    torchvision.ops.boxes._assert_has_ops = lambda: None


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
