#!/usr/bin/env python3
"""Resolve requirements/<flavour>.in to requirements/<flavour>.lock, with hashes.

Needs `uv` and a package index; writes no index name into the locks. Pins come from versions.env.
The locks of the flavours with CPU torch accept only the upstream's "+cpu" wheel of torch: the public registry's
file of the same version is a CUDA build of several GB. Usage: `scripts/lock.py [FLAVOUR…] [--upgrade]`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import string
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements"
PLATFORM = "x86_64-manylinux_2_36"  # the C library of Debian 12
APART = "openvino"
"""Installed apart from what DeepLabCut can import, and without what it asks for: numpy is there, and nobody is told."""
FROM_SOURCE = "filterpy"
"""The one package without a wheel: docker/install.sh and the native runtime build it."""
HASH_INDENT = " \\\n    --hash=sha256:"


def read_pins(path: Path = ROOT / "versions.env") -> dict[str, str]:
    """Read KEY=value lines."""
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def list_flavours() -> list[str]:
    """Name every flavour that has requirements."""
    return sorted(path.stem for path in REQUIREMENTS.glob("*-*.in"))


def list_locks() -> list[str]:
    """Name every lock: the flavours', and OpenVINO's."""
    return [*list_flavours(), APART]


def uses_cpu_torch(flavour: str) -> bool:
    """Tell whether the flavour imports the CPU build of torch: all TensorFlow flavours do."""
    return flavour == "pytorch-cpu" or flavour.startswith("tensorflow-")


def fill(source: Path, folder: Path, pins: dict[str, str]) -> Path:
    target = folder / source.name
    target.write_text(string.Template(source.read_text(encoding="utf-8")).substitute(pins), encoding="utf-8")
    return target


def compile_command(flavour: str, folder: Path, pins: dict[str, str], output: Path, upgrade: bool) -> list[str]:
    fill(REQUIREMENTS / "common.in", folder, pins)
    command = ["uv", "pip", "compile", str(fill(REQUIREMENTS / f"{flavour}.in", folder, pins)), "-o", str(output)]
    command += ["--generate-hashes", "--no-header", "--no-annotate", "--only-binary", ":all:", "--quiet"]
    command += ["--no-binary", FROM_SOURCE]
    command += ["--python-version", pins["PYTHON_VERSION"], "--python-platform", PLATFORM]
    if flavour == APART:
        command += ["--no-deps"]
    for name in ("overrides.txt", f"overrides-{flavour}.txt"):
        if (REQUIREMENTS / name).is_file():
            command += ["--overrides", str(REQUIREMENTS / name)]
    if uses_cpu_torch(flavour):
        command += ["--config-file", str(fill(REQUIREMENTS / "torch-cpu.toml", folder, pins))]
    else:
        command += ["--no-config"]
    return [*command, "--upgrade"] if upgrade else command


def take_upstream_cpu_wheels(text: str, pins: dict[str, str]) -> str:
    """Make torch the "+cpu" wheel alone, and allow torchvision's beside the registry's."""
    version, digest = pins["TORCH_CPU_VERSION"], pins["TORCH_CPU_SHA256"]
    block = rf"^torch=={re.escape(version)}(\+cpu)?(?: \\\n    --hash=\S+)+$"
    text, changed = re.subn(block, f"torch=={version}+cpu{HASH_INDENT}{digest}", text, flags=re.MULTILINE)
    if changed != 1:
        raise SystemExit(f"torch=={version} is not in the resolution: look at requirements/torch-cpu.toml")
    line = f"torchvision=={pins['TORCHVISION_CPU_VERSION']}"
    alternative = f"{HASH_INDENT}{pins['TORCHVISION_CPU_SHA256']}"
    if line + " \\\n" not in text:
        raise SystemExit(f"{line} is not in the resolution")
    return text if alternative in text else text.replace(line + " \\\n", line + alternative + " \\\n")


def lock(flavour: str, pins: dict[str, str], upgrade: bool) -> None:
    """Write one lock; pins that still resolve are kept unless `upgrade`."""
    target = REQUIREMENTS / f"{flavour}.lock"
    with tempfile.TemporaryDirectory() as name:
        output = Path(name) / "lock"
        if target.is_file():
            # The local version is put back below; the index knows none.
            output.write_text(target.read_text(encoding="utf-8").replace("+cpu", ""), encoding="utf-8")
        subprocess.run(compile_command(flavour, Path(name), pins, output, upgrade), check=True)
        text = output.read_text(encoding="utf-8")
    target.write_text(take_upstream_cpu_wheels(text, pins) if uses_cpu_torch(flavour) else text, encoding="utf-8")
    print(f"{target.relative_to(ROOT)}: {len(re.findall('^[a-z]', text, re.MULTILINE))} packages")


def main() -> int:
    """Lock the named flavours, or all of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("flavours", nargs="*", help=f"default: all of {', '.join(list_locks())}")
    parser.add_argument("--upgrade", action="store_true", help="take newer versions of what is not pinned")
    options = parser.parse_args()
    if not shutil.which("uv"):
        print("error: uv was not found\n  what to do: pip install uv", file=sys.stderr)
        return 10
    for flavour in options.flavours or list_locks():
        lock(flavour, read_pins(), options.upgrade)
    return 0


if __name__ == "__main__":
    sys.exit(main())
