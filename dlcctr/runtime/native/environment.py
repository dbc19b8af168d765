"""The image's Python environment without a container engine: made from the same lock files, in the user's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.contract import OPENVINO_FOLDER
from dlcctr.errors import CommandFailedError, ToolMissingError
from dlcctr.image import flavours
from dlcctr.image.context import OPENVINO_LOCK
from dlcctr.runtime.native.code_layer import MARKER, digest, is_whole, lock_file, make_code_layer, site_packages
from dlcctr.system import processes
from dlcctr.system.disk import disk_errors
from dlcctr.system.files import user_cache
from dlcctr.system.locks import waiting_lock
from dlcctr.system.source_tree import own_sources
from dlcctr.system.terminal.console import warn

REPORT_S = 20.0
APART_STEP = "openvino"
SOURCE_STEP = "filterpy"
"""The one package that is a source archive (why: requirements/common.in): built by the lock's own setuptools."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Interpreter:
    """A Python of the image's version."""

    path: str
    version: str


@dataclass(frozen=True)
class InstallPlan:
    """What is installed, and where.

    Parameters
    ----------
    lock, apart : str
        Locks of site-packages, and of the folder in it that an import does not find; `apart` may be empty.
    wheels : tuple of Path
        More folders to find wheels in.
    """

    folder: Path
    flavour: str
    lock: str
    apart: str
    python: Interpreter
    wheels: tuple[Path, ...] = ()


def ensure_environment(flavour: flavours.Flavour, *, wheels: Sequence[Path] = (), say: Say = warn) -> Path:
    """Python of a ready environment, made on the first call.

    Two layers: the lock's packages (gigabytes, one folder for a lock), and above them a copy of this dlcctr (one
    small folder for each content of its source), so that running jobs never see a change of code. Both are made by
    one process at a time and are either whole or made again.

    Parameters
    ----------
    wheels : sequence of Path
        Folders with more wheels, beside ``wheels/`` of a checkout and pip's own settings.
    say : callable
        Called with a line of progress now and then.

    Returns
    -------
    Path
        Path of the Python; run it as ``python -I -m entrypoint …``.

    Raises
    ------
    ToolMissingError
        No Python of the right version, or no wheel of the CPU build of torch; the hint says where to get it.
    CommandFailedError
        pip failed; the message holds the end of its output.
    """
    lock, apart = read_lock(flavour), read_apart(flavour)
    python = find_python(flavours.read_pins()["PYTHON_VERSION"])
    key = digest(lock, apart, python.version)
    packages = cache_folder() / f"env-{flavour.name}-{key}"
    with disk_errors(packages, "XDG_CACHE_HOME names another folder"):
        with waiting_lock(lock_file(packages)):
            if not is_whole(packages):
                _install(InstallPlan(packages, flavour.name, lock, apart, python, tuple(wheels)), say)
        return make_code_layer(packages)


def cache_folder() -> Path:
    """Folder of environments: ``$XDG_CACHE_HOME/dlcctr/native``, by default below ``~/.cache``."""
    return user_cache() / "native"


def read_lock(flavour: flavours.Flavour) -> str:
    """Text of a flavour's lock file."""
    return own_sources().read(flavour.lock)


def read_apart(flavour: flavours.Flavour) -> str:
    """Text of OpenVINO's lock file for a flavour without a GPU, else nothing."""
    return own_sources().read(OPENVINO_LOCK) if flavour.variant == "cpu" else ""


def find_python(version: str) -> Interpreter:
    """Python of a version such as ``3.11``, with its venv module: $DLCCTR_PYTHON, this one, or one on PATH.

    Raises
    ------
    ToolMissingError
        There is none, or only one without venv; the hint names the packages.
    """
    own = getattr(sys, "_base_executable", None) or sys.executable
    candidates = [os.environ.get("DLCCTR_PYTHON", ""), own, f"python{version}", "python3", "python"]
    without_venv = ""
    for name in candidates:
        path = shutil.which(name) if name else None
        if path is None:
            continue
        found = _ask_python(path)
        if found.get("version", "").rpartition(".")[0] != version:
            continue
        if found.get("venv") == "yes":
            return Interpreter(path, found["version"])
        without_venv = path
    problem = f"{without_venv} lacks its venv module" if without_venv else f"no Python {version} was found"
    raise ToolMissingError(
        f"{problem}; the native runtime needs Python {version}, as the image has",
        f"install it (Debian: apt-get install python{version}-venv) or name one in DLCCTR_PYTHON",
    )


def _ask_python(path: str) -> dict[str, str]:
    code = (
        "import importlib.util as u, sys; print('%d.%d.%d' % sys.version_info[:3], "
        "'yes' if u.find_spec('venv') and u.find_spec('ensurepip') else 'no')"
    )
    words = (processes.run([path, "-I", "-c", code], check=False).stdout or "").split()
    return {"version": words[0], "venv": words[1]} if len(words) == 2 else {}


def _install(plan: InstallPlan, say: Say) -> None:
    began, folder = time.monotonic(), plan.folder
    say(f"native: setting up {plan.flavour}, Python {plan.python.version}, in {folder}; this takes minutes, once")
    shutil.rmtree(folder, ignore_errors=True)
    processes.run([plan.python.path, "-I", "-m", "venv", str(folder)])
    for name, text in _install_steps(plan.lock, plan.apart):
        requirements = folder / f"{name}.lock"
        requirements.write_text(text, encoding="utf-8")
        try:
            _pip_install(plan, requirements, say)
        except CommandFailedError as error:
            if name != "torch":
                raise
            raise _no_torch(plan.flavour, text, error) from error
    (folder / MARKER).write_text(f"{plan.flavour}\n", encoding="utf-8")
    say(f"native: {plan.flavour} is ready after {time.monotonic() - began:.0f} s")


def _install_steps(lock: str, apart: str = "") -> list[tuple[str, str]]:
    """Steps of the installation, the CPU build of torch first: its absence shows before gigabytes are fetched."""
    torch = _locked(r"torch==\S*\+cpu", lock)
    before = [
        ("torch", torch),
        ("setuptools", _locked("setuptools==", lock)),
        (SOURCE_STEP, _locked(f"{SOURCE_STEP}==", lock)),
    ]
    return [(name, text) for name, text in [*before, ("all", lock), (APART_STEP, apart)] if text]


def _locked(start: str, lock: str) -> str:
    """One requirement of a lock, with its hashes; empty if the lock does not have it."""
    found = re.search(rf"^{start}(?:[^\n]*\\\n)*[^\n]*\n", lock, re.MULTILINE)
    return found.group() if found else ""


def _pip_install(plan: InstallPlan, requirements: Path, say: Say) -> None:
    python, log = plan.folder / "bin" / "python", plan.folder / "pip.log"
    argv = [str(python), "-I", "-m", "pip", "install", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    argv += ["--no-input", "--progress-bar", "off", *_sources(plan.wheels), "-r", str(requirements)]
    if requirements.stem == SOURCE_STEP:
        argv += ["--no-binary", SOURCE_STEP, "--no-build-isolation", "--use-pep517"]
    if requirements.stem == APART_STEP:
        argv += ["--target", str(site_packages(plan.folder) / OPENVINO_FOLDER)]
    env = {**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
    began = time.monotonic()
    with log.open("ab") as output:
        process = processes.start(argv, output=output, env=env)
        try:
            while _still_runs(process):
                say(f"native: {time.monotonic() - began:.0f} s: {_last_line(log)}")
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode != 0:
        tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
        raise CommandFailedError(
            f"pip failed (exit code {process.returncode}); the end of {log}:\n{tail}",
            "fix the network or pip's settings (pip config list), then run the same command again",
        )


def _sources(wheels: Sequence[Path]) -> list[str]:
    """Where pip looks beside its own settings: wheel folders, and the variables that `image build` knows as well."""
    folders = [own_sources().path("wheels"), *wheels]
    folders += [Path(os.environ["DLCCTR_WHEELS"])] if os.environ.get("DLCCTR_WHEELS") else []
    words = [word for path in folders if path.is_dir() for word in ("--find-links", str(path))]
    for name, option in (("INDEX_URL", "--index-url"), ("EXTRA_INDEX_URL", "--extra-index-url")):
        words += [word for value in os.environ.get(f"DLCCTR_{name}", "").split() for word in (option, value)]
    if os.environ.get("DLCCTR_CA_BUNDLE"):
        words += ["--cert", os.environ["DLCCTR_CA_BUNDLE"]]
    return words


def _still_runs(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=REPORT_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _last_line(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1].strip()[:90] if lines else "starting"


def _no_torch(flavour: str, requirement: str, error: CommandFailedError) -> ToolMissingError:
    wanted = requirement.split(maxsplit=1)[0]
    return ToolMissingError(
        f"{wanted} could not be installed (flavour {flavour}): {error.message}",
        "the CPU build of torch is not on every package index: put its wheel into a folder and name that in "
        "DLCCTR_WHEELS, or name PyTorch's own wheel index in DLCCTR_EXTRA_INDEX_URL (README has its address)",
    )
