"""GPUs as the NVIDIA driver shows them to this process, through ctypes: no engine is imported."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.system import processes
from dlcctr.system.terminal.console import print_verbatim
from dlcctr.system.values.records import from_table, parse_object

LIBRARY = "libcuda.so.1"
MANAGEMENT_LIBRARY = "libnvidia-ml.so.1"
DRIVER_FILE = Path("/proc/driver/nvidia/version")

ATTRIBUTE_MAJOR, ATTRIBUTE_MINOR = 75, 76
"""CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR of the CUDA driver API (cuda.h)."""

ANSWER_S = 60.0
"""Within this time a driver that works has answered, in seconds; with many GPUs that sleep it takes ten."""
KILLED_S = 5.0
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from entrypoint.environment.gpu import print_driver; print_driver()"
)
CHILD = (sys.executable, "-I", "-X", "utf8", "-c", _BOOT, str(Path(__file__).resolve().parents[2]))
"""Command of the process that asks."""

ERROR_NAMES = {
    3: "not initialised",
    34: "the library is a stub without a driver",
    35: "the driver is older than this CUDA needs",
    100: "no GPU is visible",
    101: "invalid device",
    802: "the GPUs are not ready (fabric manager)",
    803: "driver library and kernel module differ in version",
    804: "the driver is too old for this compatibility library",
    999: "unknown error (device files or the nvidia-uvm module are missing)",
}


@dataclass(frozen=True)
class Gpu:
    """One visible GPU; `index` is what CUDA calls it in this process, after CUDA_VISIBLE_DEVICES."""

    index: int
    name: str
    capability: tuple[int, int]
    memory_gb: float


@dataclass(frozen=True)
class Driver:
    """Answers of the NVIDIA driver.

    Parameters
    ----------
    version : str or None
        Kernel driver, for example ``550.54.15``.
    cuda : str
        Newest CUDA that the driver speaks; empty where unknown.
    problem : str
        Why no GPU can be used; empty when one can.
    library : bool
        libcuda could be loaded.
    """

    version: str | None
    cuda: str = ""
    problem: str = ""
    library: bool = False
    gpus: list[Gpu] = field(default_factory=list)


def driver_version() -> str | None:
    """Version of the NVIDIA driver; None where there is none. Never raises."""
    return _version_from_kernel() or _version_from_management()


def examine_driver() -> Driver:
    """Ask the driver for everything at once, in a separate process: a GPU that hangs does not answer. Never raises."""
    if _load(LIBRARY) is None:
        return ask_driver()
    child = processes.pipe(CHILD, session=True)
    try:
        answer, _ = child.communicate(timeout=ANSWER_S)
        return from_table(Driver, parse_object(answer.decode("utf-8", "replace").splitlines()[-1]))
    except subprocess.TimeoutExpired:
        problem = f"the NVIDIA driver did not answer within {ANSWER_S:.0f} s"
    except (IndexError, ValueError):
        problem = f"the process that asked the NVIDIA driver ended with code {child.returncode}"
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # within the driver it may never end
                child.communicate(timeout=KILLED_S)
    return Driver(_version_from_kernel(), problem=problem, library=True)


def print_driver() -> None:
    """What the child process does: the driver's answers as one line of JSON."""
    print_verbatim([json.dumps(asdict(ask_driver()))])


def ask_driver() -> Driver:
    """Ask the driver in this process, which waits for as long as the driver takes. Never raises."""
    version = driver_version()
    cuda = _load(LIBRARY)
    if cuda is None:
        return Driver(version, problem=f"{LIBRARY} cannot be loaded")
    try:
        status = int(cuda.cuInit(0))
        if status != 0:
            return Driver(version, _cuda_version(cuda), describe_error(status), library=True)
        gpus = _list(cuda)
        return Driver(version, _cuda_version(cuda), "" if gpus else describe_error(100), library=True, gpus=gpus)
    except (AttributeError, OSError, ctypes.ArgumentError) as error:
        return Driver(version, problem=f"{LIBRARY} is not a CUDA driver ({error})", library=True)


def describe_error(status: int) -> str:
    """Text for a status of the CUDA driver API."""
    return f"CUDA error {status}: {ERROR_NAMES.get(status, 'see the CUDA driver API')}"


def holds_code_for(capability: tuple[int, int], archs: Sequence[str]) -> bool:
    """Whether a build with these architectures runs on a GPU of this compute capability.

    Binary code (``sm_86``) runs on its own major version from its minor version on; intermediate code
    (``compute_90``, PTX) is compiled by the driver for anything newer. CUDA C++ Programming Guide, "Binary
    Compatibility" and "PTX Compatibility". An empty list says nothing and passes.
    """
    known = [part for part in map(_parse_arch, archs) if part]
    if not known:
        return True
    for kind, arch in known:
        if kind == "sm" and arch[0] == capability[0] and arch[1] <= capability[1]:
            return True
        if kind == "compute" and arch <= capability:
            return True
    return False


def needs_compiling(capability: tuple[int, int], archs: Sequence[str]) -> bool:
    """Whether a GPU has no binary code in a build, so that its driver compiles the intermediate code.

    A driver compiles that of its own CUDA version and of older ones: CUDA 12.2's wants 535.54.03, though CUDA 12.2's
    binary code runs from 525.60.13 on. CUDA Compatibility, "Minor Version Compatibility", "Limitations and Caveats".
    """
    binary = [arch for arch in archs if not arch.startswith("compute_")]
    return bool(archs) and not (binary and holds_code_for(capability, binary))


def is_older(version: str, minimum: str) -> bool:
    """Whether driver `version` is older than `minimum`; False where either is not known."""
    have, need = (tuple(map(int, re.findall(r"\d+", text))) for text in (version, minimum))
    return bool(have and need) and have < need


def _parse_arch(text: str) -> tuple[str, tuple[int, int]] | None:
    match = re.fullmatch(r"(?:(sm|compute)_)?(\d+)\.?(\d)([af]?)", text.strip())
    if not match or match[4]:  # sm_90a runs on nothing but 9.0 and always comes with sm_90
        return None
    return match[1] or "sm", (int(match[2]), int(match[3]))


def _load(name: str) -> Any:
    try:
        return ctypes.CDLL(name)
    except OSError:
        return None


def _cuda_version(cuda: Any) -> str:
    number = ctypes.c_int()
    if int(cuda.cuDriverGetVersion(ctypes.byref(number))) != 0 or not number.value:
        return ""
    return f"{number.value // 1000}.{number.value % 1000 // 10}"


def _list(cuda: Any) -> list[Gpu]:
    count = ctypes.c_int()
    if int(cuda.cuDeviceGetCount(ctypes.byref(count))) != 0:
        return []
    return [gpu for index in range(count.value) if (gpu := _describe(cuda, index))]


def _describe(cuda: Any, index: int) -> Gpu | None:
    device, major, minor = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
    name, memory = ctypes.create_string_buffer(256), ctypes.c_size_t()
    if int(cuda.cuDeviceGet(ctypes.byref(device), index)) != 0:
        return None
    cuda.cuDeviceGetName(name, len(name), device)
    cuda.cuDeviceGetAttribute(ctypes.byref(major), ATTRIBUTE_MAJOR, device)
    cuda.cuDeviceGetAttribute(ctypes.byref(minor), ATTRIBUTE_MINOR, device)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), device)
    text = name.value.decode("utf-8", "replace")
    return Gpu(index, text, (major.value, minor.value), round(memory.value / 2**30, 1))


def _version_from_kernel() -> str | None:
    try:
        text = DRIVER_FILE.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    match = re.search(r"\b(\d{3,}\.\d+(?:\.\d+)?)\b", text)
    return match[1] if match else None


def _version_from_management() -> str | None:
    library = _load(MANAGEMENT_LIBRARY)
    if library is None:
        return None
    text = ctypes.create_string_buffer(96)
    try:
        if int(library.nvmlInit_v2()) != 0:
            return None
        try:
            status = int(library.nvmlSystemGetDriverVersion(text, len(text)))
        finally:
            library.nvmlShutdown()
    except (AttributeError, OSError):
        return None
    return text.value.decode("ascii", "replace") or None if status == 0 else None
