"""Steps in a plan: their time, their memory, and where both come from."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.manifest import write_manifest
from dlcctr.campaign.rows import Row
from dlcctr.campaign.steps.kinds import KINDS
from dlcctr.campaign.steps.spec import StepSpec, parse_steps
from dlcctr.errors import UsageError
from dlcctr.planning.options import PlanOptions, Summary
from dlcctr.planning.plan import Plan, read_plan
from dlcctr.planning.planner import make_plan
from dlcctr.planning.remarks import say_remarks
from dlcctr.planning.reuse import pick_plan, with_canary
from dlcctr.planning.steps import COSTS, START_S, assumed_s, mem_gb, points_of, variant
from tests.unit.support.done_steps import do_step
from tests.unit.support.results import Bench, make_bench
from tests.unit.test_cli import call

HOUR = 108_000
"""Frames of an hour."""
LABEL = {"name": "label-video"}
FILTER = {"name": "filter"}


def make(folder: Path, *steps: dict[str, Any], n: int = 6, frames: int = HOUR, **changes: Any) -> Bench:
    bench = make_bench(folder, [f"{k}.mp4" for k in range(n)], steps=parse_steps(list(steps)), **changes)
    bench.rows = [replace(row, frames=frames, width=640, height=480, fps=30.0) for row in bench.rows]
    write_manifest(bench.manifest, bench.rows)
    return bench


def planned(bench: Bench, **options: Any) -> tuple[Plan, Summary]:
    plan, summary = make_plan(bench.manifest, PlanOptions(**{"fps": 60.0, "tasks": 2, **options}))
    assert plan is not None
    return plan, summary


def test_every_kind_and_way_of_a_step_has_a_cost() -> None:
    wanted = set()
    for kind in KINDS.values():
        hints = get_type_hints(kind.parameters)
        ways = next((hints[name] for name in ("filtertype", "combine") if name in hints), None)
        wanted |= {(kind.name, way.value if way else "") for way in (ways or [None])}
    assert set(COSTS) == wanted


def test_time_and_limit_of_a_task_hold_its_steps(tmp_path: Path) -> None:
    bare, _ = planned(make(tmp_path / "bare"))
    plan, summary = planned(make(tmp_path / "steps", LABEL))
    label = parse_steps([LABEL])[0]
    each = assumed_s(label, Row(0, "a.mp4", width=640, height=480), HOUR, 2) + START_S
    for task, without in zip(plan.tasks, bare.tasks, strict=True):
        assert task.cost_s == pytest.approx(without.cost_s + 3 * each)
        assert task.steps_s == pytest.approx(3 * each)
    # nobody has measured them here: a limit of three times as much
    assert plan.time_limit_min >= bare.time_limit_min + 3 * 3 * each / 60 - 5
    assert summary.steps.assumed == ("label-video",)
    assert summary.steps.seconds["label-video"] == pytest.approx(6 * (each - START_S), rel=1e-3)
    assert plan.steps_time_min is None


def test_steps_that_are_done_say_how_long_they_take(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = make(tmp_path, FILTER, n=7)
    step = bench.campaign.steps[0]
    usual = assumed_s(step, bench.rows[0], HOUR, points_of(bench.campaign))
    for index in range(5):
        bench.commit(index)
        do_step(bench, index, "filter", seconds=10 * usual)
    plan, summary = planned(bench, tasks=1)
    assert plan.rows == [5, 6]
    assert plan.tasks[0].steps_s == pytest.approx(2 * (10 * usual + START_S))
    assert summary.steps.assumed == ()
    say_remarks(summary)
    assert "steps" not in capsys.readouterr().err


def test_four_rows_are_too_few_to_trust(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bench = make(tmp_path, FILTER)
    for index in range(4):
        bench.commit(index)
        do_step(bench, index, "filter")
    _, summary = planned(bench)
    assert summary.steps.assumed == ("filter",)
    say_remarks(summary)
    assert "the time of the step filter is what was measured on another machine" in capsys.readouterr().err


def test_a_row_that_is_analysed_costs_only_its_steps(tmp_path: Path) -> None:
    bench = make(tmp_path, FILTER, LABEL, n=2)
    bench.commit(0)
    do_step(bench, 0, "filter")
    plan, summary = planned(bench, tasks=2)
    by_row = {task.rows: task for task in plan.tasks}
    first, second = by_row[0,], by_row[1,]
    assert first.cost_s < 60 + first.steps_s
    assert second.cost_s > HOUR / 60 + second.steps_s
    assert second.steps_s > first.steps_s, "its filter is due, too"
    assert summary.n_rows == 2


def test_a_plan_of_steps_alone_needs_no_speed(tmp_path: Path) -> None:
    bench = make(tmp_path, LABEL, n=2)
    for index in range(2):
        bench.commit(index, timings_s={})
    plan, _ = planned(bench, fps=None, tasks=None)
    assert plan.rows == [0, 1] and sum(task.steps_s for task in plan.tasks) > 1000
    bench.rows.append(replace(bench.rows[0], index=2, video="2.mp4"))
    write_manifest(bench.manifest, bench.rows)
    with pytest.raises(UsageError, match="speed of a GPU is not known"):
        planned(bench, fps=None, rows="2")


def test_steps_apart_are_no_part_of_the_analysis(tmp_path: Path) -> None:
    bare, _ = planned(make(tmp_path / "bare"))
    plan, summary = planned(make(tmp_path / "apart", LABEL), steps_apart=True)
    assert [task.cost_s for task in plan.tasks] == [task.cost_s for task in bare.tasks]
    assert plan.time_limit_min == bare.time_limit_min
    longest = max(task.steps_s for task in plan.tasks)
    assert plan.steps_time_min is not None and 3 * longest / 60 < plan.steps_time_min <= 3 * longest / 60 + 10
    assert (summary.steps.apart, summary.steps.time_limit_min) == (True, plan.steps_time_min)


def test_the_plan_that_was_written_holds_its_steps(tmp_path: Path) -> None:
    from dlcctr.campaign.paths import CampaignPaths

    bench = make(tmp_path, LABEL)
    plan, _ = planned(bench, steps_apart=True)
    found = read_plan(CampaignPaths.of(bench.manifest).plan(plan.id))
    assert (found.steps_time_min, found.steps_mem_gb) == (plan.steps_time_min, plan.steps_mem_gb)
    assert [task.steps_s for task in found.tasks] == [round(task.steps_s, 1) for task in plan.tasks]
    canary = with_canary(bench.manifest, found, {row.index: row for row in bench.rows}, write=False)
    assert canary.tasks[-1].steps_s == pytest.approx(found.tasks[-1].steps_s / 3)


def test_a_plan_of_other_steps_is_not_taken_again(tmp_path: Path) -> None:
    bench = make(tmp_path, FILTER)
    options = PlanOptions(fps=60.0)
    first = pick_plan(bench.manifest, bench.rows, options)
    assert pick_plan(bench.manifest, bench.rows, PlanOptions()).id == first.id
    assert pick_plan(bench.manifest, bench.rows, PlanOptions(steps_apart=True)).id != first.id
    write_campaign(replace(bench.campaign, steps=parse_steps([FILTER, LABEL])))
    again = pick_plan(bench.manifest, bench.rows, PlanOptions())
    assert again.id != first.id and again.time_limit_min > first.time_limit_min


def test_memory_is_that_of_the_hungriest_step(tmp_path: Path) -> None:
    frames, points = 2_160_000, 120
    steps = parse_steps([{"name": "tracks"}, FILTER])
    needs = {step.name: mem_gb(step, frames, points) for step in steps}
    assert 1.4 < needs["filter"] < 2.5 < needs["tracks"] < 4
    plan, _ = planned(make(tmp_path, *[{"name": step.name} for step in steps], frames=frames))
    assert plan.steps_mem_gb == 3


def test_what_is_drawn_decides_what_a_labelled_video_takes() -> None:
    row = Row(0, "a.mp4", width=1280, height=960, fps=30.0)

    def seconds(**parameters: Any) -> float:
        return assumed_s(parse_steps([{**LABEL, **parameters}])[0], row, HOUR, 8)

    whole = seconds()
    assert seconds(beside="rows") > 1.7 * whole
    assert seconds(follow_px=200) < whole / 5
    assert seconds(longest_px=640) < whole / 2.5
    assert seconds(clips="worst") < whole / 50


def test_steps_that_join_rows_belong_to_the_last_of_a_video(tmp_path: Path) -> None:
    bench = make(tmp_path, {"name": "ensemble"}, {"name": "drawn", "kind": "label-video", "of": "ensemble"}, n=3)
    rows = [replace(row, video="0.mp4", fingerprint=bench.rows[0].fingerprint) for row in bench.rows]
    write_manifest(bench.manifest, rows)
    _, summary = planned(bench, tasks=1)
    step = bench.campaign.steps[0]
    assert summary.steps.seconds["ensemble"] == pytest.approx(assumed_s(step, rows[0], HOUR, 2), abs=0.1)


def test_the_command_shows_what_the_steps_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make(tmp_path, FILTER, LABEL)
    assert call(monkeypatch, "plan", bench.manifest, "--fps", "60") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "filter" in said and "label-video" in said and "GB of memory" in said


@pytest.mark.parametrize(("kind", "way"), sorted(COSTS))
def test_costs_grow_with_the_video(kind: str, way: str) -> None:
    given = {"filter": "filtertype", "ensemble": "combine"}
    step: StepSpec = parse_steps([{"name": "x", "kind": kind, **({given[kind]: way} if way else {})}])[0]
    assert variant(step) == way
    row = Row(0, "a.mp4", width=640, height=480)
    times = [assumed_s(step, row, frames, 8) for frames in (100, 10_000, 1_000_000)]
    sizes = [mem_gb(step, frames, 8) for frames in (100, 10_000, 1_000_000)]
    assert all(a < b for a, b in itertools.pairwise(times)) and sizes == sorted(sizes)
