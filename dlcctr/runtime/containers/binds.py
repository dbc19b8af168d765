"""Which files and folders a container sees, and under which names."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import UsageError
from dlcctr.system.files import absolute

_SYSTEM_FOLDERS = "bin dev etc lib lib64 opt opt/dlc proc run sbin sys usr usr/bin usr/lib usr/local usr/local/bin var"
IMAGE_FOLDERS = frozenset(["/", *(f"/{name}" for name in _SYSTEM_FOLDERS.split())])
"""A bind over one of these would hide the image's own."""


@dataclass(frozen=True)
class Bind:
    """A file or folder that a container sees under `target`."""

    source: Path
    target: Path
    writable: bool = False


def mount_words(bind: Bind, target: str) -> str:
    """Value of a --mount option; `target` is what the program calls the place inside (target, destination)."""
    words = ["type=bind", f"source={bind.source}", f"{target}={bind.target}", *([] if bind.writable else ["readonly"])]
    line = io.StringIO()  # both programs read a line of CSV, so that commas and quotes can be in a path
    csv.writer(line, lineterminator="").writerow(words)
    return line.getvalue()


def plan_binds(read_only: Iterable[Path], writable: Iterable[Path]) -> tuple[Bind, ...]:
    """Smallest set of binds: every path that exists is seen under its own name, also where links lead to it.

    Raises
    ------
    UsageError
        A folder would hide the image's own, or has a line break in its name (videos below it can have any name).
    """
    wanted: dict[Path, Bind] = {}
    for paths, mode in ((read_only, False), (writable, True)):
        for path in filter(os.path.exists, paths):
            source = Path(os.path.realpath(path))
            for target in (source, absolute(path)):
                wanted[target] = Bind(source, target, mode)
    kept: list[Bind] = []
    for target in sorted(wanted, key=lambda path: len(path.parts)):
        bind = wanted[target]
        if str(target) in IMAGE_FOLDERS:
            raise UsageError(
                f"{target} cannot be mounted into a container: it would hide the container's own",
                "use a subfolder of it",
            )
        above = [other for other in kept if other.target in target.parents]
        nearest = max(above, key=lambda other: len(other.target.parts), default=None)
        if nearest is not None and _covers(nearest, bind):
            continue
        if {"\n", "\r"} & set(str(target)):
            raise UsageError(f"{str(target)!r} has a line break in its name", "rename it, or use --runtime native")
        kept.append(bind)
    return tuple(kept)


def _covers(above: Bind, bind: Bind) -> bool:
    seen_as = above.source / bind.target.relative_to(above.target)
    return above.writable == bind.writable and seen_as == bind.source


def linked_files(folder: Path) -> Iterator[Path]:
    """Where links below a folder lead to, where that is outside of it."""
    root = Path(os.path.realpath(folder))
    for path in root.rglob("*"):
        if path.is_symlink():
            target = Path(os.path.realpath(path))
            if root not in target.parents and target.exists():
                yield target
