"""The build context of an image: dlcctr's own files, matching wheels and a CA bundle, in a private folder."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dlcctr.errors import UsageError
from dlcctr.image.package_sources import Sources
from dlcctr.system.files import sha256_file
from dlcctr.system.processes import run
from dlcctr.system.source_tree import SourceTree
from dlcctr.system.terminal.console import warn

CA_BUNDLE_IN_CONTEXT = "certs/ca-bundle.crt"
OPENVINO_LOCK = "requirements/openvino.lock"
BUILD_FOLDERS = ("dlcctr", "docker", "entrypoint", "requirements", "slurm")
BUILD_FILES = (
    ".dockerignore", "Dockerfile", "LICENSE", "README.md", "certs/README.md", "pyproject.toml", "versions.env",
    "wheels/README.md",
)  # fmt: skip
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)((?:.*\\\n)*.*)$", re.MULTILINE)


def stage(tree: SourceTree, target: Path, lock: str, sources: Sources) -> list[str]:
    """Fill `target` with what the build needs and nothing else.

    Parameters
    ----------
    lock : str
        The flavour's lock, by its name in a checkout: only wheels that it names are staged.

    Returns
    -------
    list of str
        File names of the staged wheels.

    Raises
    ------
    UsageError
        The lock needs a build of a package that no public registry has, and no other source was given.
    """
    for name, source in build_files(tree).items():
        if source.is_file() and not source.is_symlink():
            copy = target / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, copy)
    for folder in ("wheels", "certs"):
        (target / folder).mkdir(exist_ok=True)
    pins: dict[str, Pin] = {}
    for name in (lock, OPENVINO_LOCK):
        pins |= read_lock(tree.read(name))
    staged = _stage_wheels(sources.wheel_folders, target / "wheels", pins)
    for pattern in ("*.crt", "*.pem"):
        for path in tree.path("certs").glob(pattern):
            shutil.copyfile(path, target / "certs" / path.name)
    if sources.ca_bundle:
        shutil.copyfile(sources.ca_bundle, target / CA_BUNDLE_IN_CONTEXT)
    _want_local_builds(pins, staged, sources, lock)
    return staged


def build_files(tree: SourceTree) -> dict[str, Path]:
    """Names and places of a checkout's tracked files; elsewhere of the files that a build reads."""
    if (tree.root / ".git").exists() and shutil.which("git"):
        # git refuses a checkout of another user ("dubious ownership"): then the files are walked
        listing = run(["git", "-C", str(tree.root), "ls-files", "-z"], check=False, merge=False)
        if listing.returncode == 0:
            return {name: tree.root / name for name in listing.stdout.split("\0") if name}
    found = {name: path for folder in BUILD_FOLDERS for name, path in tree.walk(folder)}
    return found | {name: tree.path(name) for name in BUILD_FILES}


@dataclass(frozen=True)
class Pin:
    """One package of a lock."""

    version: str
    hashes: frozenset[str]


def read_lock(text: str) -> dict[str, Pin]:
    """Package name (normalised) to what a lock with hashes pins."""
    return {
        _normal(name): Pin(version, frozenset(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest)))
        for name, version, rest in _PIN.findall(text)
    }


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _stage_wheels(folders: Iterable[Path], target: Path, pins: Mapping[str, Pin]) -> list[str]:
    """Link or copy the wheels that are, byte for byte, what the lock pins; pip would refuse any other."""
    staged: list[str] = []
    for path in (path for folder in folders for path in sorted(folder.glob("*.whl"))):
        name, version, *_ = [*path.name.split("-"), ""]
        pin = pins.get(_normal(name))
        if path.name in staged or not pin or _public(version) != _public(pin.version):
            continue
        if sha256_file(path) not in pin.hashes:
            warn(f"warning: {path} is left out: the lock pins another file of {name} {pin.version}")
            continue
        try:
            os.link(path.resolve(), target / path.name)
        except OSError:
            shutil.copyfile(path, target / path.name)
        staged.append(path.name)
    return staged


def _public(version: str) -> str:
    return version.partition("+")[0]


def _want_local_builds(pins: Mapping[str, Pin], staged: Sequence[str], sources: Sources, lock: str) -> None:
    """Fail now, not ten minutes into the build: a version with "+" is on no public registry."""
    if sources.index_url or sources.extra_index_urls:
        return
    for name, pin in pins.items():
        if "+" in pin.version and not any(_normal(wheel.split("-")[0]) == name for wheel in staged):
            raise UsageError(
                f"{lock} needs {name}=={pin.version}, which Python's public registry does not have",
                "put its wheel into a folder (--wheels FOLDER), or name the index that has it: --extra-index-url URL "
                "(the README says which)",
            )
