"""The run through the cases, with cases that are none."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.gpu.budget import Budget, TimeIsOver
from tests.gpu.cases import Case, cases_of
from tests.gpu.check import new_record, run_cases
from tests.gpu.context import Outcome
from tests.gpu.equality import Comparison
from tests.gpu.page import holds, verdict

EQUAL = Comparison("a", 3, 18, 0.0, 0.0, 0.0, 5.0, True, True, "")
OTHER = Comparison("b", 3, 18, 9.0, 0.1, 0.5, 5.0, True, False, "not the same values")


def fail(_: Any) -> Outcome:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def run(*cases: tuple[str, Callable[[Any], Outcome], float]) -> tuple[list[dict[str, Any]], list[list[str]], list[str]]:
    """Records, the states at each writing, and what was told."""
    made = [Case(name, name.title(), what, needs_s, must=name.startswith("must")) for name, what, needs_s in cases]
    ended: list[bool] = []
    records, states, told = [new_record(case) for case in made], list[list[str]](), list[str]()
    context: Any = SimpleNamespace(budget=Budget(60, lambda: 0.0), end_case=lambda: ended.append(True))
    run_cases(made, records, context, lambda: states.append([each["state"] for each in records]), told.append)
    assert len(ended) == sum("no time" not in each["why"] for each in records)
    return records, states, told


def test_a_case_that_fails_is_noted_and_the_run_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    records, states, told = run(("broken", fail, 1), ("must", lambda _: Outcome([EQUAL]), 1))
    assert [each["state"] for each in records] == ["failed", "done"]
    assert records[0]["why"] == "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert states == [["running", "pending"], ["failed", "pending"], ["failed", "running"], ["failed", "done"]]
    assert told == [f"broken: FAILED: {records[0]['why']}", "must: holds"]
    assert "Traceback" in capsys.readouterr().err
    assert not holds(records)
    assert verdict(records, ended=True) == "Not all is as it must be: broken."


def test_what_differs_and_what_is_wrong_besides_fails_the_check() -> None:
    records, _, _ = run(
        ("must-1", lambda _: Outcome([EQUAL, OTHER]), 1), ("must-2", lambda _: Outcome(problems=["lost"]), 1)
    )
    assert [(each["state"], each["why"]) for each in records] == [
        ("differs", "b: not the same values"),
        ("differs", "lost"),
    ]
    assert not holds(records)
    assert verdict(records, ended=True) == "Not all is as it must be: must-1, must-2."


def test_what_must_be_shown_and_was_not_for_want_of_time_fails_the_check_too() -> None:
    records, _, told = run(("must", lambda _: Outcome([EQUAL]), 61), ("speed", lambda _: Outcome(), 1))
    assert told[0] == "must: no time: 60 s left, it needs about 61 s"
    assert not holds(records)
    assert verdict(records, ended=True) == "Not shown: must. All that was done holds."
    assert verdict(records, ended=False) == "Not shown yet: must. All that was done holds."


def cut_short(_: Any) -> Outcome:
    raise TimeIsOver("`analyze` was ended")


def test_a_case_that_is_cut_short_is_not_shown_but_not_called_wrong() -> None:
    records, _, told = run(("must", cut_short, 1))
    assert (records[0]["state"], told) == ("skipped", ["must: skipped: cut short: `analyze` was ended"])
    assert not holds(records)
    assert verdict(records, ended=True) == "Not shown: must. All that was done holds."


def test_a_speed_that_was_not_measured_for_want_of_time_does_not_fail_it() -> None:
    records, _, _ = run(("must", lambda _: Outcome([EQUAL], remark="with other clips"), 1), ("speed", fail, 61))
    assert [(each["state"], each["why"][:7]) for each in records] == [("done", "with ot"), ("skipped", "no time")]
    assert holds(records)
    assert verdict(records, ended=True).startswith("All that must be equal is equal")


@pytest.mark.parametrize("device", ["cuda", "cpu"])
def test_the_most_telling_cases_come_first(device: str) -> None:
    names = [case.name for case in cases_of(device)]
    assert names[:2] == ["doctor", "real"]
    assert names[2].startswith("speed-50-")
    assert len(set(names)) == len(names)
    must = [case.name for case in cases_of(device) if case.must]
    assert must == ["doctor", "real", "kinds", "kill", "two-rows"]


def test_a_gpu_gets_clips_of_thousands_of_frames_and_every_size() -> None:
    from tests.gpu.cases import SPEEDS

    assert max(each.frames for each in SPEEDS) >= 4000
    assert (SPEEDS[0].network, SPEEDS[0].width, SPEEDS[0].frames) == ("ResNet-50", 640, 2000)
    pairs = {(each.network, each.width) for each in SPEEDS}
    assert pairs == {(network, width) for network in ("ResNet-18", "ResNet-50") for width in (256, 640, 1280)}
