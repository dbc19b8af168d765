"""GPUs as a driver would name them; libcuda itself is faked at its boundary."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from entrypoint.environment import gpu
from entrypoint.environment.gpu import Driver, Gpu, ask_driver, examine_driver, holds_code_for, is_older

V100 = ("Tesla V100-SXM2-16GB", (7, 0), 16 * 2**30)
H200 = ("NVIDIA H200", (9, 0), 139 * 2**30)


class FakeCuda:
    """The functions of libcuda that are used; out-arguments arrive as `ctypes.byref` objects."""

    def __init__(self, gpus: list[tuple[str, tuple[int, int], int]], init: int = 0, cuda: int = 12040) -> None:
        self.gpus, self.init, self.cuda = gpus, init, cuda

    def cuInit(self, flags: int) -> int:
        assert flags == 0
        return self.init

    def cuDriverGetVersion(self, out: Any) -> int:
        out._obj.value = self.cuda
        return 0

    def cuDeviceGetCount(self, out: Any) -> int:
        out._obj.value = len(self.gpus)
        return 0

    def cuDeviceGet(self, out: Any, index: int) -> int:
        out._obj.value = 40 + index
        return 0

    def cuDeviceGetName(self, name: Any, size: int, device: Any) -> int:
        name.value = self.gpus[device.value - 40][0].encode()[: size - 1]
        return 0

    def cuDeviceGetAttribute(self, out: Any, attribute: int, device: Any) -> int:
        out._obj.value = self.gpus[device.value - 40][1][{75: 0, 76: 1}[attribute]]
        return 0

    def cuDeviceTotalMem_v2(self, out: Any, device: Any) -> int:
        out._obj.value = self.gpus[device.value - 40][2]
        return 0


class FakeManagement:
    def nvmlInit_v2(self) -> int:
        return 0

    def nvmlSystemGetDriverVersion(self, out: Any, size: int) -> int:
        assert size >= 80
        out.value = b"535.104.05"
        return 0

    def nvmlShutdown(self) -> int:
        return 0


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A machine with the given libraries and no driver file."""
    monkeypatch.setattr(gpu, "DRIVER_FILE", tmp_path / "version")

    def build(cuda: Any = None, management: Any = None) -> Path:
        libraries = {gpu.LIBRARY: cuda, gpu.MANAGEMENT_LIBRARY: management}
        monkeypatch.setattr(gpu, "_load", libraries.get)
        return tmp_path / "version"

    return build


def test_two_gpus(machine: Any) -> None:
    version = machine(FakeCuda([V100, H200]))
    version.write_text(
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 2024\nGCC version:  12.2.0\n"
    )
    driver = ask_driver()
    gpus = [Gpu(0, "Tesla V100-SXM2-16GB", (7, 0), 16.0), Gpu(1, "NVIDIA H200", (9, 0), 139.0)]
    assert driver == gpu.Driver("550.54.15", "12.4", "", True, gpus)


def test_no_driver_at_all(machine: Any) -> None:
    machine()
    assert ask_driver().gpus == []
    assert gpu.driver_version() is None
    assert not ask_driver().library
    assert "libcuda.so.1" in ask_driver().problem


@pytest.mark.parametrize("status", [3, 34, 35, 100, 803, 999, 12345])
def test_a_driver_that_refuses(status: int, machine: Any) -> None:
    machine(FakeCuda([V100], init=status))
    driver = ask_driver()
    assert driver.gpus == []
    assert f"CUDA error {status}:" in driver.problem
    assert driver.library


def test_a_driver_without_a_visible_gpu(machine: Any) -> None:
    machine(FakeCuda([]))
    assert "no GPU is visible" in ask_driver().problem


def test_the_management_library_knows_the_version_too(machine: Any) -> None:
    machine(FakeCuda([V100]), FakeManagement())
    assert gpu.driver_version() == "535.104.05"


def test_something_else_under_that_name(machine: Any) -> None:
    machine(ctypes.CDLL(None), object())
    driver = ask_driver()
    assert driver.gpus == []
    assert "is not a CUDA driver" in driver.problem


def test_this_machine_never_raises() -> None:
    assert isinstance(ask_driver().gpus, list)


@pytest.mark.parametrize(
    ("capability", "archs", "runs"),
    [
        ((7, 0), ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"], True),
        ((7, 0), ["sm_75", "sm_80", "sm_90", "sm_100", "sm_120"], False),
        ((8, 9), ["sm_80", "sm_86", "sm_90"], True),
        ((9, 0), ["sm_50", "sm_80", "compute_80"], True),
        ((12, 0), ["sm_80", "sm_90"], False),
        ((12, 0), ["sm_90", "compute_90"], True),
        ((12, 0), ["sm_100", "sm_120"], True),
        ((9, 0), ["sm_90a"], True),  # says nothing that can be read, so nothing is refused
        ((6, 1), ["6.0", "7.0"], True),
        ((6, 1), ["7.0"], False),
        ((6, 1), [], True),
    ],
)
def test_architectures(capability: tuple[int, int], archs: list[str], runs: bool) -> None:
    assert holds_code_for(capability, archs) is runs


@pytest.mark.parametrize(
    ("version", "minimum", "older"),
    [("470.82.01", "525.60.13", True), ("525.60.13", "525.60.13", False), ("580", "525", False), ("", "525", False)],
)
def test_driver_versions(version: str, minimum: str, older: bool) -> None:
    assert is_older(version, minimum) is older


PYTHON = (sys.executable, "-I", "-c")


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        ("import time; time.sleep(60)", "did not answer within 2 s"),
        ("import os; os.abort()", "ended with code -6"),
        ("print('no JSON')", "ended with code 0"),
    ],
)
def test_a_driver_that_hangs_or_crashes_stops_nobody(
    program: str, problem: str, machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(FakeCuda([]))
    monkeypatch.setattr(gpu, "ANSWER_S", 2.0)
    monkeypatch.setattr(gpu, "CHILD", (*PYTHON, program))
    driver = examine_driver()
    assert problem in driver.problem and driver.library and not driver.gpus


def test_what_the_other_process_finds_comes_back(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(FakeCuda([]))
    told = Driver("550.54", "12.4", "", True, [Gpu(0, "NVIDIA H100", (9, 0), 79.1), Gpu(1, "\u0412", (8, 6), 24.0)])
    line = json.dumps(dataclasses.asdict(told))
    monkeypatch.setattr(gpu, "CHILD", (*PYTHON, f"print({line!r})"))
    assert examine_driver() == told


def test_the_process_that_asks_can_be_started() -> None:
    done = subprocess.run(gpu.CHILD, capture_output=True, text=True, check=True, timeout=60)
    assert set(json.loads(done.stdout)) == {field.name for field in dataclasses.fields(Driver)}
