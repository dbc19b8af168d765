"""The files of a trained model, whether they lie in a project's folder or in a bundle that is one file."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Protocol

from dlcctr.errors import ModelError
from dlcctr.model.bundle import LISTING, Bundle, Listing, parse_listing, read_bundle
from dlcctr.model.snapshots import digest_weights
from dlcctr.model.yaml12 import MAX_TEXT, read_text

ROOT = PurePosixPath()


class ModelTree(Protocol):
    """What is read of a model; names are relative to its project's folder."""

    @property
    def root(self) -> Path:
        """Project folder, or the file of a bundle."""

    @property
    def listing(self) -> Listing | None:
        """Of a bundle; None for an ordinary project."""

    def names(self, folder: PurePosixPath) -> list[str]:
        """Names in a folder, sorted, without hidden ones; none where it is not there.

        A Mac leaves ``._snapshot-60.index`` beside each file that it copies to another file system.
        """

    def is_file(self, name: PurePosixPath) -> bool:
        """Whether there is such a file."""

    def size(self, name: PurePosixPath) -> int:
        """Bytes of a file that is there."""

    def text(self, name: PurePosixPath) -> str:
        """Text of a file; `ModelError` where it cannot be read."""

    def sha256(self, name: PurePosixPath) -> str:
        """Hash of a file, from its bytes; `ModelError` where it cannot be read."""

    def link(self, name: PurePosixPath, target: Path) -> None:
        """Make a file appear under another name, with as little copying as can be."""

    def copy(self, name: PurePosixPath, target: Path) -> None:
        """Write a file's bytes under another name."""


class ProjectFolder:
    """A DeepLabCut project as it lies on disk, or a bundle in the form of a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        file = root / LISTING
        self.listing: Listing | None = parse_listing(read_text(file), file) if file.is_file() else None

    def names(self, folder: PurePosixPath) -> list[str]:
        try:
            return sorted(path.name for path in (self.root / folder).iterdir() if not path.name.startswith("."))
        except OSError:
            return []

    def is_file(self, name: PurePosixPath) -> bool:
        return (self.root / name).is_file()

    def size(self, name: PurePosixPath) -> int:
        return (self.root / name).stat().st_size

    def text(self, name: PurePosixPath) -> str:
        return read_text(self.root / name)

    def sha256(self, name: PurePosixPath) -> str:
        return digest_weights(self.root / name)

    def link(self, name: PurePosixPath, target: Path) -> None:
        target.symlink_to(self.root / name)

    def copy(self, name: PurePosixPath, target: Path) -> None:
        shutil.copyfile(self.root / name, target)


class BundleFile:
    """A bundle that is one file. It is read where it lies; every byte is held against the listing's hash."""

    def __init__(self, file: Path) -> None:
        self.root = file
        self._bundle: Bundle = read_bundle(file)
        self.listing: Listing = self._bundle.listing

    def names(self, folder: PurePosixPath) -> list[str]:
        depth = len(folder.parts)
        paths = (PurePosixPath(entry.path).parts for entry in self.listing.files)
        inside = {parts[depth] for parts in paths if len(parts) > depth and parts[:depth] == folder.parts}
        return sorted(name for name in inside if not name.startswith("."))

    def is_file(self, name: PurePosixPath) -> bool:
        return str(name) in self._bundle.offsets

    def size(self, name: PurePosixPath) -> int:
        return self._bundle.entry(str(name)).bytes

    def text(self, name: PurePosixPath) -> str:
        if self.size(name) > MAX_TEXT:
            raise ModelError(f"{self.root / name}: too long for a configuration", "pack the model again")
        data = b"".join(self._bundle.chunks(str(name)))
        try:
            return data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ModelError(f"{self.root / name}: not UTF-8 text ({error.reason})", "pack the model again") from error

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
        A file that is no bundle, or a bundle whose listing is broken.
    """
    model = model.parent if model.name in ("config.yaml", LISTING) else model
    model = model.absolute()
    return BundleFile(model) if model.is_file() else ProjectFolder(model)
