from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dlcctr.campaign.videos.fingerprint import BLOCK_BYTES, BLOCKS, fingerprint

SMALL = BLOCKS * BLOCK_BYTES
LARGE = 5_000_000


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


def test_form_and_stability(tmp_path: Path) -> None:
    """The digits are part of every manifest and receipt that exists: they must never change under the name v1."""
    file = tmp_path / "a"
    file.write_bytes(b"")
    assert fingerprint(file) == "v1:0:ba768b331fd86cec803be04e56ab2b3d"
    file.write_bytes(bytes(range(256)) * 4096)
    data = file.read_bytes()
    blocks = [data[i * (2**20 - 2**15) // 7 :][: 2**15] for i in range(8)]
    assert hashlib.sha256(b"1048576:" + b"".join(blocks)).hexdigest().startswith("20e1ef52")
    assert fingerprint(file) == "v1:1048576:20e1ef5224f6d9b58d61875532fab529"


@pytest.mark.parametrize("size", [1, BLOCK_BYTES, SMALL - 1, SMALL])
def test_small_files_are_read_whole(tmp_path: Path, size: int) -> None:
    file = tmp_path / "a"
    file.write_bytes(os.urandom(size))
    before = fingerprint(file)
    for place in {0, size // 3, size // 2, size - 1}:
        flip(file, place)
        assert fingerprint(file) != before
        flip(file, place)
    assert fingerprint(file) == before


def test_large_files_are_sampled_at_both_ends_and_between(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(os.urandom(LARGE))
    before = fingerprint(file)
    for place in (0, LARGE - 1, 3 * (LARGE - BLOCK_BYTES) // 7):
        flip(file, place)
        assert fingerprint(file) != before
        flip(file, place)
    flip(file, BLOCK_BYTES + 1)  # between two blocks: the documented blind spot
    assert fingerprint(file) == before


def test_length_counts_even_if_the_blocks_are_equal(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(LARGE))
    (tmp_path / "b").write_bytes(bytes(LARGE + 1))
    assert fingerprint(tmp_path / "a").split(":")[2] != fingerprint(tmp_path / "b").split(":")[2]


def test_cost_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """A sparse terabyte is fingerprinted at once."""
    file = tmp_path / "a"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)
    assert fingerprint(file).startswith(f"v1:{1 << 40}:")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    with pytest.raises(OSError, match="not a regular file"):
        fingerprint(tmp_path / "a.mp4")
