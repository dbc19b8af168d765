"""What PyTorch, TensorFlow and NVIDIA's libraries call too little memory of a GPU, and a GPU that fails."""

from __future__ import annotations

import re

_MEMORY = re.compile(
    r"cuda.{0,60}out of memory|CUDA_ERROR_OUT_OF_MEMORY|CU(DNN|BLAS)_STATUS_ALLOC_FAILED"
    # an algorithm needs memory to be tried; cuDNN's search ends like this where none had enough
    r"|valid cuDNN algorithm|unable to find an engine to execute|No algorithm worked"
    r"|OOM when allocating tensor.*\bGPU|Dst tensor is not initialized",
    re.IGNORECASE | re.DOTALL,
)
_GPU = re.compile(
    r"cuda error|CUDA_ERROR_|cudnn|cublas|cusolver|cufft|no cuda gpus|cuda unknown error|cuda-capable device"
    r"|cuda runtime implicit initialization|DNN library|without BLAS support|Blas \w+ launch failed"
    r"|\bgpu is lost|fallen off the bus|cuda driver|nvidia driver|no kernel image",
    re.IGNORECASE,
)
_PROGRAM = re.compile("device-side assert", re.IGNORECASE)
"""An index out of range in what was computed, which any GPU would answer in this way."""


def is_gpu_memory(text: str) -> bool:
    """Whether an error's text says that a GPU's memory was too small; a smaller batch may fit."""
    return bool(_MEMORY.search(text))


def is_gpu_failure(text: str) -> bool:
    """Whether an error's text says that the GPU or its driver failed, so that another node may do."""
    return not is_gpu_memory(text) and not _PROGRAM.search(text) and bool(_GPU.search(text))
