from __future__ import annotations

import threading
from pathlib import Path

from entrypoint.analyze.task_rows import claim


def test_a_row_is_claimed_once(tmp_path: Path) -> None:
    assert claim(tmp_path, 3)
    assert not claim(tmp_path, 3)
    assert claim(tmp_path, 4)


def test_of_many_lanes_one_gets_a_row(tmp_path: Path) -> None:
    lanes, rows = 8, 50
    start, won = threading.Barrier(lanes), list[int]()

    def take() -> None:
        start.wait()
        won.extend(index for index in range(rows) if claim(tmp_path, index))

    threads = [threading.Thread(target=take) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(rows))


def test_a_claim_is_never_made_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "3").symlink_to(target)
    assert not claim(tmp_path, 3)
    assert not target.exists()
