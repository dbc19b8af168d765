"""Mixed precision, where it is asked for: the network in bfloat16, its losses and its weights in float32."""

from __future__ import annotations

from typing import Any

from dlcctr.errors import UsageError

LEAST_CAPABILITY = (8, 0)
"""Of GPUs that compute in bfloat16 (NVIDIA, Ampere). Half precision would need its losses scaled, which DeepLabCut's
step does not do."""


def use_amp(device: str) -> None:
    """Let pose networks compute in bfloat16 from now on; `UsageError` where the GPU cannot."""
    import torch
    from deeplabcut.pose_estimation_pytorch.models.model import PoseModel

    if device == "cuda" and torch.cuda.get_device_capability() < LEAST_CAPABILITY:
        raise UsageError(
            f"--precision amp: {torch.cuda.get_device_name()} has no bfloat16", "leave it out, or use a newer GPU"
        )
    forward = PoseModel.forward

    def forward_mixed(model: Any, *args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device, torch.bfloat16):
            outputs = forward(model, *args, **kwargs)
        return _as_float32(outputs)

    PoseModel.forward = forward_mixed


def _as_float32(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _as_float32(each) for key, each in value.items()}
    return value.float() if value.is_floating_point() else value
