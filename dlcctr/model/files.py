"""The files of a trained model, in a project's folder or in a bundle that is one file."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path, PurePosixPath
from typing import Protocol

from dlcctr.errors import ModelError
from dlcctr.model.bundles.bundle import AGAIN, LISTING, Bundle, Listing, read_bundle, read_listing
from dlcctr.model.project.snapshots import digest_weights
from dlcctr.model.yaml.yaml12 import MAX_TEXT, decode, read_bytes, read_text
from dlcctr.system.files import sha256_file, visible_entries

ROOT = PurePosixPath()


class ModelTree(Protocol):
    """Read access to a model's files; names are relative to its project's folder."""

    @property
    def root(self) -> Path:
        """Project folder, or the file of a bundle."""

    @property
    def listing(self) -> Listing | None:
        """Listing of the bundle; None for an ordinary project."""

    def names(self, folder: PurePosixPath) -> list[str]:
        """Names in a folder, sorted, without hidden ones; empty if there is no such folder.

        `ModelError` where it cannot be read. A Mac leaves ``._snapshot-60.index`` beside each file that it copies to
        another file system.
        """

    def is_file(self, name: PurePosixPath) -> bool:
        """Whether there is such a file."""

    def size(self, name: PurePosixPath) -> int:
        """Bytes of a file; 0 for a link that leads nowhere."""

    def text(self, name: PurePosixPath) -> str:
        """Text of a file; `ModelError` where it cannot be read."""

    def sha256(self, name: PurePosixPath) -> str:
        """Hash of a file, from its bytes; `ModelError` where it cannot be read."""

    def link(self, name: PurePosixPath, target: Path) -> None:
        """Make a file appear under another name, with as little copying as can be."""

    def copy(self, name: PurePosixPath, target: Path) -> None:
        """Write a file's bytes under another name."""


class ProjectFolder:
    """A DeepLabCut project on disk."""

    listing: Listing | None = None

    def __init__(self, root: Path) -> None:
        self.root = root

    def names(self, folder: PurePosixPath) -> list[str]:
        try:
            return [path.name for path in visible_entries(self.root / folder)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise ModelError(
                f"{self.root / folder}: cannot be read ({error.strerror})", "check the folder's owner and permissions"
            ) from error

    def is_file(self, name: PurePosixPath) -> bool:
        return (self.root / name).is_file()

    def size(self, name: PurePosixPath) -> int:
        try:
            return (self.root / name).stat().st_size
        except OSError:  # said when its content is needed
            return 0

    def text(self, name: PurePosixPath) -> str:
        return read_text(self.root / name)

    def sha256(self, name: PurePosixPath) -> str:
        return digest_weights(self.root / name)

    def link(self, name: PurePosixPath, target: Path) -> None:
        target.symlink_to(self.root / name)

    def copy(self, name: PurePosixPath, target: Path) -> None:
        shutil.copyfile(self.root / name, target)


class BundleFolder(ProjectFolder):
    """A bundle that is a folder: only listed files exist, and each is checked against its listed hash."""

    listing: Listing

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.listing = read_listing(root / LISTING)

    def names(self, folder: PurePosixPath) -> list[str]:
        return self.listing.names(folder)

    def is_file(self, name: PurePosixPath) -> bool:
        return self.listing.find(str(name)) is not None

    def text(self, name: PurePosixPath) -> str:
        data = read_bytes(self.root / name)
        self._check(name, hashlib.sha256(data).hexdigest())
        return decode(data, self.root / name)

    def sha256(self, name: PurePosixPath) -> str:
        return self._check(name, super().sha256(name))

    def link(self, name: PurePosixPath, target: Path) -> None:
        self.sha256(name)
        super().link(name, target)

    def copy(self, name: PurePosixPath, target: Path) -> None:
        super().copy(name, target)
        self._check(name, sha256_file(target))

    def _check(self, name: PurePosixPath, digest: str) -> str:
        entry = self.listing.find(str(name))
        if entry is None or digest != entry.sha256:
            raise ModelError(f"{self.root / name}: is not what was packed (its hash differs)", AGAIN)
        return digest


class BundleFile:
    """A bundle that is one file, read in place; every byte is checked against the listing's hash."""

    def __init__(self, file: Path) -> None:
        self.root = file
        self._bundle: Bundle = read_bundle(file)
        self.listing: Listing = self._bundle.listing

    def names(self, folder: PurePosixPath) -> list[str]:
        return self.listing.names(folder)

    def is_file(self, name: PurePosixPath) -> bool:
        return str(name) in self._bundle.offsets

    def size(self, name: PurePosixPath) -> int:
        return self._bundle.entry(str(name)).bytes

    def text(self, name: PurePosixPath) -> str:
        if self.size(name) > MAX_TEXT:
            raise ModelError(f"{self.root / name}: too long for a configuration", "pack the model again")
        return decode(b"".join(self._bundle.chunks(str(name))), self.root / name)

    def sha256(self, name: PurePosixPath) -> str:
        for _ in self._bundle.chunks(str(name)):
            pass
        return self._bundle.entry(str(name)).sha256

    def link(self, name: PurePosixPath, target: Path) -> None:
        self.copy(name, target)

    def copy(self, name: PurePosixPath, target: Path) -> None:
        with target.open("xb") as stream:
            for chunk in self._bundle.chunks(str(name)):
                stream.write(chunk)


def open_tree(model: Path) -> ModelTree:
    """Find out what a path is: a project's folder, its config.yaml, or a bundle.

    Raises
    ------
    ModelError
        The file is not a bundle, or the bundle's listing is broken.
    """
    model = model.parent if model.name in ("config.yaml", LISTING) else model
    model = model.absolute()
    if model.is_file():
        return BundleFile(model)
    return BundleFolder(model) if (model / LISTING).is_file() else ProjectFolder(model)
