"""Texts of PyTorch 2, TensorFlow 2 and NVIDIA's libraries, as they are in their sources and in public threads."""

from __future__ import annotations

import pytest

from entrypoint.engines.gpu_failures import is_gpu_failure, is_gpu_memory

MEMORY = (
    "OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 11.76 GiB",
    "AcceleratorError: CUDA error: out of memory",
    "RuntimeError: cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
    "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
    "RuntimeError: Unable to find a valid cuDNN algorithm to run convolution",
    "RuntimeError: GET was unable to find an engine to execute this computation",
    "ResourceExhaustedError: OOM when allocating tensor with shape[64,480,640,3] and type float on "
    "/job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc",
    "InternalError: failed to allocate 2.00G (2147483648 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory",
    "InternalError: Dst tensor is not initialized.",
    "NotFoundError: No algorithm worked! Error messages:",
)
FAILURE = (
    "RuntimeError: No CUDA GPUs are available",
    "RuntimeError: CUDA error: uncorrectable ECC error encountered",
    "RuntimeError: CUDA error: an illegal memory access was encountered",
    "RuntimeError: CUDA error: unspecified launch failure",
    "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable",
    "RuntimeError: CUDA error: no kernel image is available for execution on the device",
    "RuntimeError: CUDA unknown error - this may be due to an incorrectly set up environment",
    "RuntimeError: The NVIDIA driver on your system is too old (found version 11040)",
    "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 802: CUDA driver initialization failed",
    "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED",
    "RuntimeError: CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm( handle, opa, opb)`",
    "RuntimeError: Unable to determine the device handle for GPU0000:41:00.0: GPU is lost.  Reboot the system",
    "UnimplementedError: DNN library is not found.",
    "InternalError: Failed to load in-memory CUBIN: CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access",
    "InternalError: CUDA runtime implicit initialization on GPU:0 failed. Status: device kernel image is invalid",
    "InternalError: Attempting to perform BLAS operation using StreamExecutor without BLAS support",
    "InternalError: Blas GEMM launch failed : a.shape=(1, 64), b.shape=(64, 12)",
)
OTHERS = (
    "KeyError: 'bodyparts'",
    "MemoryError",
    "RuntimeError: [enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory",
    "ValueError: OOM when allocating tensor with shape[64,480,640,3] and type float on /device:CPU:0 by allocator cpu",
    "RuntimeError: CUDA error: device-side assert triggered",
    "OSError: Video could not be opened; it may be corrupted.",
)


@pytest.mark.parametrize("text", MEMORY)
def test_too_little_memory_of_a_gpu(text: str) -> None:
    assert is_gpu_memory(text) and not is_gpu_failure(text)


@pytest.mark.parametrize("text", FAILURE)
def test_a_gpu_that_fails(text: str) -> None:
    assert is_gpu_failure(text) and not is_gpu_memory(text)


@pytest.mark.parametrize("text", OTHERS)
def test_what_no_other_gpu_would_do_better(text: str) -> None:
    assert not is_gpu_failure(text) and not is_gpu_memory(text)
