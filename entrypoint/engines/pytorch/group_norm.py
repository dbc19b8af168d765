"""Group normalisation in single steps, as OpenVINO computes it fastest.

OpenVINO's own way reshapes to groups, so that every map leaves the layout in which convolutions are computed and comes
back to it. Here the means of channels become those of their group by a convolution of one pixel, and nothing leaves it.
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
    shares = torch.full((channels, per_group, 1, 1), 1 / per_group, dtype=maps.dtype)

    def mean(values: Any) -> Any:
        """Mean of each group, for each of its channels: (n, channels, 1, 1)."""
        return torch.nn.functional.conv2d(values.mean((2, 3), keepdim=True), shares, groups=num_groups)

    average = mean(maps)
    # Not the mean of squares less the square of the mean, nor OpenVINO's root of a sum of squares: they lose digits
    scale = torch.rsqrt(mean((maps - average) * (maps - average)) + eps)
    if weight is not None:
        scale = scale * weight.view(1, channels, 1, 1)
    shift = -average * scale if bias is None else bias.view(1, channels, 1, 1) - average * scale
    return maps * scale + shift  # one pass over the maps, with the ReLU after it


@contextmanager
def in_steps() -> Iterator[None]:
    """Within this context, networks that PyTorch runs normalise by `group_norm`."""
    from torch.nn import functional

    before = functional.group_norm
    functional.group_norm = group_norm
    try:
        yield
    finally:
        functional.group_norm = before
