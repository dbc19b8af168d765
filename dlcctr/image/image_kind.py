"""What kind of image a name stands for: a SIF, a saved archive, an address at a registry, or a name in Docker."""

from __future__ import annotations

import tarfile
import zlib
from enum import Enum
from pathlib import Path

from dlcctr.errors import ToolMissingError, UsageError

REGISTRY_START = "docker://"
_MAGIC = (32, b"SIF_MAGIC")
_ENDINGS = (".sif", ".tar", ".tar.gz", ".tgz")
_PATH_STARTS = ("/", "./", "../", "~")


class ImageKind(Enum):
    """Kind of an image."""

    SIF = "SIF"
    ARCHIVE = "archive that `image save` or `docker save` wrote"
    REGISTRY = "address at a registry"
    DOCKER = "image of this machine's Docker Engine"


def kind_of(image: str) -> ImageKind:
    """Tell what an image is: a file by its content, whatever it is called; what is not a file by its name.

    Raises
    ------
    UsageError
        The file is neither a SIF nor an archive.
    ToolMissingError
        A file was named that does not exist.
    """
    if image.startswith(REGISTRY_START):
        return ImageKind.REGISTRY
    path = Path(image)
    if path.is_file():
        if is_sif(path):
            return ImageKind.SIF
        if is_archive(path):
            return ImageKind.ARCHIVE
        raise UsageError(
            f"{image} is neither a SIF nor an image archive, or it is cut short",
            "make it again: dlcctr image sif, or dlcctr image save",
        )
    if image.endswith(_ENDINGS) or image.startswith(_PATH_STARTS):
        raise ToolMissingError(f"{image} does not exist", "check the name, or make it: dlcctr image sif")
    return ImageKind.DOCKER


def is_sif(path: Path) -> bool:
    """Whether a file is a SIF, by its magic bytes; a folder or a cut-off file is not."""
    offset, magic = _MAGIC
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(offset + len(magic))[offset:] == magic


def is_archive(path: Path) -> bool:
    """Whether a file is a tar, compressed or not, by its first member; `inspect_archive` reads all of it."""
    if not path.is_file():
        return False
    try:
        with tarfile.open(path) as archive:
            return archive.next() is not None
    except (tarfile.TarError, EOFError, zlib.error):
        return False
