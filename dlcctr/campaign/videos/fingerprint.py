"""A cheap fingerprint of a video: enough to see that it was replaced, re-encoded, cut or appended to."""

from __future__ import annotations

import errno
import hashlib
import stat
from pathlib import Path

from dlcctr.system.values.numbers import parse_whole

VERSION = "v1"
BLOCKS = 8
BLOCK_BYTES = 32 * 1024


def fingerprint(path: Path) -> str:
    """Fingerprint of a file from its size and eight blocks of 32 KiB.

    The blocks start at ``i * (size - 32 KiB) // 7`` for i = 0 … 7, so the first and the last one are among them; a
    file of 256 KiB or less is read whole. At most 256 KiB are read of a video of any length. An edit in place that
    keeps the size and touches no sampled block is not seen.

    Returns
    -------
    str
        ``v1:<bytes>:<32 hexadecimal digits>``, the digits from SHA-256 over size and blocks.

    Raises
    ------
    OSError
        The file cannot be read, or it is a folder, a device or a pipe.
    """
    if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would wait for ever
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        digest = hashlib.sha256(f"{size}:".encode())
        for offset in _offsets(size):
            stream.seek(offset)
            digest.update(stream.read(BLOCK_BYTES))
    return f"{VERSION}:{size}:{digest.hexdigest()[:32]}"


def fingerprinted_bytes(text: str) -> int | None:
    """Size in bytes of the file that a fingerprint was made of; None for a text that is not a fingerprint."""
    words = text.split(":")
    return parse_whole(words[1]) if len(words) == 3 else None


def _offsets(size: int) -> list[int]:
    if size <= BLOCKS * BLOCK_BYTES:
        return list(range(0, size, BLOCK_BYTES))
    return [i * (size - BLOCK_BYTES) // (BLOCKS - 1) for i in range(BLOCKS)]
