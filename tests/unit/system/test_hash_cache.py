from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dlcctr.system import hash_cache
from dlcctr.system.files import sha256_file
from dlcctr.system.hash_cache import LEAST_BYTES, find_sha256


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's cache; files count as settled at once."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hash_cache, "SETTLED_S", -1.0)
    monkeypatch.setattr(hash_cache, "_memory", {})
    return tmp_path / "cache" / "dlcctr" / "hashes"


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    file = tmp_path / "snapshot.pt"
    file.write_bytes(b"a" * LEAST_BYTES)
    return file


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files whose content was read."""
    seen: list[Path] = []

    def sha256(path: Path) -> str:
        seen.append(path)
        return sha256_file(path)

    monkeypatch.setattr(hash_cache, "sha256_file", sha256)
    return seen


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process knows."""
    monkeypatch.setattr(hash_cache, "_memory", {})


def test_a_file_is_read_once_by_all_processes(
    cache: Path, weights: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = sha256_file(weights)
    assert [find_sha256(weights), find_sha256(weights)] == [digest] * 2
    forget(monkeypatch)
    assert find_sha256(weights) == digest
    assert len(read) == 1 and len(list(cache.iterdir())) == 1
    assert [path for path in weights.parent.iterdir() if path.is_file()] == [weights], "nothing beside it"


@pytest.mark.parametrize("way", ["content", "size", "replaced", "date put back"])
def test_a_changed_file_is_read_again(way: str, cache: Path, weights: Path, read: list[Path], tmp_path: Path) -> None:
    find_sha256(weights)
    before = weights.stat()
    data = b"b" * (LEAST_BYTES + (way == "size"))
    if way == "replaced":
        (tmp_path / "new").write_bytes(data)
        os.utime(tmp_path / "new", ns=(before.st_atime_ns, before.st_mtime_ns))
        (tmp_path / "new").replace(weights)
    else:
        weights.write_bytes(data)
    if way == "date put back":
        os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_sha256(weights) == sha256_file(weights)
    assert len(read) == 2


def test_a_file_that_just_changed_is_not_remembered(
    cache: Path, weights: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hash_cache, "SETTLED_S", 60.0)
    find_sha256(weights)
    find_sha256(weights)
    assert len(read) == 2 and not cache.exists()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 61)
    find_sha256(weights)
    find_sha256(weights)
    assert len(read) == 3


@pytest.mark.parametrize("home", ["missing", "read-only", "a file", "others may write"])
def test_without_a_cache_of_ones_own_it_works_too(
    home: str, cache: Path, weights: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if home == "missing":
        monkeypatch.delenv("XDG_CACHE_HOME")
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(Path, "expanduser", lambda self: (_ for _ in ()).throw(RuntimeError("no home")))
    elif home == "a file":
        cache.parents[1].write_text("")
    elif home == "others may write":
        cache.mkdir(parents=True)
        cache.chmod(0o777)
    else:
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/none")
    assert find_sha256(weights) == sha256_file(weights)
    forget(monkeypatch)
    assert find_sha256(weights) == sha256_file(weights)
    assert len(read) == 2
    assert not cache.is_dir() or not list(cache.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"bytes": 1}', "\udcff", "[" * 10_000])
def test_a_damaged_entry_is_none(text: str, cache: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find_sha256(weights)
    (entry,) = cache.iterdir()
    entry.write_bytes(text.encode("utf-8", "surrogateescape"))
    forget(monkeypatch)
    assert find_sha256(weights) == sha256_file(weights)


def test_hashing_a_huge_file_shows_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, int, int]] = []

    @contextmanager
    def bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
        yield lambda done: shown.append((what, total, done))

    monkeypatch.setattr(hash_cache, "transfer_bar", bar)
    file = tmp_path / "snapshot-9.pt"
    file.write_bytes(bytes(3 << 20))
    expected = hash_cache.hash_with_bar(file)
    assert shown == []
    monkeypatch.setattr(hash_cache, "SHOWN_BYTES", 1 << 20)
    assert hash_cache.hash_with_bar(file) == expected
    assert shown == [("hashing snapshot-9.pt", 3 << 20, n << 20) for n in (1, 2, 3)]
