"""Kill a function before each change that it makes on disk, and watch what it writes in which order."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.utime")
"""Python's audit events of system calls that change a disk; each comes before its call."""
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT
KILLED = 99


def killed_before_each_change(work: Callable[[], object]) -> Iterator[int]:
    """Run a function in a child process that dies before its first change, then its second, and so on.

    Yields the number of changes made, after each death and (last) after the run that came to its end. What is on disk
    has to be made anew between them.
    """
    number, code = 0, KILLED
    while code == KILLED:
        child = os.fork()
        if child == 0:
            _die_before(number)
            try:
                work()
            except BaseException:
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, KILLED), f"ended with {code} after {number} changes"
        yield number
        number += 1


def _die_before(number: int) -> None:
    left = number

    def count() -> None:
        nonlocal left
        if left == 0:
            os._exit(KILLED)
        left -= 1

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event in CHANGES or (event == "open" and isinstance(args[2], int) and args[2] & WRITES):
            count()

    fsync = os.fsync

    def counted(handle: int) -> None:
        count()
        fsync(handle)

    os.fsync = counted
    sys.addaudithook(hook)


class DiskDiary:
    """What is flushed and what is renamed, in order, by the last parts of the names."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, ...]] = []
        fsync, rename, replace = os.fsync, Path.rename, Path.replace

        def note_fsync(handle: int) -> None:
            self.events.append(("fsync", _name(Path(f"/proc/self/fd/{handle}").readlink())))
            fsync(handle)

        def note_rename(path: Path, target: Path) -> Path:
            done = rename(path, target)
            self.events.append(("rename", _name(path), _name(target)))
            return done

        def note_replace(path: Path, target: Path) -> Path:
            done = replace(path, target)
            self.events.append(("rename", _name(path), _name(target)))
            return done

        monkeypatch.setattr(os, "fsync", note_fsync)
        monkeypatch.setattr(Path, "rename", note_rename)
        monkeypatch.setattr(Path, "replace", note_replace)


def _name(path: str | Path) -> str:
    """Name of a file, or what a private or temporary one is for."""
    name = Path(path).name
    for start in (".dlcctr-attempt-", ".dlcctr-replaced-", ".receipt.json."):
        if name.startswith(start):
            return start.strip(".-").removeprefix("dlcctr-") + "*"
    return name
