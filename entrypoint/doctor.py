"""`doctor`: whether this container sees its GPU, and whether a real tensor operation on it comes out right."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.contract import SBOM_FILE, ExitCode
from dlcctr.errors import OutputError
from dlcctr.model.engines import installed_engine
from dlcctr.system import processes
from dlcctr.system.cpus import cpu_count, thread_environment
from dlcctr.system.gpus import NO_DEVICE_FILES, NOT_GRANTED, gpu_environment
from dlcctr.system.terminal.console import envelope, print_lines, print_verbatim, warn
from entrypoint.environment import gpu
from entrypoint.environment.image_info import ImageInfo, read_image_info
from entrypoint.environment.scratch import open_scratch, private_environment

SMALL_SHM_GB = 0.1
SHM_FOLDER = Path("/dev/shm")
CPU_TIMEOUT_S, GPU_TIMEOUT_S = 180.0, 2400.0
"""The second leaves a driver time to compile TensorFlow for its GPU (tensorflow/tensorflow#62320: half an hour)."""
GIVE_GPU = "start it with a GPU: docker run --gpus all, apptainer or singularity run --nv, in Slurm --gres=gpu:1"
ALLOW_CPU = "or accept a slow CPU run with --allow-cpu"


@dataclass(frozen=True)
class Problem:
    """Something that stops or slows work here; `exit_code` is OK if it is only a remark."""

    what: str
    hint: str
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True)
class Report:
    """Everything that `doctor` found."""

    image: ImageInfo
    engine: dict[str, Any]
    driver: gpu.Driver
    tests: list[dict[str, Any]] = field(default_factory=list)
    cpus: int = 1
    shm_gb: float | None = None
    scratch: str = ""
    problems: list[Problem] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """Exit code of the first problem that stops work."""
        return next((p.exit_code for p in self.problems if p.exit_code), ExitCode.OK)


def examine(*, allow_cpu: bool = False, scratch: Path | None = None, timeout_s: float = 0.0) -> Report:
    """Check driver, GPUs, engine, scratch, shared memory and CPUs, and run tensor operations in a child process.

    Parameters
    ----------
    allow_cpu : bool
        Report a missing GPU as a remark instead of a problem.
    timeout_s : float
        After this the child process is killed, and its devices count as failed; 0 for `CPU_TIMEOUT_S`, or
        `GPU_TIMEOUT_S` where there is a GPU.
    """
    image, driver, cpus = read_image_info(), gpu.examine_driver(), cpu_count()
    name = image.engine or installed_engine()
    devices = ["cpu", *(f"cuda:{each.index}" for each in driver.gpus)]
    timeout_s = timeout_s or (GPU_TIMEOUT_S if driver.gpus else CPU_TIMEOUT_S)
    where, problems = "", list[Problem]()
    engine: dict[str, Any] = {"name": name}
    tests: list[dict[str, Any]] = []
    try:
        with open_scratch(scratch, Path.cwd()) as folder:
            where = str(folder.parent)
            if name:
                environment = {
                    **private_environment(folder), **thread_environment(cpus), **gpu_environment(os.environ)
                }  # fmt: skip
                engine, tests = run_tensor_check(name, devices, environment, timeout_s)
    except OutputError as error:
        problems.append(Problem(error.message, error.hint, error.exit_code))
    shm_gb = shared_memory_gb()
    problems += engine_problems(engine, tests) if where else []
    gpu_found = gpu_problem(image, driver, engine, tests)
    if gpu_found:
        problems.append(remark(gpu_found) if allow_cpu else gpu_found)
    if shm_gb is not None and shm_gb < SMALL_SHM_GB:
        problems.append(
            Problem(f"/dev/shm holds only {shm_gb * 1024:.0f} MiB", "docker run --shm-size=1g, if it fills")
        )
    return Report(image, engine, driver, tests, cpus, shm_gb, where, problems)


def remark(problem: Problem) -> Problem:
    """The same problem as a remark that does not stop work."""
    return Problem(problem.what, problem.hint)


def shared_memory_gb() -> float | None:
    """Size of /dev/shm in GiB; None where there is none."""
    try:
        return round(shutil.disk_usage(SHM_FOLDER).total / 2**30, 3)
    except OSError:
        return None


def run_tensor_check(
    engine: str, devices: list[str], environment: dict[str, str], timeout_s: float
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Run tensor_check.py in a child process of its own group and read its last line."""
    script = Path(__file__).with_name("tensor_check.py")
    child = processes.pipe([sys.executable, "-I", str(script), engine, *devices], env=environment, session=True)
    try:
        out, err = (data.decode("utf-8", "replace") for data in child.communicate(timeout=timeout_s))
        table = json.loads(out.strip().splitlines()[-1])
        return table["engine"], table["tests"]
    except subprocess.TimeoutExpired:
        return {"name": engine, "error": f"no answer after {timeout_s:.0f} s"}, []
    except (ValueError, IndexError, KeyError):
        said = (err.strip().splitlines() or ["nothing"])[-1][:300]
        return {"name": engine, "error": f"exited with code {child.returncode}: {said}"}, []
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()


def engine_problems(engine: dict[str, Any], tests: list[dict[str, Any]]) -> list[Problem]:
    """Problem of the engine itself, whatever the device."""
    if not engine["name"]:
        return [Problem("neither TensorFlow nor PyTorch is installed", "use one of the images", ExitCode.ANALYSIS)]
    if "error" in engine:
        what = f"{engine['name']} does not work here: {engine['error']}"
        return [Problem(what, "build or pull the image again; try another node", ExitCode.ANALYSIS)]
    return [
        Problem(f"a tensor operation on the CPU failed: {test['detail']}", "pull the image again", ExitCode.ANALYSIS)
        for test in tests
        if test["device"] == "cpu" and not test["ok"]
    ]


def gpu_problem(
    image: ImageInfo, driver: gpu.Driver, engine: dict[str, Any], tests: list[dict[str, Any]]
) -> Problem | None:
    """Problem if no GPU, or not every visible one, can be used; None if all work."""
    # TensorFlow's one wheel says CUDA in the CPU flavour too: in an image, the image's word counts.
    cuda = str(image.cuda if image.name else engine.get("cuda", ""))
    if not cuda and (image.name or "error" not in engine):
        return _problem(
            f"{image.flavour or engine['name'] or 'this environment'} is a build without CUDA: it runs on the CPU only",
            f"use a CUDA flavour (tensorflow-cu122, pytorch-cu126), {ALLOW_CPU}",
        )
    if not driver.gpus and os.environ.get("CUDA_VISIBLE_DEVICES") == NO_DEVICE_FILES:
        return _problem(
            f"{NOT_GRANTED} (CUDA_VISIBLE_DEVICES is {NO_DEVICE_FILES})",
            f"ask for one with --gres=gpu:1 or --gpus=1; {ALLOW_CPU}",
        )
    if not driver.library:
        return _problem(f"no GPU can be seen: {driver.problem}", f"{GIVE_GPU}; {ALLOW_CPU}")
    if image.min_driver and driver.version and gpu.is_older(driver.version, image.min_driver):
        return _problem(
            f"this host's NVIDIA driver {driver.version} is older than {image.min_driver}, which CUDA {cuda} needs",
            f"have the driver updated, or use a flavour with an older CUDA; {ALLOW_CPU}",
        )
    if not driver.gpus:
        masked = os.environ.get("CUDA_VISIBLE_DEVICES")
        shown = "" if masked is None else f"; CUDA_VISIBLE_DEVICES is {masked!r}"
        return _problem(f"no GPU can be seen: {driver.problem}{shown}", f"{GIVE_GPU}; {ALLOW_CPU}")
    return _architecture_problem(image, driver, engine) or _test_problem(driver, tests)


def _architecture_problem(image: ImageInfo, driver: gpu.Driver, engine: dict[str, Any]) -> Problem | None:
    archs = list(image.gpu_archs or engine.get("gpu_archs") or ())
    for each in driver.gpus:
        major, minor = each.capability
        if gpu.holds_code_for(each.capability, archs):
            if gpu.needs_compiling(each.capability, archs) and gpu.is_older(driver.cuda, image.cuda):
                return _problem(
                    f"GPU {each.index} ({each.name}, {major}.{minor}) runs this build only if the driver compiles its "
                    f"code, and driver {driver.version} compiles code up to CUDA {driver.cuda}, not {image.cuda}",
                    f"have the driver updated, or pick another GPU; {ALLOW_CPU}",
                )
            continue
        other = (
            "use the pytorch-cu126 flavour, which holds code for older GPUs too"
            if major < 8
            else "use a PyTorch flavour built for a newer CUDA (cu128 or cu130)"
        )
        return _problem(
            f"GPU {each.index} ({each.name}) has compute capability {major}.{minor}; "
            f"this build holds code for {', '.join(archs)}",
            f"{other}; or pick another GPU with CUDA_VISIBLE_DEVICES; {ALLOW_CPU}",
        )
    return None


def _test_problem(driver: gpu.Driver, tests: list[dict[str, Any]]) -> Problem | None:
    by_device = {test["device"]: test for test in tests}
    for each in driver.gpus:
        test = by_device.get(f"cuda:{each.index}")
        if test is None or not test["ok"]:
            detail = test["detail"] if test else "no result"
            return _problem(
                f"a tensor operation on GPU {each.index} ({each.name}) failed: {detail}",
                f"see whether nvidia-smi shows it healthy and free; try another node; {ALLOW_CPU}",
            )
    return None


def _problem(what: str, hint: str) -> Problem:
    return Problem(what, hint, ExitCode.GPU)


def print_report(report: Report, *, as_json: bool = False) -> ExitCode:
    """Print a report for people or for programs; returns the exit code."""
    if as_json:
        print_verbatim(json.dumps(as_table(report), indent=1).split("\n"))
    else:
        print_lines(as_lines(report))
        for problem in report.problems:
            warn(f"{'error' if problem.exit_code else 'note'}: {problem.what}")
            warn(f"  what to do: {problem.hint}")
    return report.exit_code


def sbom_file() -> str:
    """Where the image's bill of materials is; empty outside an image."""
    return SBOM_FILE if Path(SBOM_FILE).is_file() else ""


def as_table(report: Report) -> dict[str, Any]:
    """Output of --json."""
    return envelope(
        "doctor",
        ok=report.exit_code == ExitCode.OK,
        exit_code=int(report.exit_code),
        image=report.image.as_dict() or None,
        engine=report.engine,
        driver=asdict(report.driver),
        tests=report.tests,
        cpus=report.cpus,
        shm_gb=report.shm_gb,
        scratch=report.scratch,
        sbom=sbom_file(),
        problems=[{**asdict(p), "exit_code": int(p.exit_code)} for p in report.problems],
    )


def as_lines(report: Report) -> list[str]:
    """Lines for people."""
    engine, driver = report.engine, report.driver
    archs = ", ".join(report.image.gpu_archs or engine.get("gpu_archs") or ())
    speaks = f", supports CUDA {driver.cuda}" if driver.cuda else ""
    text = [
        f"image    {report.image.name or 'none'} {report.image.version} {report.image.flavour}".rstrip(),
        *([f"parts    listed with versions and licences in {sbom_file()}"] if sbom_file() else []),
        f"engine   {engine['name'] or 'none'} {engine.get('version', '')}".rstrip(),
        f"CUDA     {engine.get('cuda') or report.image.cuda or 'none'}" + (f", code for {archs}" if archs else ""),
        f"driver   {driver.version or 'none'}{speaks}",
    ]
    for each in driver.gpus:
        capability = ".".join(map(str, each.capability))
        text.append(f"GPU {each.index}    {each.name}, compute capability {capability}, {each.memory_gb} GiB")
    for test in report.tests:
        result = "right" if test["ok"] else "WRONG"
        text.append(f"tensors  on {test['device']}: {result} ({test['detail']}, {test['seconds']} s)")
    shm = "none" if report.shm_gb is None else f"{report.shm_gb} GiB"
    return [*text, f"CPUs     {report.cpus} allowed", f"shm      {shm}", f"scratch  {report.scratch or 'none'}"]
