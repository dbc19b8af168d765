"""What the installed wheels really are, compared with what requirements/flavours.toml says. Runs at build time only.

    facts.py check FLAVOUR flavours.toml facts.json     imports the engine; stops the build on a difference
    facts.py describe facts.json image.json KEY=VALUE…  adds what only the build's arguments tell

GPU architectures and CUDA are read from the engine's own libraries; no GPU is needed for that.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import tomllib

MIN_DRIVER = {"": "", "12": "525.60.13", "13": "580"}
"""Oldest Linux driver by major version of CUDA: CUDA Toolkit Release Notes, "CUDA Minor Version Compatibility"."""
OPENVINO_FOLDER = "dlcctr_openvino"
NAMED = (
    "deeplabcut", "torch", "torchvision", "tensorflow", "tensorflow-cpu", "numpy", "av", "opencv-python-headless",
    "openvino", "filterpy",
)  # fmt: skip


def read_torch() -> dict[str, Any]:
    """CUDA, cuDNN and GPU architectures of the torch build; `torch.cuda.get_arch_list` answers only where a GPU is."""
    import torch

    if torch.version.cuda is None:
        return {"cuda": "", "cudnn": "", "gpu_archs": []}
    number = torch.backends.cudnn.version()
    return {
        "cuda": torch.version.cuda,
        "cudnn": f"{number // 10000}.{number % 10000 // 100}",
        "gpu_archs": torch._C._cuda_getArchFlags().split(),
    }


def read_tensorflow() -> dict[str, Any]:
    """CUDA, cuDNN and GPU architectures of the TensorFlow build."""
    import tensorflow

    info = tensorflow.sysconfig.get_build_info()
    if not info["is_cuda_build"]:
        return {"cuda": "", "cudnn": "", "gpu_archs": []}
    library = {each.name: each.version for each in distributions()}["nvidia-cudnn-cu12"]
    return {
        "cuda": info["cuda_version"],
        "cudnn": ".".join(library.split(".")[:2]),
        "gpu_archs": list(info["cuda_compute_capabilities"]),
    }


def read_facts(flavour: str) -> dict[str, Any]:
    """Engine, versions and GPU facts of this environment."""
    apart = [str(Path(each) / OPENVINO_FOLDER) for each in sys.path]
    installed = [*distributions(), *distributions(path=apart)]
    versions = {each.name.lower().replace("_", "-"): each.version for each in installed}
    engine = flavour.split("-", maxsplit=1)[0]
    found = read_torch() if engine == "pytorch" else read_tensorflow()
    package = {"pytorch": "torch", "tensorflow": "tensorflow" if found["cuda"] else "tensorflow-cpu"}[engine]
    return {
        "engine": engine,
        "engine_version": versions[package].split("+")[0],
        "device": "cu" + found["cuda"].replace(".", "") if found["cuda"] else "cpu",
        **found,
        "min_driver": MIN_DRIVER[found["cuda"].split(".")[0]],
        "versions": {name: versions[name] for name in NAMED if name in versions},
    }


def check(flavour: str, table_file: Path, target: Path) -> int:
    """Write the facts; name every difference from the table."""
    table = tomllib.loads(table_file.read_text(encoding="utf-8")).get(flavour, {})
    facts = read_facts(flavour)
    target.write_text(json.dumps({"flavour": flavour, **facts}), encoding="utf-8")
    wrong = [key for key in facts if key != "versions" and table.get(key) != facts[key]]
    for key in wrong:
        print(
            f"error: flavour {flavour}: the wheels say {key} = {json.dumps(facts[key])}, "
            f"requirements/{table_file.name} says {json.dumps(table.get(key))}",
            file=sys.stderr,
        )
    if wrong:
        print("  what to do: correct that file and the LABEL lines of the Dockerfile", file=sys.stderr)
    return 1 if wrong else 0


def describe(facts_file: Path, target: Path, pairs: list[str]) -> int:
    """Write what the image says of itself; `entrypoint.environment.image_info` reads it."""
    from dlcctr import contract

    facts = json.loads(facts_file.read_text(encoding="utf-8"))
    given = dict(pair.split("=", 1) for pair in pairs)
    tag = f"{given['version']}-{facts['engine']}{facts['engine_version']}-{facts['device']}"
    image = {"name": f"dlcctr:{tag}", "contract": contract.CONTRACT_VERSION, **facts, **given}
    target.write_text(json.dumps(image, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    command, first, second, *rest = sys.argv[1:]
    if command == "check":
        sys.exit(check(first, Path(second), Path(rest[0])))
    sys.exit(describe(Path(first), Path(second), rest))
