"""Versions of the libraries that a result depends on."""

from __future__ import annotations

import sys
from importlib import metadata
from pathlib import Path

from dlcctr.contract import OPENVINO_FOLDER

DISTRIBUTIONS = (
    "deeplabcut", "torch", "torchvision", "tensorflow", "tensorflow-cpu", "tf-keras", "numpy", "pandas", "tables",
    "opencv-python-headless", "opencv-python", "av", "filterpy", "dlcctr",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of the installed parts that decide results."""
    found = {}
    for name in DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    if number := openvino_version():
        found["openvino"] = number
    return found


def find_openvino() -> Path | None:
    """Folder that OpenVINO was installed into; None in environments without it (all for GPUs)."""
    return next((folder for each in sys.path if (folder := Path(each) / OPENVINO_FOLDER).is_dir()), None)


def openvino_version() -> str:
    """Version of the OpenVINO that `find_openvino` finds; empty without it."""
    folder = find_openvino()
    found = metadata.distributions(path=[str(folder)]) if folder else ()
    return next((each.version for each in found if each.name.lower() == "openvino"), "")
