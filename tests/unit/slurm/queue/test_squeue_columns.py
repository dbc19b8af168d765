"""Plain squeue's text, as people pipe it."""

from __future__ import annotations

import pytest

from dlcctr.errors import UsageError
from dlcctr.slurm.queue.output import parse_squeue
from dlcctr.slurm.queue.squeue_columns import COMPACT_STATES
from tests.unit.support.hand_jobs import PLAIN_HEAD, plain_line


def read(*lines: str, head: str = PLAIN_HEAD) -> list[tuple[str, int | None, str, str, str]]:
    states = parse_squeue(head + "".join(lines))
    assert states is not None
    return [(each.job_id, each.task, each.state, each.name, each.reason or each.node) for each in states]


def test_squeue_without_options_is_read() -> None:
    assert read(
        plain_line("123_[2-3%4]", "PD", "7f3a21c4-dlcctr-m"),
        plain_line("123_1", "R", "7f3a21c4-dlcctr-m", "node1"),
        plain_line("99", "PD", "my job it is", "(ReqNodeNotAvail, Reserved for maintenance)"),
        plain_line("98", "CG", "x", "node[1-2]"),
    ) == [
        ("123", 2, "PENDING", "7f3a21c4", "Priority"),
        ("123", 3, "PENDING", "7f3a21c4", "Priority"),
        ("123", 1, "RUNNING", "7f3a21c4", "node1"),
        ("99", None, "PENDING", "my job i", "ReqNodeNotAvail, Reserved for maintenance"),
        ("98", None, "COMPLETING", "x", "node[1-2]"),
    ]


def test_a_name_that_fills_its_column_may_be_longer() -> None:
    states = parse_squeue(PLAIN_HEAD + plain_line("1", "R", "eight888") + plain_line("2", "R", "seven77"))
    assert states and [each.name_is_cut for each in states] == [True, False]


def test_a_queue_without_jobs_is_an_answer_and_no_text_is_none() -> None:
    assert parse_squeue(PLAIN_HEAD) == []
    assert parse_squeue("") is None
    assert parse_squeue("slurm_load_jobs error: Unable to contact slurm controller\n") is None


def test_a_range_that_the_column_cuts_off_leaves_no_half_number() -> None:
    line = plain_line("12345678_[0-4,7-99,120%4]", "PD", "a")
    assert "[0-4,7-99 " in line
    assert [task for _, task, *_ in read(line)] == [0, 1, 2, 3, 4, None], "7-99 may be half of 7-999"
    assert [task for _, task, *_ in read(plain_line("1234567890_[0-99999]", "PD", "a"))] == [None]


LONG = (
    "Fri Nov 27 01:44:37 2026\n"
    "             JOBID PARTITION     NAME     USER    STATE       TIME TIME_LIMI  NODES NODELIST(REASON)\n"
    "             123_0       gpu 7f3a21c4  student  RUNNING       0:06     10:00      1 node2\n"
)
LEFT = (
    "JOBID               NAME                STATE               NODELIST            \n"
    "123_0               7f3a21c4-dlcctr-m   RUNNING             node2               \n"
)
TIGHT = "JOBID NAME ST NODELIST(REASON)\n123_0 7f3a21c4-dlcctr-m R node2\n"


@pytest.mark.parametrize("text", [LONG, LEFT, TIGHT])
def test_formats_that_people_have_set_are_read(text: str) -> None:
    states = parse_squeue(text)
    assert states
    (state,) = states
    assert (state.key, state.state, state.name[:8], state.node) == (("123", 0), "RUNNING", "7f3a21c4", "node2")


def test_clusters_are_told_apart() -> None:
    text = (
        f"CLUSTER: one\n{PLAIN_HEAD}{plain_line('1', 'R', 'a')}CLUSTER: two\n{PLAIN_HEAD}{plain_line('1', 'PD', 'a')}"
    )
    states = parse_squeue(text)
    assert states and [(each.cluster, each.state) for each in states] == [("one", "RUNNING"), ("two", "PENDING")]


def test_a_line_that_cannot_be_read_is_an_error_and_not_left_out() -> None:
    with pytest.raises(UsageError, match="line 2"):
        parse_squeue(PLAIN_HEAD + "something else\n")


def test_every_short_form_stands_for_a_state() -> None:
    for short, state in COMPACT_STATES.items():
        assert [each[2] for each in read(plain_line("1", short, "a"))] == [state]
