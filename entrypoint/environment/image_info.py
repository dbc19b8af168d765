"""The image's facts about itself, from a file that its build writes."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dlcctr.system.files import read_bounded

IMAGE_FILE = Path("/opt/dlc/image.json")
MAX_BYTES = 1 << 20
IMAGE_FILE_VARIABLE = "DLCCTR_IMAGE_FILE"


@dataclass(frozen=True)
class ImageInfo:
    """Build facts; everything is empty outside an image.

    Parameters
    ----------
    flavour : str
        Flavour of the image, for example ``pytorch-cu126``.
    versions : dict
        Distribution name to version: deeplabcut, torch, tensorflow, …
    cuda : str
        CUDA version of the engine's build; empty for a CPU flavour.
    min_driver : str
        Oldest NVIDIA driver that the CUDA build runs on.
    gpu_archs : tuple of str
        GPU architectures that the engine's wheel holds code for, ``sm_70`` or ``compute_90``.
    """

    name: str = ""
    version: str = ""
    revision: str = ""
    flavour: str = ""
    engine: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    cuda: str = ""
    min_driver: str = ""
    gpu_archs: tuple[str, ...] = ()
    base_digest: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For receipts and JSON output; empty outside an image."""
        return {**asdict(self), "gpu_archs": list(self.gpu_archs)} if self.name else {}


def read_image_info(file: Path | None = None) -> ImageInfo:
    """Read the image's own facts; an empty `ImageInfo` outside an image or where the file is not readable."""
    file = file or Path(os.environ.get(IMAGE_FILE_VARIABLE) or IMAGE_FILE)
    try:
        table = json.loads(read_bounded(file, MAX_BYTES) or b"")
    except (OSError, ValueError, RecursionError):
        return ImageInfo()
    if not isinstance(table, dict):
        return ImageInfo()
    versions = table.get("versions")
    texts = ("name", "version", "revision", "flavour", "engine", "cuda", "min_driver", "base_digest")
    return ImageInfo(
        **{key: str(table.get(key) or "") for key in texts},
        versions={str(k): str(v) for k, v in versions.items()} if isinstance(versions, dict) else {},
        gpu_archs=_words(table.get("gpu_archs")),
    )


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.replace(",", " ").split())
    return tuple(map(str, value)) if isinstance(value, list) else ()
