"""What a task logs is found again, and nothing else is taken for it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dlcctr.planning.task_lines import (
    is_several_gpus,
    is_task_end,
    parse_row_start,
    row_start,
    several_gpus,
    task_end,
)

numbers = st.integers(0, 10**6)
codes = st.dictionaries(numbers, st.integers(0, 75), max_size=9)
gpus = st.lists(st.from_regex(r"[0-9]{1,2}|GPU-[0-9a-f]{8}|MIG-[0-9a-f]{8}", fullmatch=True), min_size=2, max_size=9)


def kinds(line: str) -> tuple[bool, bool, bool]:
    """Whether a line starts a row, tells of several GPUs, or ends a task."""
    return parse_row_start(line) is not None, is_several_gpus(line), is_task_end(line)


@given(numbers, st.text())
def test_the_start_of_a_row_is_one_line_and_names_the_row(index: int, video: str) -> None:
    line = row_start(index, video)
    assert line.splitlines() == [line]
    assert parse_row_start(line) == index
    assert kinds(line) == (True, False, False)


@given(numbers, numbers, gpus)
def test_a_task_on_several_gpus_is_known(task: int, n_rows: int, names: list[str]) -> None:
    assert kinds(several_gpus(task, n_rows, names)) == (False, True, False)


@given(numbers, codes, st.lists(numbers, max_size=4))
def test_the_end_of_a_task_is_known(task: int, done: dict[int, int], left: list[int]) -> None:
    assert kinds(task_end(task, [*done, *left], done)) == (False, False, True)


@given(numbers, numbers, st.text())
def test_lines_of_a_row_are_none_of_them(task: int, index: int, text: str) -> None:
    """A row's own lines begin with its name, those of DeepLabCut with who printed them."""
    inner = (row_start(index, text), several_gpus(task, 2, ["0", "1"]), task_end(task, [index], {}))
    for line in inner:
        assert kinds(f"row {index} ({text}): {line}") == (False, False, False)
        assert kinds(f"  deeplabcut: {line}") == (False, False, False)


def test_the_texts_are_those_of_earlier_versions() -> None:
    assert row_start(3, "a b.mp4") == "== row 3 (a b.mp4)"
    assert several_gpus(0, 6, ["0", "1"]) == "task 0: 6 rows on 2 GPUs (0, 1)"
    assert task_end(2, [0, 1, 2, 3, 4], {0: 0, 1: 4, 2: 4, 3: 7}) == (
        "task 2: 1 of 5 rows done; exit code 4: rows 1-2; exit code 7: rows 3; not tried here: rows 4"
    )
    assert task_end(0, [7], {7: 0}) == "task 0: 1 of 1 rows done"
