"""A campaign here and the same one there, with a far folder that copies where rsync and ssh would."""

from __future__ import annotations

import contextlib
import fnmatch
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import FAILURE_SUFFIX, RECEIPT_FILENAME
from dlcctr.transfer import fetch as fetch_module
from dlcctr.transfer import fetch_outliers as outliers_module
from dlcctr.transfer.fetch import FetchOptions, FetchResult, fetch
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.shell import FolderInfo
from tests.unit.support.results import Bench, make_bench

VIDEOS = ["a.mp4", "b/a.mp4", "c.mp4"]


class FarFolder:
    """`dlcctr.transfer.remote.folder.RemoteFolder` of this machine; regular files only, as rsync takes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.remote = Remote("cluster", str(root))
        self.place = FolderInfo(str(root), exists=True, writable=True, free_bytes=None, tools=frozenset({"rsync"}))
        self.taken: list[str] = []

    def path(self, name: str) -> str:
        return str(self.root / name)

    def read(self, names: Sequence[str]) -> list[bytes | None]:
        files = [self.root / name for name in names]
        return [file.read_bytes() if file.is_file() else b"" if file.is_dir() else None for file in files]

    def mirror(self, folder: str, target: Path, filters: Sequence[str]) -> None:
        shutil.rmtree(target, ignore_errors=True)
        if f"--include={RECEIPT_FILENAME}" not in filters:
            target.mkdir(parents=True)
            named = [each.removeprefix("--include=/") for each in filters if each.startswith("--include=/")]
            for file in (file for pattern in named for file in Path(folder).glob(pattern)):
                shutil.copy2(file, target)
            return
        for file in Path(folder).rglob("*"):
            name = file.relative_to(folder)
            private = any(fnmatch.fnmatch(part, ".dlcctr-*") for part in name.parts)
            if file.name.endswith((RECEIPT_FILENAME, FAILURE_SUFFIX)) and not private and not file.is_symlink():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                (target / name).mkdir() if file.is_dir() else shutil.copy2(file, target / name)

    def mirror_folders(self, names: Sequence[str], target: Path) -> None:
        pass

    def take_folders(self, folder: str, names: Sequence[str], target: Path) -> None:
        for name in filter(lambda name: (Path(folder) / name).is_dir(), names):
            self.taken.append(name)
            shutil.copytree(Path(folder) / name, target / name, dirs_exist_ok=True)

    def take(self, folder: str, target: Path, sizes: Mapping[str, int], **_: Any) -> None:
        for name in sizes:
            self.taken.append(name)
            if (Path(folder) / name).is_file():
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(Path(folder) / name, target / name)


class TwoSides:
    """`there` has results, `here` fetches them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.here = make_bench(folder / "here", VIDEOS)
        self.there = make_bench(folder / "there", VIDEOS)
        self.far = FarFolder(folder / "there")
        monkeypatch.setattr(fetch_module, "open_remote_folder", self._open)
        monkeypatch.setattr(outliers_module, "open_remote_folder", self._open)
        monkeypatch.setattr(fetch_module.rsync, "find_rsync", lambda: "rsync")

    @contextlib.contextmanager
    def _open(self, *_: object, **__: object) -> Iterator[FarFolder]:
        yield self.far

    def fetch(self, **options: Any) -> FetchResult:
        return fetch(self.here.manifest, FetchOptions(self.far.remote, ("ssh",), **options))

    def content(self, bench: Bench, index: int) -> dict[str, bytes]:
        """Files of a row's results folder; nothing where there is none."""
        folder = bench.folder(index)
        return {file.name: file.read_bytes() for file in sorted(folder.iterdir())} if folder.is_dir() else {}
