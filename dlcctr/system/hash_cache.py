"""Hashes of large files, remembered in the user's cache folder with what shows that a file has changed since."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from dlcctr.system.files import read_bounded, sha256_file, user_cache, write_text_atomic
from dlcctr.system.state_files import CHECKSUM_KEY, checksum
from dlcctr.system.terminal.progress import transfer_bar
from dlcctr.system.values.records import RecordError, from_table, parse_object

LEAST_BYTES = 1 << 20
"""Bytes below which hashing a file is faster than looking it up."""
MAX_BYTES = 1 << 12
"""Upper limit for an entry of the cache, in bytes."""
SHOWN_BYTES = 1 << 29
"""Bytes from which hashing takes long enough to show a bar."""
SETTLED_S = 60.0
"""Seconds after a change during which a file may change again without a new time stamp: clocks tick, and differ."""


@dataclass(frozen=True)
class FileHash:
    """A hash, and the file's size, times (in ns) and inode when it was made."""

    bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    sha256: str


_memory: dict[str, FileHash] = {}


def find_sha256(path: Path) -> str:
    """Hash of a file's content, which is only read if the cache has no entry for exactly this file.

    A cache that cannot be used, or that others can write, is left alone.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    name = os.path.realpath(path)
    before = Path(name).stat()
    if before.st_size < LEAST_BYTES:
        return sha256_file(path)
    known = _memory.get(name) or _read(name)
    if known is None or known != _describe(before, known.sha256):
        known = _describe(before, hash_with_bar(path))
        after = Path(name).stat()
        settled = time.time() - max(after.st_mtime, after.st_ctime) > SETTLED_S
        if settled and known == _describe(after, known.sha256):
            _write(name, known)
            _memory[name] = known
    else:
        _memory[name] = known
    return known.sha256


def hash_with_bar(path: Path) -> str:
    """Hash of a file's content, with a bar where that may take long. Raises `OSError`."""
    size = path.stat().st_size
    if size < SHOWN_BYTES:
        return sha256_file(path)
    with transfer_bar(f"hashing {path.name}", size) as update:
        return sha256_file(path, update)


def _describe(facts: os.stat_result, digest: str) -> FileHash:
    return FileHash(facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, digest)


def _place(name: str) -> Path:
    return user_cache() / "hashes" / f"{hashlib.sha256(os.fsencode(name)).hexdigest()}.json"


def _read(name: str) -> FileHash | None:
    try:
        place = _place(name)
        if not _is_private(place.parent):
            return None
        table = parse_object(read_bounded(place, MAX_BYTES) or b"")
        is_sound = table.pop(CHECKSUM_KEY, None) == checksum(table)
        return from_table(FileHash, table) if is_sound else None
    except (OSError, RuntimeError, RecordError):
        return None


def _write(name: str, known: FileHash) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        place = _place(name)
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(place.parent):
            table = asdict(known)
            write_text_atomic(place, json.dumps({**table, CHECKSUM_KEY: checksum(table)}) + "\n")


def _is_private(folder: Path) -> bool:
    facts = folder.lstat()
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid() and not facts.st_mode & 0o022
