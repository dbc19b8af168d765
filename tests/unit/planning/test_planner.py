from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.errors import CommandFailedError, ManifestError, UsageError
from dlcctr.planning import planner as make_plan
from dlcctr.planning.options import Limits, PlanOptions, Summary
from dlcctr.planning.plan import Plan, read_plan, task_rows
from dlcctr.planning.planner import make_plan as plan_campaign
from dlcctr.planning.remarks import say_remarks
from dlcctr.planning.speed import Calibration, pick_row
from dlcctr.results.sections import DeviceUsed
from dlcctr.runtime.rows import run_campaign as campaign_run
from dlcctr.runtime.rows.row_run import Outcome
from dlcctr.runtime.rows.run_campaign import RunResult
from tests.benchmarks.planner_simulation import all_cases
from tests.unit.support.results import FRAMES, Bench, make_bench
from tests.unit.test_cli import call

TIMINGS = {"import": 12.0, "scan": 1.0, "analysis": 90.0, "verification": 1.0, "total": 105.0}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Ten rows without results, of 1,000 to 10,000 frames."""
    made = make_bench(tmp_path, [f"{n}.mp4" for n in range(10)])
    made.rows = [replace(row, frames=1000 * (row.index + 1)) for row in made.rows]
    write_manifest(made.manifest, made.rows)
    return made


def planned(bench: Bench, **options: Any) -> tuple[Plan, Summary]:
    plan, summary = plan_campaign(bench.manifest, PlanOptions(**{"fps": 10.0, **options}))
    assert plan is not None
    return plan, summary


def test_every_row_is_in_one_task_and_the_longest_task_comes_first(bench: Bench) -> None:
    plan, summary = planned(bench, tasks=4)
    assert plan.rows == list(range(10))
    assert [task.cost_s for task in plan.tasks] == sorted((task.cost_s for task in plan.tasks), reverse=True)
    assert (summary.n_rows, summary.n_tasks, summary.n_finished) == (10, 4, 0)
    assert summary.total_s == pytest.approx(sum(task.cost_s for task in plan.tasks))
    assert (summary.longest_s, summary.shortest_s) == (plan.tasks[0].cost_s, plan.tasks[-1].cost_s)
    assert summary.longest_s <= summary.finish_s <= summary.total_s


def test_the_plan_that_was_written_is_the_plan(bench: Bench) -> None:
    plan, _ = planned(bench)
    file = CampaignPaths.of(bench.manifest).plan(plan.id)
    found = read_plan(file)
    rows = read_manifest(bench.manifest)
    assert [task.rows for task in found.tasks] == [task.rows for task in plan.tasks]
    for number, task in enumerate(found.tasks):
        assert [row.index for row in task_rows(found, number, rows, file)] == list(task.rows)


def test_a_changed_manifest_is_noticed(bench: Bench) -> None:
    plan, _ = planned(bench, tasks=2)
    file = CampaignPaths.of(bench.manifest).plan(plan.id)
    index = plan.tasks[1].rows[0]
    for changed in ({"video": "other.mp4"}, {"fingerprint": "v1:1:00"}):
        rows = [replace(row, **changed) if row.index == index else row for row in bench.rows]
        assert task_rows(plan, 0, rows, file)
        with pytest.raises(ManifestError, match="were changed"):
            task_rows(plan, 1, rows, file)


def test_the_same_manifest_gives_the_same_tasks(bench: Bench) -> None:
    assert planned(bench)[0].tasks == planned(bench)[0].tasks


def test_finished_and_unreadable_rows_are_left_out_and_named(bench: Bench) -> None:
    bench.commit(0)
    write_manifest(bench.manifest, [*bench.rows[:9], replace(bench.rows[9], error="cut off")])
    plan, summary = planned(bench)
    assert plan.rows == list(range(1, 9))
    assert (summary.n_finished, [row.index for row in summary.unreadable]) == (1, [9])
    assert "row 9, 9.mp4: left out: cut off" in summary.warnings
    plan, summary = planned(bench, all_rows=True)
    assert plan.rows == list(range(9))


def test_rows_can_be_chosen(bench: Bench) -> None:
    bench.commit(3)
    assert planned(bench, rows="2-4")[0].rows == [2, 4]
    plan, _ = plan_campaign(bench.manifest, PlanOptions(fps=10.0), rows=[3, 7])
    assert plan is not None
    assert plan.rows == [3, 7]
    with pytest.raises(UsageError, match="has no rows 10"):
        plan_campaign(bench.manifest, PlanOptions(fps=10.0), rows=[3, 10])


def test_nothing_to_do_writes_nothing(bench: Bench) -> None:
    for index in range(10):
        bench.commit(index)
    plan, summary = plan_campaign(bench.manifest, PlanOptions())
    assert plan is None
    assert summary.n_finished == 10
    assert not CampaignPaths.of(bench.manifest).root.exists()


def test_write_can_be_left_to_the_caller(bench: Bench) -> None:
    plan, _ = plan_campaign(bench.manifest, PlanOptions(fps=10.0), write=False)
    assert plan is not None
    assert not CampaignPaths.of(bench.manifest).root.exists()


def test_an_empty_manifest_is_no_campaign(bench: Bench) -> None:
    write_manifest(bench.manifest, [])
    with pytest.raises(ManifestError, match="has no rows"):
        plan_campaign(bench.manifest, PlanOptions(fps=10.0))


def test_without_any_speed_the_ways_to_one_are_named(bench: Bench) -> None:
    with pytest.raises(UsageError, match="speed of a GPU is not known") as error:
        plan_campaign(bench.manifest, PlanOptions())
    assert all(word in error.value.hint for word in (f"submit {bench.manifest} --rows 0", "--fps", "--calibrate"))


def test_speed_comes_from_the_receipts_of_finished_rows(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(row, frames=FRAMES) for row in bench.rows])
    for index in range(5):
        bench.commit(index, timings_s=TIMINGS, device=DeviceUsed("cuda", name="Tesla V100"))
    plan, summary = planned(bench, fps=None, tasks=5)
    assert summary.speed is not None
    assert summary.speed.measured
    assert "Tesla V100" in summary.speed.source
    # as long as their like took, and the start that no receipt sees
    assert plan.tasks[0].cost_s == pytest.approx(105 + make_plan.cost.START_S)
    assert plan.time_limit_min == 10


def test_without_finished_rows_the_earlier_plans_speed_holds(bench: Bench) -> None:
    first, _ = planned(bench, fps=25.0)
    (CampaignPaths.of(bench.manifest).plans / "99990101-000000-0000.json").write_text("{")
    again, summary = planned(bench, fps=None)
    assert again.tasks == first.tasks
    assert summary.speed is not None
    assert summary.speed.source.startswith("--fps 25")


def test_a_row_costs_the_same_alone_and_among_others(bench: Bench) -> None:
    """The usual picture, which --fps is meant for, is the campaign's, not that of the rows that are left."""
    rows = [replace(bench.rows[0], width=1280, height=960), *bench.rows[1:], Row(10, "unknown.mp4")]
    write_manifest(bench.manifest, rows)
    for index in (0, 10):
        (among,) = [task for task in planned(bench, tasks=11)[0].tasks if task.rows == (index,)]
        assert planned(bench, rows=str(index))[0].tasks == (among,)


def test_a_receipt_that_is_none_does_not_stop_a_plan(bench: Bench) -> None:
    for index in range(2):
        bench.commit(index, timings_s=TIMINGS, device=DeviceUsed("cpu"))
    (bench.folder(0) / "receipt.json").write_text("{")
    plan, summary = planned(bench, fps=None)
    assert plan.rows == [0, *range(2, 10)]
    assert any("measured on a CPU" in line for line in summary.warnings)


def test_the_time_limit_has_a_margin_and_is_a_multiple_of_five_minutes(bench: Bench) -> None:
    longest_min = planned(bench, tasks=1)[1].longest_s / 60
    for margin, factor in ((1.0, 1.0), (1.5, 1.0), (2.0, 1.5)):
        plan, summary = planned(bench, tasks=1, margin=margin, time_factor=factor)
        assert summary.margin == margin
        assert plan.time_limit_min % 5 == 0
        assert 0 <= plan.time_limit_min - (longest_min * margin * factor + 5) < 5


def test_a_guessed_speed_gets_a_larger_margin_and_a_note(bench: Bench) -> None:
    plan, summary = planned(bench)
    assert summary.margin > 2
    assert any("off by a factor of two" in line for line in summary.notes) and not summary.warnings
    assert plan.time_limit_min * 60 > 2 * summary.longest_s


def test_tasks_fit_into_the_longest_job_with_their_margin(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(bench.rows[9], index=n, video=f"{n}.mp4") for n in range(300)])
    assert planned(bench, max_parallel=1)[0].time_limit_min > 480
    plan, summary = planned(bench, max_parallel=1, max_time_min=480)
    assert 400 < plan.time_limit_min <= 480
    assert summary.longest_s * summary.margin / 60 + 5 <= 480
    assert summary.shortest_s > 3600


def test_rows_longer_than_the_longest_job_are_named(bench: Bench) -> None:
    with pytest.raises(UsageError, match=r"longest job of 15 min: row 8, 8\.mp4; row 9, 9\.mp4$") as error:
        planned(bench, max_time_min=15)
    assert "--rows" in error.value.hint
    plan, summary = planned(bench, site_max_time_min=15)
    assert plan.rows == list(range(10))
    assert plan.time_limit_min == 15
    assert any("row 9, 9.mp4" in line for line in summary.warnings)


def test_too_few_tasks_for_the_longest_job(bench: Bench) -> None:
    with pytest.raises(UsageError, match="the longest task is expected to take"):
        planned(bench, max_time_min=30, tasks=1)


def test_task_time(bench: Bench) -> None:
    plan, summary = planned(bench, task_time_min=20.0)
    assert summary.longest_s < 25 * 60
    alone = planned(bench, task_time_min=5.0)[0]
    assert all(len(task.rows) == 1 for task in alone.tasks if task.cost_s > 5 * 60)
    assert len(alone.tasks) > len(plan.tasks)


def test_short_videos_share_a_tasks_fixed_cost(bench: Bench) -> None:
    _, summary = planned(bench, fps=10_000.0)
    assert summary.n_tasks == 1
    write_manifest(bench.manifest, [replace(bench.rows[0], index=n, video=f"{n}.mp4") for n in range(3000)])
    _, summary = planned(bench, fps=1000.0)
    assert summary.speed is not None
    assert summary.speed.fixed_per_task_s / summary.shortest_s < 0.06
    assert summary.n_tasks > 10


def test_more_gpus_more_tasks(bench: Bench) -> None:
    write_manifest(bench.manifest, [replace(bench.rows[9], index=n, video=f"{n}.mp4") for n in range(1000)])
    few, many = planned(bench, max_parallel=5)[1], planned(bench, max_parallel=40)[1]
    assert few.n_tasks < many.n_tasks
    assert many.finish_s < few.finish_s / 6


def test_tasks_with_several_gpus_share_their_rows_among_them(bench: Bench) -> None:
    one, four = planned(bench, tasks=2)[1], planned(bench, tasks=2, gpus_per_task=4)[1]
    assert four.longest_s < one.longest_s / 2.5
    assert four.total_s < 1.5 * one.total_s
    assert four.parallel == 8
    plan, summary = planned(bench, max_parallel=8, gpus_per_task=4, task_time_min=10.0)
    assert plan.rows == list(range(10))
    assert summary.longest_s > plan.tasks[-1].cost_s
    assert planned(bench, max_parallel=3, gpus_per_task=4)[1].parallel == 4


def test_one_row_makes_one_task(bench: Bench) -> None:
    write_manifest(bench.manifest, [Row(5, "a.mp4")])
    plan, summary = planned(bench, tasks=8)
    assert [task.rows for task in plan.tasks] == [(5,)]
    assert summary.parallel == 1
    assert "row 5: length and picture size unknown" in summary.notes[0]


def test_a_large_plan_becomes_several_arrays(bench: Bench) -> None:
    _, summary = planned(bench, tasks=10, limits=Limits(4, None, "a test"))
    assert summary.slices == [(0, 4), (4, 4), (8, 2)]


def test_the_default_keeps_to_what_may_be_in_the_queue(bench: Bench) -> None:
    limits = Limits(1001, 3, "a test")
    assert planned(bench, limits=limits)[1].n_tasks == 3
    _, summary = planned(bench, limits=limits, tasks=7)
    assert summary.slices == [(0, 3), (3, 3), (6, 1)]
    assert any("3 in the queue" in line for line in summary.warnings)


@pytest.mark.parametrize(
    "options",
    [
        {"tasks": 2, "task_time_min": 5.0},
        {"calibration": Calibration()},
        {"margin": 0.5},
        {"margin": float("nan")},
        {"task_time_min": 0.0},
        {"task_time_min": float("inf")},
        {"fps": 0.0},
    ],
)
def test_odd_options_are_refused(bench: Bench, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        planned(bench, **options)


def test_calibration_runs_one_row_and_plans_the_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def run(manifest: Path, options: campaign_run.RunOptions) -> RunResult:
        asked.append(options)
        bench.commit(2, timings_s=TIMINGS, device=DeviceUsed("cuda", name="Tesla V100"))
        return RunResult([Outcome(2, "2.mp4", 0)], "docker")

    monkeypatch.setattr("dlcctr.runtime.rows.run_campaign.run_campaign", run)
    plan, summary = planned(bench, fps=None, calibration=Calibration("docker", "an:image"))
    assert [(each.rows, each.runtime, each.image, each.allow_cpu) for each in asked] == [
        ("2", "docker", "an:image", False)
    ]
    assert plan.rows == [0, 1, *range(3, 10)]
    assert summary.speed is not None
    assert summary.speed.source == "receipts of 1 finished row on Tesla V100"
    assert not summary.speed.measured


def test_calibrating_the_only_row_leaves_nothing_to_plan(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(manifest: Path, options: campaign_run.RunOptions) -> RunResult:
        bench.commit(0, timings_s=TIMINGS)
        return RunResult([Outcome(0, "0.mp4", 0)], "docker")

    monkeypatch.setattr("dlcctr.runtime.rows.run_campaign.run_campaign", run)
    write_manifest(bench.manifest, bench.rows[:1])
    plan, summary = plan_campaign(bench.manifest, PlanOptions(calibration=Calibration()))
    assert plan is None
    assert summary.n_finished == 1


def test_a_failed_calibration_names_the_row_and_its_log(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = Outcome(2, "2.mp4", 7, cause="the network exploded", log=Path("row2.log"))
    monkeypatch.setattr("dlcctr.runtime.rows.run_campaign.run_campaign", lambda *_: RunResult([outcome], "docker"))
    with pytest.raises(CommandFailedError, match=r"row 2, 2\.mp4, failed with code 7: the network exploded") as error:
        planned(bench, fps=None, calibration=Calibration())
    assert "row2.log" in error.value.hint


def test_calibration_takes_a_short_row_that_says_something() -> None:
    rows = [Row(n, f"{n}.mp4", frames=frames) for n, frames in enumerate([None, 10, 5000, 4000, 90_000])]
    assert pick_row(rows, 3000).index == 3
    assert pick_row(rows[:2], 3000).index == 1
    assert pick_row(rows[:1], 3000).index == 0


def test_the_command_prints_a_table_and_what_to_type_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "plan", bench.manifest, "--fps", "10", "--tasks", "3", "--max-array-size", "2") == 0
    text = capsys.readouterr()
    assert "3 in 2 arrays (at most 2 tasks each: --max-array-size)" in text.out
    assert "10 frames/s per GPU, from --fps 10, for pictures of 3072 px" in text.out
    assert f"dlcctr submit {bench.manifest}" in text.out
    assert "factor of two" in text.err


def test_the_commands_json_holds_the_tasks(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, "plan", bench.manifest, "--fps", "10", "--tasks", "3", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "plan"
    assert sorted(index for task in found["plan"]["tasks"] for index in task["rows"]) == list(range(10))
    assert read_plan(Path(found["file"])).id == found["plan"]["id"]


def test_the_command_with_nothing_to_do_ends_well(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in range(10):
        bench.commit(index)
    assert call(monkeypatch, "plan", bench.manifest) == 0
    assert "nothing to plan: 10 rows finished" in capsys.readouterr().out
    assert call(monkeypatch, "plan", bench.manifest, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["plan"], found["file"]) == (None, None)


def test_ten_thousand_rows(bench: Bench) -> None:
    rows = [replace(bench.rows[n % 10], index=n, video=f"{n}.mp4") for n in range(10_000)]
    write_manifest(bench.manifest, rows)
    plan, summary = planned(bench, tasks=5000)
    assert plan.rows == list(range(10_000))
    assert [count for _, count in summary.slices] == [1001] * 4 + [996]


def test_simulated_campaigns_end_within_a_tenth_of_the_best_possible() -> None:
    """1,000 videos, 1,000 hours, 20 to 60 GPUs that are half as fast as planned, as fast, and twice as fast."""
    cases = all_cases()
    assert len(cases) == 27
    assert max(case.ours for case in cases) <= 1.10
    assert not any(case.timeouts for case in cases)
    assert all(case.ours < case.protocol for case in cases)
    assert min(case.ours for case in cases) >= 1


def test_what_needs_nothing_is_one_line_of_information(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [*bench.rows, Row(20, "longer.mp4")]
    write_manifest(bench.manifest, rows)
    _, summary = planned(bench)
    say_remarks(summary)
    assert len(summary.notes) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("note: row 20: length and picture size unknown") and "factor of two" in line


@pytest.mark.parametrize("options", [{"tasks": 4}, {"tasks": 3, "gpus_per_task": 2}, {"task_time_min": 5}, {}])
def test_rows_of_one_video_stay_together(tmp_path: Path, options: dict[str, Any]) -> None:
    """A task decodes it once for all of their models."""
    bench = make_bench(tmp_path, [f"{n}.mp4" for n in range(5)])
    rows = [replace(row, frames=1000 * (row.index + 1), fingerprint=f"f{row.index}") for row in bench.rows]
    models = [replace(row, snapshot=name) for name in ("", "snapshot-1", "snapshot-2") for row in rows]
    write_manifest(bench.manifest, [replace(row, index=index) for index, row in enumerate(models)])
    bench.rows = read_manifest(bench.manifest)
    plan, _ = planned(bench, **options)
    assert plan.rows == list(range(15))
    for task in plan.tasks:
        videos = [bench.rows[index].video for index in task.rows]
        assert [video for video, _ in itertools.groupby(videos)] == list(dict.fromkeys(videos)), "one behind the other"
        assert all(videos.count(video) == 3 for video in videos)
