"""GPUs as CUDA_VISIBLE_DEVICES names them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

DEVICE_ORDER, BUS_ORDER = "CUDA_DEVICE_ORDER", "PCI_BUS_ID"
"""With this order a number means the same GPU to CUDA as to nvidia-smi and to schedulers; CUDA's default is another."""
MPS_FOLDERS = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
"""Where a site's MPS server, which shares a GPU among processes, is reached."""
NO_DEVICE_FILES = "NoDevFiles"
"""What Slurm sets CUDA_VISIBLE_DEVICES to in a job that it granted no GPU."""
NOT_GRANTED = "Slurm granted this job no GPU"
NONE = ("", "-1", NO_DEVICE_FILES)


def named_gpus(mask: str) -> list[str]:
    """GPUs in a value of CUDA_VISIBLE_DEVICES, in its order; none where it hides them all."""
    return [name.strip() for name in mask.split(",") if name.strip() not in NONE]


def gpu_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that CUDA needs besides the names of the GPUs: their order, and where MPS is, if it is used."""
    found = {name: environment[name] for name in MPS_FOLDERS if environment.get(name)}
    return {DEVICE_ORDER: environment.get(DEVICE_ORDER) or BUS_ORDER, **found}


def mps_folders(environment: Mapping[str, str]) -> list[Path]:
    """Folders of MPS that are there, for a container to see."""
    named = {Path(environment[name]) for name in MPS_FOLDERS if environment.get(name)}
    return [folder for folder in sorted(named) if folder.is_dir()]


OUT_OF_GPU_MEMORY = "out of GPU memory"
"""Words of a failure that a smaller batch, not more memory of the node, may avoid."""
