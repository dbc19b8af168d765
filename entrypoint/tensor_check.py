"""A stand-alone script: a small convolution and a matrix product on each named device, compared with NumPy.

`doctor` runs it in a child process, since a sick driver can hang or crash the process that uses it. Nothing of
this project is imported, so that it runs by its path with `python -I`. The last line of its output is JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

TOLERANCE = 1e-3
"""Largest difference allowed; sums of 27 and 64 products of values in 0-1, where TF32 is off."""


def expected(image: Any, kernel: Any, a: Any, b: Any) -> tuple[Any, Any]:
    """Valid 3 x 3 convolution (channels last) and product, in float64 with NumPy."""
    import numpy as np

    windows = np.lib.stride_tricks.sliding_window_view(image.astype("float64"), (3, 3), axis=(0, 1))
    return np.einsum("yxcij,ijco->yxo", windows, kernel.astype("float64")), a.astype("float64") @ b.astype("float64")


def torch_operations(device: str) -> Callable[..., tuple[Any, Any]]:
    """The two operations by PyTorch on ``cpu`` or ``cuda:N``."""
    import torch

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False

    def run(image: Any, kernel: Any, a: Any, b: Any) -> tuple[Any, Any]:
        def put(array: Any) -> Any:
            return torch.from_numpy(array).to(device)

        with torch.inference_mode():
            picture = put(image).permute(2, 0, 1)[None]
            out = torch.nn.functional.conv2d(picture, put(kernel).permute(3, 2, 0, 1))[0].permute(1, 2, 0)
            return out.cpu().numpy(), (put(a) @ put(b)).cpu().numpy()

    return run


def tensorflow_operations(device: str) -> Callable[..., tuple[Any, Any]]:
    """The two operations by TensorFlow; placement is asserted, never left to choice."""
    import tensorflow as tf

    tf.config.set_soft_device_placement(False)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, True)
    place = "/CPU:0" if device == "cpu" else f"/GPU:{device.rpartition(':')[2]}"

    def run(image: Any, kernel: Any, a: Any, b: Any) -> tuple[Any, Any]:
        with tf.device(place):
            out = tf.nn.conv2d(tf.identity(image)[None], tf.identity(kernel), strides=1, padding="VALID")[0]
            return out.numpy(), tf.matmul(tf.identity(a), tf.identity(b)).numpy()

    return run


def check_device(engine: str, device: str) -> dict[str, Any]:
    """Result for one device: ``device``, ``ok``, ``detail``, ``seconds``."""
    import numpy as np

    start = time.monotonic()
    random = np.random.default_rng(0)
    inputs = [random.random(shape, dtype="float32") for shape in ((32, 32, 3), (3, 3, 3, 8), (64, 64), (64, 64))]
    try:
        operations = (tensorflow_operations if engine == "tensorflow" else torch_operations)(device)
        found = operations(*inputs)
        error = max(float(np.abs(have - want).max()) for have, want in zip(found, expected(*inputs), strict=True))
        ok, detail = error < TOLERANCE, f"largest difference {error:.1e}"
    except Exception as failure:
        ok, detail = False, f"{type(failure).__name__}: {failure}".splitlines()[0][:300]
    return {"device": device, "ok": ok, "detail": detail, "seconds": round(time.monotonic() - start, 2)}


def describe_engine(engine: str) -> dict[str, Any]:
    """Version of the engine, the CUDA that it was built with, the GPU architectures it holds code for."""
    if engine == "tensorflow":
        import tensorflow as tf

        build = tf.sysconfig.get_build_info()
        archs = [str(arch) for arch in build.get("cuda_compute_capabilities", [])]
        return {"name": engine, "version": tf.__version__, "cuda": build.get("cuda_version", ""), "gpu_archs": archs}
    import torch

    flags = torch._C._cuda_getArchFlags() if torch.version.cuda else ""
    cuda = torch.version.cuda or ""
    return {"name": engine, "version": torch.__version__, "cuda": cuda, "gpu_archs": (flags or "").split()}


def main(engine: str, devices: list[str]) -> None:
    """Print one line of JSON: ``engine`` and ``tests``."""
    try:
        about: dict[str, Any] = describe_engine(engine)
        tests = [check_device(engine, device) for device in devices]
    except Exception as failure:
        about = {"name": engine, "error": f"{type(failure).__name__}: {failure}".splitlines()[0][:300]}
        tests = []
    print("\n" + json.dumps({"engine": about, "tests": tests}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
