from __future__ import annotations

import os
from pathlib import Path

import pytest

from dlcctr.errors import OutputError, TryAgainError
from dlcctr.system.console import size_text
from dlcctr.system.locks import transfer_lock


def test_one_at_a_time(tmp_path: Path) -> None:
    file = tmp_path / "slurm/m/push.lock"
    with transfer_lock(file), pytest.raises(TryAgainError, match="another transfer"), transfer_lock(file, wait_s=0):
        pass
    with transfer_lock(file, wait_s=0):
        pass


def test_the_lock_is_held_until_the_last_who_has_it_is_gone(tmp_path: Path) -> None:
    """What was killed may leave an rsync behind, which has inherited the lock."""
    file = tmp_path / "push.lock"
    with transfer_lock(file) as lock:
        heir = os.dup(lock)
    with pytest.raises(TryAgainError), transfer_lock(file, wait_s=0):
        pass
    os.close(heir)
    with transfer_lock(file, wait_s=0):
        pass


def test_a_place_that_cannot_hold_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError), transfer_lock(tmp_path / "file" / "push.lock"):
        pass


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (2e9, "2.0 GB"), (3.2e15, "3200.0 TB")],
)
def test_sizes(n_bytes: float, text: str) -> None:
    assert size_text(n_bytes) == text
