from __future__ import annotations

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import CONTRACT_VERSION, ExitCode
from dlcctr.errors import OutputError
from entrypoint import doctor
from entrypoint.doctor import Report, examine, gpu_problem, print_report, run_tensor_check
from entrypoint.environment import gpu
from entrypoint.environment.gpu import Driver, Gpu
from entrypoint.environment.image_info import ImageInfo, read_image_info
from tests.unit.support.waiting import wait_until

ARCHS = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")
CUDA_IMAGE = ImageInfo(
    name="dlcctr:0.1.0-pytorch2.7.1-cu126",
    flavour="pytorch-cu126",
    engine="pytorch",
    cuda="12.6",
    min_driver="525.60.13",
    gpu_archs=ARCHS,
)
CPU_IMAGE = ImageInfo(name="dlcctr:0.1.0-tensorflow2.15.1-cpu", flavour="tensorflow-cpu", engine="tensorflow")
GOOD = Driver("550.54.15", "12.4", "", True, [Gpu(0, "Tesla V100", (7, 0), 16.0)])
CPU_TEST = {"device": "cpu", "ok": True, "detail": "largest difference 8.4e-06", "seconds": 0.1}
GPU_TEST = {**CPU_TEST, "device": "cuda:0"}
ENGINE = {"name": "pytorch", "version": "2.7.1", "cuda": "12.6", "gpu_archs": list(ARCHS)}


def problem(image: ImageInfo = CUDA_IMAGE, driver: Driver = GOOD, **change: Any) -> doctor.Problem | None:
    facts: dict[str, Any] = {"engine": ENGINE, "tests": [CPU_TEST, GPU_TEST], **change}
    return gpu_problem(image, driver, facts["engine"], facts["tests"])


def test_all_is_well() -> None:
    assert problem() is None


@pytest.mark.parametrize(
    ("found", "what", "hint"),
    [
        (problem(CPU_IMAGE), "without CUDA", "CUDA flavour"),
        (problem(driver=Driver(None, problem="libcuda.so.1 cannot be loaded")), "no GPU can be seen", "--nv"),
        (problem(driver=Driver(None, problem="libcuda.so.1 cannot be loaded")), "libcuda", "--gpus all"),
        (problem(driver=Driver("470.1", "11.4", library=True)), "older than 525.60.13", "driver updated"),
        (problem(driver=Driver("550.1", "12.4", gpu.describe_error(100), True)), "no GPU is visible", "--gres=gpu"),
        (problem(driver=Driver("580.1", "13.0", "", True, [Gpu(0, "B200", (10, 0), 180.0)])), "10.0", "cu128"),
        (problem(driver=Driver("550.1", "12.4", "", True, [Gpu(0, "K80", (3, 7), 12.0)])), "3.7", "pytorch-cu126"),
        (problem(tests=[CPU_TEST]), "GPU 0 (Tesla V100) failed: no result", "nvidia-smi"),
        (problem(tests=[CPU_TEST, {**GPU_TEST, "ok": False, "detail": "out of memory"}]), "out of memory", "node"),
    ],
)
def test_every_reason_has_its_remedy(found: doctor.Problem | None, what: str, hint: str) -> None:
    assert found is not None
    assert found.exit_code == ExitCode.GPU
    assert what in found.what
    assert hint in found.hint
    assert "--allow-cpu" in found.hint


@pytest.mark.parametrize(
    ("capability", "cuda", "fine"),
    [((7, 5), "12.0", True), ((8, 0), "12.2", True), ((9, 0), "12.4", True), ((8, 0), "12.0", False)],
)
def test_intermediate_code_wants_a_driver_of_its_cuda(capability: tuple[int, int], cuda: str, fine: bool) -> None:
    image = replace(CUDA_IMAGE, cuda="12.2", gpu_archs=("sm_70", "sm_75", "compute_80"))
    found = problem(image, driver=Driver("530.1", cuda, "", True, [Gpu(0, "A GPU", capability, 80.0)]))
    assert (found is None) is fine
    assert fine or (found and "compiles code up to CUDA 12.0, not 12.2" in found.what)


def test_a_mask_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    found = problem(driver=Driver("550.1", "12.4", gpu.describe_error(100), True))
    assert found is not None
    assert "CUDA_VISIBLE_DEVICES is '-1'" in found.what


@pytest.mark.parametrize("library", [True, False])
def test_a_job_that_was_granted_no_gpu_is_told_so(monkeypatch: pytest.MonkeyPatch, library: bool) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")
    found = problem(driver=Driver("550.1", "12.4", gpu.describe_error(100), library))
    assert found is not None
    assert found.what == "Slurm granted this job no GPU (CUDA_VISIBLE_DEVICES is NoDevFiles)"
    assert "--gres=gpu:1" in found.hint and "--allow-cpu" in found.hint


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def build(image: ImageInfo, driver: Driver, engine: dict[str, Any], tests: list[dict[str, Any]]) -> None:
        monkeypatch.setattr(doctor, "read_image_info", lambda: image)
        monkeypatch.setattr(gpu, "examine_driver", lambda: driver)
        monkeypatch.setattr(doctor, "run_tensor_check", lambda *_: (engine, tests))
        monkeypatch.setenv("DLCCTR_SCRATCH", str(tmp_path))
        monkeypatch.setattr(doctor, "shared_memory_gb", lambda: 1.0)

    return build


def test_a_cpu_machine_needs_permission(machine: Any, capsys: pytest.CaptureFixture[str]) -> None:
    machine(CPU_IMAGE, Driver(None), {"name": "tensorflow", "version": "2.15.1", "cuda": "12.2"}, [CPU_TEST])
    assert print_report(examine()) == ExitCode.GPU
    said = capsys.readouterr()
    assert "tensors  on cpu: right" in said.out
    assert "error: tensorflow-cpu is a build without CUDA" in said.err
    assert print_report(examine(allow_cpu=True)) == ExitCode.OK
    assert "note: tensorflow-cpu is a build without CUDA" in capsys.readouterr().err


def test_json(machine: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    machine(CUDA_IMAGE, GOOD, ENGINE, [CPU_TEST, GPU_TEST])
    assert print_report(examine(), as_json=True) == ExitCode.OK
    table = json.loads(capsys.readouterr().out)
    assert table["contract"] == CONTRACT_VERSION
    assert (table["kind"], table["ok"], table["exit_code"], table["problems"]) == ("doctor", True, 0, [])
    assert table["driver"]["gpus"][0]["capability"] == [7, 0]
    assert table["image"]["gpu_archs"] == list(ARCHS)
    assert table["scratch"] == str(tmp_path)
    assert [test["device"] for test in table["tests"]] == ["cpu", "cuda:0"]


def test_the_bill_of_materials_is_named_where_there_is_one(
    machine: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine(CUDA_IMAGE, GOOD, ENGINE, [CPU_TEST, GPU_TEST])
    file = tmp_path / "sbom.cdx.json"
    monkeypatch.setattr(doctor, "SBOM_FILE", str(file))
    print_report(examine())
    assert "parts" not in capsys.readouterr().out
    file.write_text("{}")
    print_report(examine())
    assert f"parts    listed with versions and licences in {file}" in capsys.readouterr().out


def test_a_wrong_cpu_and_no_engine_are_errors_of_their_own(machine: Any) -> None:
    machine(CPU_IMAGE, Driver(None), {"name": "tensorflow"}, [{**CPU_TEST, "ok": False}])
    assert examine(allow_cpu=True).exit_code == ExitCode.ANALYSIS
    machine(CPU_IMAGE, Driver(None), {"name": "tensorflow", "error": "ImportError: x"}, [])
    assert examine(allow_cpu=True).exit_code == ExitCode.ANALYSIS


def test_no_scratch(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(CUDA_IMAGE, GOOD, ENGINE, [CPU_TEST, GPU_TEST])

    def refuse(*_: object) -> None:
        raise OutputError("no folder for temporary files can be written", "name another one with DLCCTR_SCRATCH")

    monkeypatch.setattr(doctor, "open_scratch", refuse)
    report = examine(allow_cpu=True)
    assert report.exit_code == ExitCode.OUTPUT


def test_a_small_shared_memory_is_only_a_remark(machine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    machine(CUDA_IMAGE, GOOD, ENGINE, [CPU_TEST, GPU_TEST])
    monkeypatch.setattr(doctor, "shared_memory_gb", lambda: 0.0625)
    report = examine()
    assert report.exit_code == ExitCode.OK
    assert "64 MiB" in report.problems[0].what


def script(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the child process be a script of the test's own."""
    (tmp_path / "tensor_check.py").write_text(text)
    monkeypatch.setattr(doctor, "__file__", str(tmp_path / "doctor.py"))


def test_the_child_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(
        tmp_path,
        "import json, os, sys\nprint('noise')\n"
        "print(json.dumps({'engine': {'name': sys.argv[1]}, 'tests': [sys.argv[2:], os.environ['X']]}))",
        monkeypatch,
    )
    assert run_tensor_check("pytorch", ["cpu", "cuda:0"], {"X": "1"}, 30) == (
        {"name": "pytorch"},
        [["cpu", "cuda:0"], "1"],
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import os; os.kill(os.getpid(), 11)", "code -11"),
        ("raise SystemExit('broken driver')", "broken driver"),
        ("print('no json')", "code 0"),
    ],
)
def test_a_child_that_dies(text: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(tmp_path, text, monkeypatch)
    engine, tests = run_tensor_check("pytorch", ["cpu"], {}, 30)
    assert reason in engine["error"]
    assert tests == []


def test_a_child_that_hangs_is_killed_with_its_children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script(
        tmp_path,
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid)); time.sleep(600)",
        monkeypatch,
    )
    for timeout_s in (1, 5, 25):  # until it has come to its child, which takes longer on a busy machine
        engine, _ = run_tensor_check("pytorch", ["cpu"], {}, timeout_s)
        assert f"no answer after {timeout_s} s" in engine["error"]
        if (tmp_path / "pid").exists():
            break
    state = Path(f"/proc/{(tmp_path / 'pid').read_text()}/stat")
    wait_until(lambda: not state.exists() or state.read_text().split()[2] == "Z")


def test_without_an_engine_this_very_machine_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("dlcctr.model.engines.find_spec", lambda _: None)
    monkeypatch.setenv("DLCCTR_IMAGE_FILE", str(tmp_path / "none"))
    report = examine(scratch=tmp_path)
    assert report.exit_code == ExitCode.ANALYSIS
    assert isinstance(report, Report)
    assert list(tmp_path.iterdir()) == []


def test_the_image_file(tmp_path: Path) -> None:
    file = tmp_path / "image.json"
    facts = {
        "name": "dlcctr:x",
        "engine": "pytorch",
        "versions": {"torch": "2.7.1"},
        "gpu_archs": ["sm_70"],
        "cuda": "",
    }
    file.write_text(json.dumps({**facts, "contract": 1, "more": [1]}))
    info = read_image_info(file)
    assert (info.name, info.versions, info.gpu_archs, info.cuda) == ("dlcctr:x", {"torch": "2.7.1"}, ("sm_70",), "")
    assert info.as_dict()["gpu_archs"] == ["sm_70"]
    file.write_text("{")
    assert read_image_info(file) == ImageInfo()
    assert read_image_info(tmp_path / "none").as_dict() == {}


def test_the_real_script_without_an_engine() -> None:
    """It never raises, whatever is missing."""
    assert sys.executable
    engine, tests = run_tensor_check("pytorch", ["cpu"], dict(os.environ), 120)
    assert "error" in engine or tests[0]["ok"]
