from __future__ import annotations

import threading
from pathlib import Path

from dlcctr.campaign.rows import Row
from entrypoint.analyze.task_rows import by_video, claim


def test_a_row_is_claimed_once(tmp_path: Path) -> None:
    assert claim(tmp_path, [3, 4])
    assert not claim(tmp_path, [3, 4])
    assert claim(tmp_path, [5])
    assert {each.name for each in tmp_path.iterdir()} == {"3", "4", "5"}


def test_of_many_lanes_one_gets_a_row(tmp_path: Path) -> None:
    lanes, rows = 8, 50
    start, won = threading.Barrier(lanes), list[int]()

    def take() -> None:
        start.wait()
        won.extend(index for index in range(rows) if claim(tmp_path, [index]))

    threads = [threading.Thread(target=take) for _ in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == list(range(rows))


def test_a_claim_is_never_made_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "3").symlink_to(target)
    assert not claim(tmp_path, [3])
    assert not target.exists()


def test_rows_of_one_video_that_follow_each_other_are_a_group() -> None:
    rows = [Row(index, video) for index, video in enumerate(["a.mp4", "a.mp4", "b.mp4", "a.mp4"])]
    assert [[row.index for row in group] for group in by_video(rows)] == [[0, 1], [2], [3]]
