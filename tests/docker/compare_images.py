"""Where the files of two images differ: `python -m tests.docker.compare_images IMAGE IMAGE` prints it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

MADE_BY_DOCKER = ("dev/", "proc", "sys", ".dockerenv", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf")
"""What is in every container, whatever its image; the folders `dev` and `etc` have the container's time therefore."""


@dataclass(frozen=True)
class Entry:
    """One file, folder or link; `content` is a hash or a link's target."""

    kind: str
    mode: int
    owner: tuple[int, int]
    mtime: int
    content: str


@contextlib.contextmanager
def exported(image: str) -> Iterator[IO[bytes]]:
    """Tar stream of an image's files."""
    made = subprocess.run(["docker", "create", image], check=True, capture_output=True, text=True).stdout.strip()
    try:
        with subprocess.Popen(["docker", "export", made], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            yield process.stdout
        assert process.returncode == 0
    finally:
        subprocess.run(["docker", "rm", made], check=True, capture_output=True)


def list_files(image: str) -> dict[str, Entry]:
    """Every file of an image."""
    found = {}
    with exported(image) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = member.linkname
            if member.isreg():
                file = archive.extractfile(member)
                assert file is not None
                digest = hashlib.sha256()
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
                content = digest.hexdigest()
            owner = (member.uid, member.gid)
            found[member.name] = Entry(member.type.decode(), member.mode, owner, int(member.mtime), content)
    return {name: entry for name, entry in found.items() if not name.startswith(MADE_BY_DOCKER)}


def list_layers(image: str) -> list[str]:
    """Hashes of an image's layers, the lowest first."""
    words = ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", image]
    layers: list[str] = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    return layers


def compare(one: dict[str, Entry], other: dict[str, Entry]) -> dict[str, list[str]]:
    """Names that only one image has, and names whose content, mode and owner, or time differ."""
    both = sorted(one.keys() & other.keys())

    def differing(*fields: str) -> list[str]:
        return [name for name in both if any(getattr(one[name], f) != getattr(other[name], f) for f in fields)]

    return {
        "only in one": sorted(one.keys() ^ other.keys()),
        "content": differing("kind", "content"),
        "mode or owner": differing("mode", "owner"),
        "time": [name for name in differing("mtime") if name not in ("dev", "etc")],
    }


if __name__ == "__main__":
    files = [list_files(image) for image in sys.argv[1:3]]
    print(f"files: {len(files[0])}, {len(files[1])}")
    for first, second in zip(*map(list_layers, sys.argv[1:3]), strict=True):
        print("layer", "the same" if first == second else "differs ", first[:19], second[:19])
    for what, names in compare(*files).items():
        print(f"{what}: {len(names)}")
        for each in names[:40]:
            print(f"    {each}  {files[0].get(each)}  {files[1].get(each)}")
