"""Training sets whose files say other things than what DeepLabCut would train with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from dlcctr.errors import ModelError
from entrypoint.training.child.labels import Labelled
from entrypoint.training.child.set_on_disk import check_set
from entrypoint.training.child.training_set import _check_same
from tests.unit.support.evaluated_project import (
    PARTS,
    POINTS,
    ROUND_1,
    TEST_1,
    labels,
    make_evaluated,
    make_pair,
    pair_labels,
    write_training_set,
)


def check(project: Path, *, shuffle: int = 1, engine: str = "pytorch") -> tuple[int, int]:
    return check_set(project / "config.yaml", percent=95, shuffle=shuffle, engine=engine)


def test_a_sound_one_tells_its_size(tmp_path: Path) -> None:
    assert check(make_evaluated(tmp_path)) == (len(ROUND_1) - len(TEST_1), len(TEST_1))
    assert check(make_evaluated(tmp_path / "b"), shuffle=7) == (0, 0), "DeepLabCut says that there is no split"


def test_a_table_that_was_made_anew_trains_nobody_with_other_frames(tmp_path: Path) -> None:
    """PyTorch's engine takes rows of the table that all shuffles share; TensorFlow's has its labels in its own file."""
    project = make_evaluated(tmp_path)
    write_training_set(project, 1, ROUND_1[2:], labels(len(ROUND_1))[2:], TEST_1, shuffle=2)
    with pytest.raises(ModelError, match="was made anew after shuffle 1") as no:
        check(project)
    assert "dlcctr labels add PROJECT PROJECT/labeled-data --new-iteration" in no.value.hint
    assert check(project, shuffle=2) == (len(ROUND_1) - 2 - len(TEST_1), len(TEST_1))
    # rows of shuffle 1 that trained, without img001, which is gone, and with nothing that tested
    assert check(project, engine="tensorflow")[0] == len(ROUND_1) - len(TEST_1) - 1


@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
@pytest.mark.parametrize(
    ("parts", "words"),
    [
        (("tail", "snout", "ear"), "'tail x' where that has 'snout x'"),
        (("snout", "ear"), ""),
        ((*PARTS, "paw"), "'paw x' where that has 'nothing'"),
    ],
)
def test_columns_in_another_order(parts: Sequence[str], words: str, engine: str, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    xy = labels(len(ROUND_1)).repeat(2, axis=1)[:, : len(parts)]
    write_training_set(project, 1, ROUND_1, xy, TEST_1, parts=parts)
    wanted = [part for part in PARTS if part in parts]
    if list(parts) == wanted:
        assert sum(check(project, engine=engine)) == len(ROUND_1)
        return
    with pytest.raises(ModelError, match=words):
        check(project, engine=engine)


@pytest.mark.parametrize(
    ("points", "bad_for"),
    [
        (POINTS, ()),
        ([*POINTS[3:6], *POINTS[:3], POINTS[6]], ("tensorflow",)),
        ([POINTS[6], *POINTS[:6]], ("tensorflow",)),
        ([*POINTS[1:6], POINTS[6], POINTS[0]], ("pytorch", "tensorflow")),  # a part that was added later
    ],
)
def test_columns_of_several_animals(points: Any, bad_for: Sequence[str], tmp_path: Path) -> None:
    project = make_pair(tmp_path)
    write_training_set(project, 1, ROUND_1, pair_labels(len(ROUND_1)), TEST_1, parts=points)
    for engine in ("pytorch", "tensorflow"):
        if engine in bad_for:
            with pytest.raises(ModelError, match=r"not those of config\.yaml in their order"):
                check(project, engine=engine)
        else:
            assert sum(check(project, engine=engine)) == len(ROUND_1)


def test_another_shuffle_is_not_made_over_the_rows_of_the_first(tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    config = project / "config.yaml"
    _check_same(config, Labelled(tuple(ROUND_1), ()))
    _check_same(config, Labelled(tuple(reversed(ROUND_1)), ()))
    with pytest.raises(ModelError, match=r"made of 28 labelled pictures; labeled-data has 1 more and 3 fewer") as no:
        _check_same(config, Labelled((*ROUND_1[3:], ("new", "img999.png")), ()))
    assert "--new-iteration" in no.value.hint
