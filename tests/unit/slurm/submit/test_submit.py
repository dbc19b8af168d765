"""Handing rows over, with a scheduler that only remembers what it was given."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.videos import unchanged as video_check
from dlcctr.errors import CommandFailedError, ModelError, TryAgainError, VideoError
from dlcctr.planning.options import PlanOptions
from dlcctr.planning.plan import read_plan
from dlcctr.slurm.jobs.arrivals import GRACE_S
from dlcctr.slurm.jobs.submissions import read_submissions
from dlcctr.slurm.queue import client as slurm
from dlcctr.slurm.queue.client import SubmittedJob
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit import preflight
from dlcctr.slurm.submit import submit as submit_module
from dlcctr.slurm.submit.job_arrays import JobOptions
from dlcctr.slurm.submit.prepare import SubmitOptions
from dlcctr.slurm.submit.submit import SubmitResult, submit
from tests.unit.support.results import Bench, make_bench

NAMES = [f"v{number}.mp4" for number in range(7)]


@dataclass
class FakeSlurm:
    """Takes jobs; refuses or loses the answer when told to."""

    jobs: dict[str, list[str]] = field(default_factory=dict)
    failure: str = ""
    fails_at: int = -1
    takes_it_all_the_same: bool = False
    answers: bool = True

    environment: dict[str, str] = field(default_factory=dict)
    """Variables beside sbatch's own, of all jobs together."""

    def submit(self, argv: list[str], *, keep_open: object = (), env: dict[str, str] | None = None) -> SubmittedJob:
        self.environment |= env or {}
        name = next(word.partition("=")[2] for word in argv if word.startswith("--job-name="))
        if len(self.jobs) == self.fails_at:
            raise CommandFailedError("Socket timed out on send/recv operation")
        if not self.failure or self.takes_it_all_the_same:
            self.jobs[name] = argv
        if self.failure:
            raise CommandFailedError(self.failure)
        return SubmittedJob(str(100 + len(self.jobs)))

    def query(self, job_ids: object, names: list[str], *_: object) -> list[TaskState] | None:
        if not self.answers:
            return None
        order = list(self.jobs)
        return [TaskState(str(101 + order.index(name)), None, "PENDING", name=name)
                for name in names if name in self.jobs]  # fmt: skip


@pytest.fixture
def scheduler(monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    fake = FakeSlurm()
    monkeypatch.setattr(slurm, "submit", fake.submit)
    monkeypatch.setattr(slurm, "query_squeue", fake.query)
    monkeypatch.setattr(slurm, "query_sacct", lambda *_, **__: None)
    for name in ("check_image", "try_script"):
        monkeypatch.setattr(preflight, name, lambda *_: None)
    monkeypatch.setattr(video_check, "check_models", lambda *_: [])
    monkeypatch.setenv("PATH", "/nowhere")
    return fake


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield make_bench(tmp_path, NAMES)


OPTIONS = SubmitOptions(Site(max_array_size=3), JobOptions(image="/lab/dlc.sif"), PlanOptions(fps=10, tasks=5))


def arrays(done: SubmitResult) -> list[tuple[int, int, str]]:
    return [(array.offset, array.count, array.job_id) for array in done.arrays]


def rows_submitted(bench: Bench) -> list[int]:
    paths = CampaignPaths.of(bench.manifest)
    rows: list[int] = []
    for submission in read_submissions(paths):
        tasks = read_plan(paths.plan(submission.plan)).tasks
        for array in submission.arrays:
            rows += [index for task in tasks[array.offset : array.offset + array.count] for index in task.rows]
    return sorted(rows)


def test_every_row_once_in_arrays_with_offsets(bench: Bench, scheduler: FakeSlurm) -> None:
    done = submit(bench.manifest, OPTIONS)
    assert arrays(done) == [(0, 3, "101"), (3, 2, "102")]
    assert rows_submitted(bench) == list(range(7))
    again = submit(bench.manifest, OPTIONS)
    assert (again.plan, again.n_allocated) == (None, 7)
    assert len(scheduler.jobs) == 2
    script = CampaignPaths.of(bench.manifest).script(list(scheduler.jobs)[1]).read_text()
    assert "offset=3 " in script
    assert CampaignPaths.of(bench.manifest).logs.is_dir()


def test_a_model_that_asks_for_code_to_run_is_not_submitted_unasked(
    bench: Bench, scheduler: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SimpleNamespace(unsafe_loading="pytorch_config.yaml, line 3")
    monkeypatch.setattr(video_check, "check_models", lambda *_: [model])
    with pytest.raises(ModelError, match="line 3: load_weights_only is false"):
        submit(bench.manifest, OPTIONS)
    assert not scheduler.jobs
    submit(bench.manifest, replace(OPTIONS, job=replace(OPTIONS.job, trust_model=True)))
    paths = CampaignPaths.of(bench.manifest)
    assert "options=(--trust-model)" in paths.script(next(iter(scheduler.jobs))).read_text()
    (submission,) = read_submissions(paths)
    assert submission.options.trust_model, "so that `resubmit` knows it"


def test_all_options_are_on_the_command_line(bench: Bench, scheduler: FakeSlurm) -> None:
    """A user's SBATCH_* variables overrule what stands in a script."""
    submit(bench.manifest, replace(OPTIONS, site=Site(partition="gpu", gres="gpu:1", mem_gb=8)))
    (argv,) = scheduler.jobs.values()
    script = (CampaignPaths.of(bench.manifest).root / "scripts").glob("*.sbatch")
    (text,) = [file.read_text() for file in script]
    in_script = [line.split()[1] for line in text.splitlines() if line.startswith("#SBATCH")]
    assert set(in_script) <= set(argv)
    assert {"--partition=gpu", "--gres=gpu:1", "--mem=8G"} <= set(argv)


def test_finished_and_chosen_rows(bench: Bench, scheduler: FakeSlurm) -> None:
    bench.commit(0)
    submit(bench.manifest, replace(OPTIONS, rows="0-2"))
    assert rows_submitted(bench) == [1, 2]
    done = submit(bench.manifest, OPTIONS)
    assert (done.n_finished, done.n_allocated) == (1, 2)
    assert rows_submitted(bench) == [1, 2, 3, 4, 5, 6]


def test_the_canary_goes_first_and_alone(bench: Bench, scheduler: FakeSlurm) -> None:
    done = submit(bench.manifest, replace(OPTIONS, canary=True))
    (canary, words), *others = scheduler.jobs.items()
    assert canary.endswith("-canary")
    assert not any(word.startswith("--dependency") for word in words)
    assert all("--dependency=afterok:101" in argv and "--kill-on-invalid-dep=yes" in argv for _, argv in others)
    assert rows_submitted(bench) == list(range(7))
    assert done.plan is not None
    assert len(done.plan.tasks[-1].rows) == 1
    assert f"--rows {done.plan.tasks[-1].rows[0]} " in CampaignPaths.of(bench.manifest).script(canary).read_text()


def test_what_waits_for_the_canary_goes_to_its_cluster(
    bench: Bench, scheduler: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several clusters Slurm takes one, and a dependency names a job of the same cluster."""
    answers = iter(["slow", "slow", "slow"])
    real = scheduler.submit
    monkeypatch.setattr(slurm, "submit", lambda argv, **more: replace(real(argv, **more), cluster=next(answers)))
    done = submit(
        bench.manifest, replace(OPTIONS, canary=True, site=Site(max_array_size=3, extra=("--clusters=fast,slow",)))
    )
    canary, *others = scheduler.jobs.values()
    assert [word for word in canary if word.startswith("--clusters")] == ["--clusters=fast,slow"]
    assert all([word for word in argv if word.startswith("--clusters")][-1] == "--clusters=slow" for argv in others)
    assert {array.cluster for array in done.arrays} == {"slow"}


def test_a_dry_run_leaves_nothing(bench: Bench, scheduler: FakeSlurm) -> None:
    done = submit(bench.manifest, replace(OPTIONS, dry_run=True))
    assert "#SBATCH" in done.scripts[0][1]
    assert not scheduler.jobs
    assert not list(CampaignPaths.of(bench.manifest).root.rglob("*.json"))


def test_what_was_refused_is_not_submitted(bench: Bench, scheduler: FakeSlurm) -> None:
    scheduler.failure = "sbatch: error: Memory specification can not be satisfied\nBatch job submission failed: x"
    with pytest.raises(CommandFailedError, match="nothing was submitted") as caught:
        submit(bench.manifest, OPTIONS)
    assert "--mem-gb" in caught.value.hint
    assert rows_submitted(bench) == []
    scheduler.failure = ""
    submit(bench.manifest, OPTIONS)
    assert rows_submitted(bench) == list(range(7))


def ids(bench: Bench) -> list[str]:
    submissions = read_submissions(CampaignPaths.of(bench.manifest))
    return [array.job_id for each in submissions for array in each.arrays]


LOST_ANSWERS = [
    "Socket timed out on send/recv operation",
    "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
    "sbatch: error: Batch job submission failed: Unable to contact slurm controller (receive failure)",
    "sbatch: error: Batch job submission failed: Zero Bytes were transmitted or received",
    "sbatch printed no job id: ''",
]


@pytest.mark.parametrize("said", LOST_ANSWERS)
def test_an_answer_that_got_lost_is_looked_for(bench: Bench, scheduler: FakeSlurm, said: str) -> None:
    scheduler.failure, scheduler.takes_it_all_the_same = said, True
    with pytest.raises(CommandFailedError, match="it is not known whether this job was submitted"):
        submit(bench.manifest, OPTIONS)
    scheduler.failure, scheduler.answers = "", False
    with pytest.raises(TryAgainError, match="squeue does not answer"):
        submit(bench.manifest, OPTIONS)
    scheduler.answers = True
    submit(bench.manifest, OPTIONS)
    assert rows_submitted(bench) == list(range(7))
    assert all(ids(bench))
    assert len(set(ids(bench))) == len(ids(bench)) == len(scheduler.jobs)


def test_what_slurm_does_not_know_may_be_on_its_way_for_a_while(
    bench: Bench, scheduler: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.failure = LOST_ANSWERS[0]
    with pytest.raises(CommandFailedError):
        submit(bench.manifest, OPTIONS)
    scheduler.failure = ""
    with pytest.raises(TryAgainError, match="may still be on its way") as caught:
        submit(bench.manifest, OPTIONS)
    assert "try again after" in caught.value.hint
    assert scheduler.jobs == {}
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + GRACE_S + 2)
    submit(bench.manifest, OPTIONS)
    assert rows_submitted(bench) == list(range(7))
    assert len(set(ids(bench))) == len(ids(bench)) == len(scheduler.jobs)


def test_an_array_that_was_sent_late_is_as_young_as_its_sbatch(
    bench: Bench, scheduler: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first array's sbatch took longer than all others may take."""
    real, begun = submit_module._now, time.time()
    later = itertools.chain(["2026-01-01T00:00:00+00:00"] * 2, iter(real, None))
    monkeypatch.setattr(submit_module, "_now", lambda: next(later))
    monkeypatch.setattr(scheduler, "fails_at", 1)
    with pytest.raises(CommandFailedError):
        submit(bench.manifest, OPTIONS)
    assert begun - read_submissions(CampaignPaths.of(bench.manifest))[0].created_s > GRACE_S
    with pytest.raises(TryAgainError, match="may still be on its way"):
        submit(bench.manifest, OPTIONS)


def test_a_plan_that_never_arrived_is_submitted_again_under_another_name(
    bench: Bench, scheduler: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dlcctr.planning.planner import make_plan

    plan, _ = make_plan(bench.manifest, PlanOptions(fps=10, tasks=2))
    options = replace(OPTIONS, plan=PlanOptions())
    scheduler.failure = LOST_ANSWERS[0]
    with pytest.raises(CommandFailedError):
        submit(bench.manifest, options)
    (lost,) = read_submissions(CampaignPaths.of(bench.manifest))
    scheduler.failure, now = "", time.time()
    monkeypatch.setattr(time, "time", lambda: now + GRACE_S + 2)
    done = submit(bench.manifest, options)
    assert done.plan == plan
    assert {array.name for array in lost.arrays}.isdisjoint(array.name for array in done.arrays)


def test_a_missing_video_is_named_before_anything_is_submitted(bench: Bench, scheduler: FakeSlurm) -> None:
    (bench.campaign.video_root / NAMES[2]).unlink()
    (bench.campaign.video_root / NAMES[3]).write_bytes(b"another size")
    with pytest.raises(VideoError, match="2 videos cannot be analysed: row 2: "):
        submit(bench.manifest, OPTIONS)
    assert not scheduler.jobs
    done = submit(bench.manifest, replace(OPTIONS, skip_bad_videos=True))
    assert sorted(done.left_out) == [2, 3]
    assert rows_submitted(bench) == [0, 1, 4, 5, 6]


def test_a_plan_that_was_made_before_is_used(bench: Bench, scheduler: FakeSlurm) -> None:
    from dlcctr.planning.planner import make_plan

    plan, _ = make_plan(bench.manifest, PlanOptions(fps=10, tasks=2))
    done = submit(bench.manifest, replace(OPTIONS, plan=PlanOptions()))
    assert done.plan == plan


def test_a_time_limit_that_is_too_short_is_said_before_the_tasks_reach_it(
    bench: Bench, scheduler: FakeSlurm, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = replace(OPTIONS, plan=PlanOptions(fps=0.01, tasks=5), dry_run=True)
    submit(bench.manifest, slow)
    assert "time limit of" not in capsys.readouterr().err
    submit(bench.manifest, replace(slow, job=replace(OPTIONS.job, time_min=1)))
    assert "5 of 5 tasks will probably reach the time limit of 60 s: the longest" in capsys.readouterr().err
