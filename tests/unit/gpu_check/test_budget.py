from __future__ import annotations

from tests.gpu.budget import LEAST_TIMEOUT_S, Budget


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_case_begins_only_where_its_time_is_left() -> None:
    clock = Clock()
    budget = Budget(60, clock)
    assert budget.refusal(60) == ""
    clock.now += 41
    assert (budget.used_s, budget.left_s) == (41, 19)
    assert budget.refusal(19) == ""
    assert budget.refusal(20) == "no time: 19 s left, it needs about 20 s"


def test_nothing_is_left_afterwards_but_processes_may_say_why_they_fail() -> None:
    clock = Clock()
    budget = Budget(60, clock)
    assert budget.timeout_s == 60
    clock.now += 500
    assert budget.left_s == 0
    assert budget.timeout_s == LEAST_TIMEOUT_S
