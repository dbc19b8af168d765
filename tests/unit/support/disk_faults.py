"""A disk that fails at its nth write and ever after, for what this process writes below a folder."""

from __future__ import annotations

import builtins
import errno
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

NEEDS_SPACE = ("open", "write", "fsync", "rename", "replace", "link", "symlink", "mkdir", "sendfile")
CHANGES = (*NEEDS_SPACE, "chmod", "fchmod", "unlink", "rmdir", "remove")
"""What fails: on a full disk, removing still works; on one that may not be written, or has gone, nothing does."""
WITH_TARGET = ("rename", "replace", "link", "symlink")
"""Calls of two paths: as Python's own, their errors name the first one, and then the place that was to be made."""
_THREAD = threading.local()


class Disk:
    """Counts the writes below a folder; from number `first` on they fail with `code`.

    Attributes
    ----------
    seen : list of str
        What was tried, and where.
    """

    def __init__(self, root: Path, code: int = 0, first: int = 1 << 30) -> None:
        self.root, self.code, self.first = root.resolve(), code, first
        self.seen: list[str] = []
        self.calls = NEEDS_SPACE if code in (errno.ENOSPC, errno.EDQUOT) else CHANGES

    def point(self, call: str, place: object, target: object = None, *, named: bool = True) -> None:
        """A write: raises where it is to fail."""
        if getattr(_THREAD, "is_another", False):
            return
        path = self._path(place if target is None else target)
        if call not in self.calls or not path.startswith(str(self.root)):
            return
        self.seen.append(f"{call} {path.removeprefix(str(self.root))}")
        if len(self.seen) > self.first:
            names = [] if not named else [path] if target is None else [os.fsdecode(place), None, path]  # type: ignore[arg-type]
            raise OSError(self.code, os.strerror(self.code), *names)

    @staticmethod
    def _path(place: object) -> str:
        if isinstance(place, int):
            return str(Path(f"/proc/self/fd/{place}").readlink()).removesuffix(" (deleted)")
        return os.path.abspath(os.fsdecode(place))  # type: ignore[arg-type] # noqa: PTH100


@contextmanager
def another_program(*, is_another: bool = True) -> Iterator[None]:
    """What this thread writes is another program's doing, which no failing disk of these hinders."""
    before = getattr(_THREAD, "is_another", False)
    _THREAD.is_another = is_another
    try:
        yield
    finally:
        _THREAD.is_another = before


class _Raw(io.FileIO):
    disk: Disk

    def write(self, data: Any) -> int:
        self.disk.point("write", self.fileno(), named=False)
        return super().write(data)


@contextmanager
def failing(disk: Disk) -> Iterator[None]:
    """Let the functions that Python writes with ask the disk first."""
    with pytest.MonkeyPatch.context() as patch:
        real_open = io.open
        raw = type("Raw", (_Raw,), {"disk": disk})

        def open_(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **more: Any) -> Any:
            if not set(mode) & set("wxa+") or "r+" in mode:
                return real_open(file, mode, buffering, *args, **more)
            if not isinstance(file, int):
                disk.point("open", file)
            stream = raw(file, mode.replace("b", "").replace("t", ""), more.get("closefd", True), more.get("opener"))
            buffered = io.BufferedRandom(stream) if "+" in mode else io.BufferedWriter(stream)
            if "b" in mode:
                return buffered
            texts = {key: more[key] for key in ("encoding", "errors", "newline") if key in more}
            return io.TextIOWrapper(
                buffered, **dict(zip(("encoding", "errors", "newline"), args, strict=False)), **texts
            )

        patch.setattr(io, "open", open_)
        patch.setattr(builtins, "open", open_)
        _patch_os(patch, disk)
        yield


def _patch_os(patch: pytest.MonkeyPatch, disk: Disk) -> None:
    def with_point(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*args: Any, **more: Any) -> Any:
            if "dir_fd" not in more or more["dir_fd"] is None:
                target = args[1] if name in WITH_TARGET else None
                disk.point(name, args[0], target, named=not isinstance(args[0], int))
            return real(*args, **more)

        return call

    for name in sorted({*CHANGES} - {"open"}):
        patch.setattr(os, name, with_point(name))
    real_open = os.open

    def open_(path: Any, flags: int, *args: Any, **more: Any) -> int:
        if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR) and more.get("dir_fd") is None:
            disk.point("open", path)
        return real_open(path, flags, *args, **more)

    patch.setattr(os, "open", open_)
