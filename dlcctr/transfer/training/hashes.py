"""SHA-256 of whole files on the remote host: what a training has made is compared to its last byte."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePath

from dlcctr.contract import PRIVATE_PREFIX
from dlcctr.errors import CommandFailedError
from dlcctr.system.files import sha256_file
from dlcctr.transfer.remote.folder import SHARE_OF_ASK, RemoteFolder
from dlcctr.transfer.remote.shell import PARTIAL_FOLDER, not_understood, script_command

_SH = (
    'for p; do if [ -f "$p" ] && h=$(sha256sum <"$p"); then h=${h%% *}; printf "sha256:%s\\n" "$h"; '
    'else echo "sha256:-"; fi; done'
)
_PYTHON = """
import hashlib, sys
def look(path):
    try:
        digest = hashlib.sha256()
        with open(path, "rb") as stream:
            for chunk in iter(lambda: stream.read(1 << 20), b""):
                digest.update(chunk)
        return digest.hexdigest()
    except (IOError, OSError):
        return "-"
for path in sys.stdin.buffer.read().split(b"\\0")[:-1]:
    print("sha256:" + look(path))
"""


def hashes_there(remote_folder: RemoteFolder, names: Sequence[str]) -> dict[str, str]:
    """Hash of each file; empty where there is none.

    Raises
    ------
    CommandFailedError
        No program there computes it.
    """
    tools = remote_folder.place.tools
    if "python3" in tools:
        code = base64.b64encode(_PYTHON.encode()).decode()
        command = f'exec python3 -c \'exec(__import__("base64").b64decode("{code}"))\''
    elif "sha256sum" in tools:
        command = script_command(_SH)
    else:
        raise CommandFailedError(
            "the remote host has neither python3 nor sha256sum, so nothing can be verified there",
            "load a module that brings Python in ~/.bashrc there",
        )
    found: list[str] = []
    for start in range(0, len(names), SHARE_OF_ASK):
        some = names[start : start + SHARE_OF_ASK]
        items = [os.fsencode(remote_folder.path(name)) for name in some]
        found += parse_hashes(remote_folder.login.ask(command, items, what="comparing files"), len(some))
    return dict(zip(names, found, strict=True))


def parse_hashes(answer: bytes, count: int) -> list[str]:
    """Parse the answer of the remote host; raises `CommandFailedError` for any other output."""
    found = re.findall(rb"^sha256:([0-9a-f]{64}|-)\r?$", answer, re.MULTILINE)
    if len(found) != count:
        raise not_understood(answer)
    return ["" if each == b"-" else each.decode() for each in found]


def files_below(folder: Path) -> list[str]:
    """Names of regular files below a folder, POSIX, sorted; without what rsync has only in part."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    names = (path.relative_to(folder) for path in found)
    return sorted(name.as_posix() for name in names if PARTIAL_FOLDER not in name.parts)


def is_hidden(name: PurePath) -> bool:
    """Whether a file is not the project's: dlcctr keeps notes in its folders, and desktops leave hidden files."""
    return any(part.startswith((PRIVATE_PREFIX, ".")) for part in name.parts)


def hashes_here(folder: Path) -> dict[str, str]:
    """Hash of every file below a folder, by its name. Raises `OSError`."""
    return {name: sha256_file(folder / name) for name in files_below(folder)}
