"""Deformable convolution without torchvision's compiled operator, on the CPU: DEKR's heads are made of it."""

from __future__ import annotations

from typing import Any

SCHEMA = (
    "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, int stride_h, int stride_w, "
    "int pad_h, int pad_w, int dilation_h, int dilation_w, int groups, int offset_groups, bool use_mask) -> Tensor"
)
"""Signature of torchvision's operator (0.28)."""


def deform_conv2d(images: Any, weight: Any, offset: Any, mask: Any, bias: Any, *numbers: int) -> Any:
    """Same result as torchvision's operator of this name (Dai 2017, arXiv:1703.06211; masks: Zhu 2018, 1811.11168).

    Each tap of the kernel looks at a place of its own, between pixels: bilinear, and zero outside of the picture.

    Parameters
    ----------
    images : Tensor, (n, channels, height, width)
    weight : Tensor, (out_channels, channels / groups, kernel_height, kernel_width)
    offset : Tensor, (n, offset_groups * taps * 2, out_height, out_width)
        y and x of each tap in px, added to its place in an ordinary convolution.
    mask : Tensor, (n, offset_groups * taps, out_height, out_width)
        Factor of each tap.
    bias : Tensor, (out_channels,)
    *numbers : int
        stride, padding and dilation (each y, x), groups, offset groups, and whether the mask counts.

    Returns
    -------
    Tensor, (n, out_channels, out_height, out_width)
    """
    import torch

    stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups, offset_groups, use_mask = numbers
    n, channels = images.shape[:2]
    kernel_y, kernel_x = weight.shape[-2:]
    taps, (out_y, out_x) = kernel_y * kernel_x, offset.shape[-2:]
    shifts = offset.view(n, offset_groups, taps, 2, out_y, out_x)
    factors = mask.view(n, offset_groups, taps, 1, out_y, out_x) if use_mask else None
    first_y = torch.arange(out_y, dtype=images.dtype)[:, None] * stride_y - pad_y
    first_x = torch.arange(out_x, dtype=images.dtype) * stride_x - pad_x
    grouped = images.view(n, offset_groups, channels // offset_groups, *images.shape[-2:])
    columns = []
    for tap in range(taps):
        y, x = divmod(tap, kernel_x)
        seen = _sample(
            grouped, first_y + y * dilation_y + shifts[:, :, tap, 0], first_x + x * dilation_x + shifts[:, :, tap, 1]
        )
        columns.append(seen if factors is None else seen * factors[:, :, tap])
    column = torch.stack(columns, dim=3).view(n, groups, channels // groups * taps, out_y * out_x)
    kernels = weight.view(groups, weight.shape[0] // groups, -1)
    return (kernels @ column).view(n, weight.shape[0], out_y, out_x) + bias[:, None, None]


def _sample(images: Any, y: Any, x: Any) -> Any:
    """Bilinear values at places (n, groups, out_y, out_x) of images (n, groups, channels, height, width)."""
    import torch

    height, width = images.shape[-2:]
    pixels, shape = images.flatten(3), (*images.shape[:3], *y.shape[-2:])
    top, left = y.floor(), x.floor()
    found = torch.zeros(shape, dtype=images.dtype)
    for row, row_part in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, column_part in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            index = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
            picked = pixels.gather(3, index.flatten(2)[:, :, None].expand(-1, -1, images.shape[2], -1)).view(shape)
            found += picked * (row_part * column_part * inside)[:, :, None]
    return found
