"""GPUs as CUDA_VISIBLE_DEVICES names them."""

from __future__ import annotations

NO_DEVICE_FILES = "NoDevFiles"
"""What Slurm sets CUDA_VISIBLE_DEVICES to in a job that it granted no GPU."""
NOT_GRANTED = "Slurm granted this job no GPU"
NONE = ("", "-1", NO_DEVICE_FILES)


def named_gpus(mask: str) -> list[str]:
    """GPUs in a value of CUDA_VISIBLE_DEVICES, in its order; none where it hides them all."""
    return [name.strip() for name in mask.split(",") if name.strip() not in NONE]


OUT_OF_GPU_MEMORY = "out of GPU memory"
"""Words of a failure that a smaller batch, not more memory of the node, may avoid."""
