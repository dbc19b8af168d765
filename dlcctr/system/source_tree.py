"""Where dlcctr's own files are: in the checkout that it runs from, or as data in the installed package."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import UsageError

PACKAGES = ("dlcctr", "entrypoint")
SLURM = "slurm"
IMAGE_FILES, SLURM_FILES = "image_files", "slurm_files"
"""Packages of data below ``dlcctr/`` in a wheel: what lies at a checkout's top, and in its folder slurm."""
_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class SourceTree:
    """dlcctr's own files under the names that they have in a checkout.

    Parameters
    ----------
    root : Path
        Folder that holds the packages `dlcctr` and `entrypoint`: a checkout, or an environment's site-packages.
    """

    root: Path

    @property
    def is_checkout(self) -> bool:
        """Whether the files are in a checkout rather than from a wheel."""
        return not (self.root / "dlcctr" / SLURM_FILES).is_dir()

    def path(self, name: str) -> Path:
        """Place of a file or folder, which need not be there, by its name relative to a checkout (POSIX)."""
        first, _, rest = name.partition("/")
        if self.is_checkout or first in PACKAGES:
            return self.root / name
        data = self.root / "dlcctr"
        return data / SLURM_FILES / rest if first == SLURM else data / IMAGE_FILES / name

    def read(self, name: str) -> str:
        """Text of a file.

        Raises
        ------
        UsageError
            This dlcctr was installed without it, as in the image.
        """
        path = self.path(name)
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise UsageError(
                f"{path} does not exist: this dlcctr was installed without {name}",
                "run the command outside the image, with a dlcctr that is installed on the machine itself",
            ) from None

    def walk(self, folder: str) -> Iterator[tuple[str, Path]]:
        """Names and places of the files below a folder, without what Python compiled and without data packages."""
        base = self.path(folder)
        for path in sorted(base.rglob("*")):
            parts = path.relative_to(base).parts
            is_data = folder == PACKAGES[0] and parts[0] in (IMAGE_FILES, SLURM_FILES)
            if path.is_file() and not is_data and "__pycache__" not in parts:
                yield "/".join((folder, *parts)), path


def own_sources() -> SourceTree:
    """Files of the running dlcctr, whatever the working folder is, so that code and data have one version."""
    return SourceTree(_ROOT)


def other_checkout() -> Path | None:
    """The working folder, if it is a checkout other than `own_sources`."""
    here = Path.cwd()
    is_checkout = (here / "Dockerfile").is_file() and (here / "dlcctr" / "contract.py").is_file()
    return here if is_checkout and here.resolve() != _ROOT else None
