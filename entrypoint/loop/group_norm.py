"""Group normalisation in single steps, as OpenVINO computes it fastest.

OpenVINO's own way reshapes to groups, so that every map leaves the layout in which convolutions are computed and comes
back to it. Here only numbers for each channel are reshaped; the maps stay.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def group_norm(maps: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """`torch.nn.functional.group_norm` of maps (n, channels, height, width)."""
    import torch

    channels = int(maps.shape[1])
    per_group = channels // num_groups

    def mean(values: Any) -> Any:
        """Mean of each group, for each of its channels: (n, channels, 1, 1)."""
        each = values.mean((2, 3), keepdim=True).reshape(-1, num_groups, per_group).mean(-1, keepdim=True)
        return each.expand(-1, -1, per_group).reshape(-1, channels, 1, 1)

    # Not the mean of squares less the square of the mean: that loses digits
    centred = maps - mean(maps)
    scale = torch.rsqrt(mean(centred * centred) + eps)
    if weight is not None:
        scale = scale * weight.view(1, channels, 1, 1)
    scaled = centred * scale
    return scaled if bias is None else scaled + bias.view(1, channels, 1, 1)


@contextmanager
def in_steps() -> Iterator[None]:
    """While this is entered, networks that PyTorch runs normalise by `group_norm`."""
    from torch.nn import functional

    before = functional.group_norm
    functional.group_norm = group_norm
    try:
        yield
    finally:
        functional.group_norm = before
