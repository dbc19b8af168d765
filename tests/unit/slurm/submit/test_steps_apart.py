"""Steps in tasks of their own: handed over with the analyses, after them, and known to `status` and `resubmit`."""
# ruff: noqa: F811 - a fixture

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import write_campaign
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.steps.spec import parse_steps
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.planner import make_plan
from dlcctr.slurm.jobs.submissions import read_submissions
from dlcctr.slurm.other.printing import OtherRequest, print_other
from dlcctr.slurm.other.script import Wishes
from dlcctr.slurm.other.table import find_scheduler
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.status.row_status import Phase
from dlcctr.slurm.status.status import STEPS_WAIT
from dlcctr.slurm.submit.asked import table_of
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.prepare import SubmitOptions
from dlcctr.slurm.submit.printing import print_first
from dlcctr.slurm.submit.resubmit import ResubmitRequest, find_decision, resubmit
from dlcctr.slurm.submit.submit import SubmitResult, say_submitted, submit
from tests.unit.slurm.submit.test_submit import FakeSlurm, scheduler  # noqa: F401
from tests.unit.support.done_steps import do_step
from tests.unit.support.results import Bench, make_bench
from tests.unit.support.slurm_case import SlurmCase, sacct_line, sacct_text, squeue_line, squeue_text

STEPS = parse_steps([{"name": "filter"}, {"name": "label-video", "of": "filter"}])
SITE = Site(partition="gpu", gres="gpu:1", gpus_per_task=1, qos="fast", mem_gb=2, steps_partition="cpu")
OPTIONS = SubmitOptions(SITE, JobOptions(image="/lab/dlc.sif", exclude=("node9",)), PlanOptions(fps=10, tasks=3))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make_bench(tmp_path, [f"v{n}.mp4" for n in range(6)], steps=STEPS)


def finish(bench: Bench, index: int) -> None:
    if not bench.folder(index).exists():
        bench.commit(index)
    for step in STEPS:
        do_step(bench, index, step.name)


def words(fake: FakeSlurm, ending: str) -> list[str]:
    return next(argv for name, argv in fake.jobs.items() if name.endswith(ending))


def text(bench: Bench, ending: str) -> str:
    return next(CampaignPaths.of(bench.manifest).root.rglob(f"*{ending}.sbatch")).read_text()


def test_steps_wait_for_the_end_of_the_analyses_and_ask_for_no_gpu(
    bench: Bench,
    scheduler: FakeSlurm,
) -> None:
    done = submit(bench.manifest, OPTIONS)
    analyses, steps = done.arrays
    assert (analyses.steps, steps.steps, steps.count, steps.job_id) == (False, True, 3, "102")
    asked = words(scheduler, "-steps")
    assert "--dependency=afterany:101" in asked and "--kill-on-invalid-dep=yes" in asked
    assert {"--partition=cpu", "--cpus-per-task=4"} <= set(asked)
    assert not [word for word in asked if word.startswith(("--gres", "--gpus", "--qos", "--exclude="))]
    assert "--gres=gpu:1" in words(scheduler, analyses.name)
    script = text(bench, "-steps")
    assert 'step --manifest "$manifest" --plan "$plan"' in script and "--nv" not in script
    assert "options=(--no-steps)" in text(bench, analyses.name)
    shown = dict(table_of(done.asked)[1]) if done.asked else {}
    assert "on cpu" in shown["steps afterwards"] and "3, at most 3" in shown["array tasks"]
    assert any("the steps of" in line for line in say_submitted(done, dry_run=False))


def test_without_a_place_for_steps_they_are_done_with_the_analysis(
    bench: Bench,
    scheduler: FakeSlurm,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = submit(bench.manifest, replace(OPTIONS, site=replace(SITE, steps_partition="")))
    assert [array.steps for array in done.arrays] == [False]
    (argv,) = scheduler.jobs.values()
    assert "options=()" in text(bench, done.arrays[0].name)
    # 2 GB were enough for the analysis alone
    assert "--mem=6G" in argv and "instead of 2 GB" in capsys.readouterr().err


def test_the_canary_does_its_own_steps(bench: Bench, scheduler: FakeSlurm) -> None:
    done = submit(bench.manifest, replace(OPTIONS, canary=True))
    names = [array.name for array in done.arrays]
    assert names[0].endswith("-canary") and names[2].endswith("-steps") and len(names) == 3
    assert "options=()" in text(bench, "-canary")
    assert "--dependency=afterok:101" in words(scheduler, names[1])
    assert "--dependency=afterany:102" in words(scheduler, "-steps")


def test_rows_that_are_analysed_get_no_gpu(bench: Bench, scheduler: FakeSlurm) -> None:
    finish(bench, 0)
    for index in (1, 2):
        bench.commit(index)
    done = submit(bench.manifest, OPTIONS)
    assert done.plan and done.plan.rows == [3, 4, 5] and done.n_finished == 1
    assert done.only_steps and done.only_steps.plan and done.only_steps.plan.rows == [1, 2]
    (only,) = done.only_steps.arrays
    asked = words(scheduler, only.name)
    assert "--partition=cpu" in asked and not [word for word in asked if "dependency" in word]
    lines = say_submitted(done, dry_run=False)
    assert len(lines) == len(done.arrays) + 2, "and the row that is finished"
    again = submit(bench.manifest, OPTIONS)
    assert again.plan is None and again.n_allocated == 5


def test_only_steps_are_left(bench: Bench, scheduler: FakeSlurm) -> None:
    for index in range(6):
        bench.commit(index)
    done = submit(bench.manifest, OPTIONS)
    assert [array.steps for array in done.arrays] == [True] and done.only_steps is None
    assert done.asked is not None and done.asked.gpu_hours == 0 and done.asked.each.partition == "cpu"
    assert done.asked.takes_s > 0


def case_of(bench: Bench, done: SubmitResult) -> SlurmCase:
    assert done.plan
    return SlurmCase(bench, [done.plan.id])


def test_status_follows_a_row_from_its_analysis_to_its_steps(
    bench: Bench,
    scheduler: FakeSlurm,
) -> None:
    done = submit(bench.manifest, OPTIONS)
    assert done.plan
    first, *_ = done.plan.tasks
    case, row = case_of(bench, done), first.rows[0]
    queue = squeue_text(
        squeue_line("0", "RUNNING", job="101"), squeue_line("[0-2]", "PENDING", job="102", reason="Dependency")
    )
    assert case.row(row, squeue=queue).phase is Phase.RUNNING
    bench.commit(row)
    found = case.row(row, squeue=queue)
    assert (found.phase, found.job, found.reason) == (Phase.PENDING, "102_0", STEPS_WAIT)
    finish(bench, row)
    assert case.row(row, squeue=queue).phase is Phase.DONE


def test_steps_that_ran_out_of_time_or_memory_get_more_and_no_gpu(
    bench: Bench,
    scheduler: FakeSlurm,
) -> None:
    done = submit(bench.manifest, OPTIONS)
    assert done.plan and done.plan.steps_time_min
    for index in range(6):
        bench.commit(index)
    short, hungry, well = done.plan.tasks
    for index in well.rows:
        finish(bench, index)
    ended = sacct_text(
        *(sacct_line(str(n), "COMPLETED", job="101") for n in range(3)),
        sacct_line("0", "TIMEOUT", job="102"),
        sacct_line("1", "OUT_OF_MEMORY", job="102"),
        sacct_line("2", "COMPLETED", job="102"),
    )
    request = ResubmitRequest(squeue_text=squeue_text(), sacct_text=ended)
    decision = find_decision(bench.manifest, request)
    groups = {next(iter(group.causes)): group for group in decision.groups}
    assert set(groups) == {"timeout", "out-of-memory"} and all(group.only_steps for group in groups.values())
    assert set(groups["timeout"].rows) == set(short.rows) and set(groups["out-of-memory"].rows) == set(hungry.rows)
    assert groups["timeout"].time_min == 2 * done.plan.steps_time_min
    assert groups["out-of-memory"].mem_gb == 2 * done.plan.steps_mem_gb
    results = resubmit(bench.manifest, decision, request)
    assert all(array.steps for each in results for array in each.arrays)
    asked = [argv for name, argv in scheduler.jobs.items() if name in {a.name for r in results for a in r.arrays}]
    assert all("--partition=cpu" in argv for argv in asked)
    assert any(f"--mem={2 * done.plan.steps_mem_gb}G" in argv for argv in asked)


def test_what_was_submitted_is_read_as_it_was(bench: Bench, scheduler: FakeSlurm) -> None:
    done = submit(bench.manifest, OPTIONS)
    (held,) = read_submissions(CampaignPaths.of(bench.manifest))
    assert held.arrays == done.arrays and held.options.steps_mem_gb == done.plan.steps_mem_gb if done.plan else False
    assert held.options.of_steps.time_min == held.options.steps_time_min


def test_rows_with_a_new_step_are_not_lost_however_often(bench: Bench, scheduler: FakeSlurm) -> None:
    done = submit(bench.manifest, OPTIONS)
    assert done.plan
    for index in range(6):
        finish(bench, index)
    ended = [sacct_line(str(n), "COMPLETED", job=job) for job in ("101", "102") for n in range(3)]
    for number, name in enumerate(("csv", "nwb")):
        steps = [*STEPS, *parse_steps([{"name": each} for each in ("csv", "nwb")[: number + 1]])]
        write_campaign(replace(bench.campaign, steps=tuple(steps)))
        jobs = [sacct_line(str(n), "COMPLETED", job=str(103 + k)) for k in range(number) for n in range(3)]
        request = ResubmitRequest(squeue_text=squeue_text(), sacct_text=sacct_text(*ended, *jobs))
        decision = find_decision(bench.manifest, request)
        (group,) = decision.groups
        assert (len(group.rows), group.causes.keys(), group.only_steps) == (6, {"steps"}, True), decision
        resubmit(bench.manifest, decision, request)
        bench.campaign = replace(bench.campaign, steps=tuple(steps))
        for index in range(6):
            do_step(bench, index, name)


def test_scripts_for_a_person_hold_both(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    plan, _ = make_plan(bench.manifest, PlanOptions(fps=10, tasks=2, steps_apart=True))
    assert plan and plan.steps_time_min
    file = CampaignPaths.of(bench.manifest).plan(plan.id)
    job = JobOptions(image="/lab/dlc.sif")
    for given in (file, None):
        (printed,) = print_first(bench.manifest, SITE, job, PlanOptions(fps=10, tasks=2), given)
        assert printed.script.time_min >= plan.time_limit_min and "--no-steps" not in printed.text
        assert "analyze --manifest" in printed.text and "--mem=6G" in printed.text
        assert "instead of 2 GB" in capsys.readouterr().err
    assert printed.plan != plan.id
    (first,) = print_first(bench.manifest, SITE, job, PlanOptions(), file)
    assert first.script.time_min == plan.time_limit_min + plan.steps_time_min
    site = replace(SITE, partition="", gres="", gpus_per_task=1, qos="", steps_partition="")
    request = OtherRequest(find_scheduler("pbs"), site, job, PlanOptions(), Wishes(), plan_file=file)
    (other,) = print_other(bench.manifest, request)
    assert "--no-steps" not in other.text and "analyze --manifest" in other.text
