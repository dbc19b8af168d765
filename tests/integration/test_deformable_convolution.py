"""Deformable convolution in plain torch is the sum that its authors wrote down, and an ordinary one without offsets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.test_analyze_native import ROOT, Native

COMPARE = """
import itertools, json, math, sys
sys.path.insert(0, sys.argv[1])
import torch
from entrypoint.engines.deformable_convolution import deform_conv2d
torch.manual_seed(5)

def pixel(image, y, x):  # bilinear, zero outside
    y0, x0 = math.floor(y), math.floor(x)
    found = 0.0
    for row, column in ((y0, x0), (y0, x0 + 1), (y0 + 1, x0), (y0 + 1, x0 + 1)):
        if 0 <= row < image.shape[0] and 0 <= column < image.shape[1]:
            found += (1 - abs(y - row)) * (1 - abs(x - column)) * float(image[row, column])
    return found

def by_hand(images, offset, weight, bias, stride, padding, dilation, mask, groups, offset_groups):
    n, channels = images.shape[:2]
    outs, per_group, kh, kw = weight.shape
    result = torch.zeros(n, outs, *offset.shape[-2:])
    for b, o, y, x in itertools.product(*map(range, result.shape)):
        total, group = float(bias[o]), o // (outs // groups)
        for c, i, j in itertools.product(range(per_group), range(kh), range(kw)):
            channel, tap = group * per_group + c, i * kw + j
            place = channel // (channels // offset_groups) * kh * kw + tap
            dy, dx = (float(offset[b, 2 * place + k, y, x]) for k in (0, 1))
            seen = pixel(images[b, channel], y * stride[0] - padding[0] + i * dilation[0] + dy,
                         x * stride[1] - padding[1] + j * dilation[1] + dx)
            total += float(weight[o, c, i, j]) * seen * (float(mask[b, place, y, x]) if mask is not None else 1)
        result[b, o, y, x] = total
    return result

worst = 0.0
for groups, offset_groups, masked, stride, padding, dilation in (
    (1, 1, False, (1, 1), (1, 1), (1, 1)), (2, 1, True, (2, 1), (0, 1), (1, 2)), (1, 2, True, (1, 2), (2, 0), (2, 1)),
):
    images, weight, bias = torch.randn(2, 4, 6, 7), torch.randn(4, 4 // groups, 3, 2), torch.randn(4)
    size = [(s + 2 * p - d * (k - 1) - 1) // st + 1
            for s, p, d, k, st in zip((6, 7), padding, dilation, (3, 2), stride)]
    offset = 3 * torch.randn(2, 2 * offset_groups * 6, *size)
    mask = torch.rand(2, offset_groups * 6, *size) if masked else None
    numbers = (*stride, *padding, *dilation, groups, offset_groups)
    ours = deform_conv2d(images, weight, offset, mask, bias, *numbers, masked)
    hand = by_hand(images, offset, weight, bias, stride, padding, dilation, mask, groups, offset_groups)
    plain = deform_conv2d(images, weight, 0 * offset, mask, bias, *numbers, False)
    usual = torch.nn.functional.conv2d(images, weight, bias, stride, padding, dilation, groups)
    worst = max(worst, float((ours - hand).abs().max()), float((plain - usual).abs().max()))
print(json.dumps(worst))
"""


@pytest.mark.real
def test_it_is_the_sum_by_hand(native_pytorch: Path, tmp_path: Path) -> None:
    done = Native(native_pytorch, "pytorch", tmp_path, tmp_path).call("-I", "-c", COMPARE, ROOT)
    assert json.loads(done.stdout.splitlines()[-1]) < 1e-4
