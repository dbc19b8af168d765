"""The image's flavours: engine, its version and CPU or CUDA, read from requirements/flavours.toml."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr import __version__
from dlcctr.errors import UsageError
from dlcctr.system.source_tree import own_sources
from dlcctr.system.values.toml import parse_toml

IMAGE_NAME = "dlcctr"
SIF_ENDING = ".sif"


@dataclass(frozen=True)
class Flavour:
    """One image that can be built; `variant` is "cpu" or a CUDA version such as "cu126"."""

    engine: str
    engine_version: str
    variant: str

    @property
    def name(self) -> str:
        return f"{self.engine}-{self.variant}"

    @property
    def tag(self) -> str:
        return f"{IMAGE_NAME}:{__version__}-{self.engine}{self.engine_version}-{self.variant}"

    @property
    def sif(self) -> str:
        """Default file name of its SIF."""
        return f"{self.tag.replace(':', '-')}{SIF_ENDING}"

    @property
    def options(self) -> str:
        """Options of the commands of `image` that mean this flavour."""
        device = "cpu" if self.variant == "cpu" else f"cuda --cuda {self.variant}"
        return f"--engine {self.engine} --device {device}"

    @property
    def lock(self) -> str:
        """Lock file, by its name in a checkout."""
        return f"requirements/{self.name}.lock"


def find_sifs(folder: Path, engine: str) -> list[Path]:
    """SIFs of an engine's flavours in a folder, under the names of `Flavour.sif` in this version; for GPUs first."""
    found = folder.glob(f"{IMAGE_NAME}-{__version__}-{engine}[0-9]*{SIF_ENDING}")
    return sorted(found, key=lambda path: (path.stem.endswith("-cpu"), path.name))


def read_pins() -> dict[str, str]:
    """Pins of this version, from versions.env."""
    lines = (line.strip() for line in own_sources().read("versions.env").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def list_flavours() -> list[Flavour]:
    """All flavours that have requirements."""
    table = parse_toml(own_sources().read("requirements/flavours.toml"))
    return [Flavour(each["engine"], each["engine_version"], each["device"]) for each in table.values()]


def is_default(flavour: Flavour, pins: Mapping[str, str]) -> bool:
    """Whether `--all` builds it: all flavours but those for CUDA versions that only the newest drivers run."""
    return flavour.variant in ("cpu", pins["TENSORFLOW_CUDA"], pins["TORCH_CUDA"])


def pick_flavour(
    flavours: Sequence[Flavour],
    pins: Mapping[str, str],
    engine: str = "tensorflow",
    device: str = "cuda",
    cuda: str = "",
) -> Flavour:
    """Flavour for an engine, a device ("cpu" or "cuda") and optionally a CUDA version such as "cu126".

    Raises
    ------
    UsageError
        There is no such flavour; the hint lists the flavours.
    """
    if device == "cpu" and cuda:
        raise UsageError("--cuda only works with --device cuda", "leave out --device cpu or --cuda")
    for each in flavours:
        wanted = {"cpu": "cpu", "cuda": cuda or (each.variant if is_default(each, pins) else "")}.get(device)
        if (each.engine, each.variant) == (engine, wanted) and (each.variant == "cpu") == (device == "cpu"):
            return each
    known = ", ".join(each.options for each in flavours)
    raise UsageError(f"no flavour has engine {engine!r}, device {device!r} {cuda}".rstrip(), f"flavours: {known}")
