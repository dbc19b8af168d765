from __future__ import annotations

from pathlib import Path

from dlcctr.model.project.skeleton import read_skeleton, skeleton_pairs


def test_pairs_once_each_and_nothing_else() -> None:
    held = [["snout", "tail"], ["snout", "tail"], ["a"], ["a", "a"], ["a", "b", "c"], "ab", [1, 2], None]
    assert skeleton_pairs(held) == (("snout", "tail"), ("1", "2"))
    assert skeleton_pairs(None) == skeleton_pairs("ab") == ()


def test_a_model_that_cannot_be_read_has_no_lines(tmp_path: Path) -> None:
    assert read_skeleton(tmp_path) == ()
    (tmp_path / "config.yaml").write_text(
        "Task: a\ndate: b\nTrainingFraction: [0.9]\niteration: 0\nskeleton: [[x, y]]\n"
    )
    assert read_skeleton(tmp_path) == (("x", "y"),)
