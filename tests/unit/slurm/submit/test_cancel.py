from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.cli import catch, make_app
from dlcctr.contract import ExitCode
from dlcctr.errors import ManifestError, ToolMissingError, TryAgainError
from dlcctr.planning.plan import Plan, PlanTask, rows_digest, write_plan
from dlcctr.slurm.jobs.submissions import Array, Submission, read_submissions, write_submission
from dlcctr.slurm.queue import client as slurm
from dlcctr.slurm.queue.output import TaskState
from dlcctr.slurm.submit.cancel import find_queued
from tests.unit.support.results import Bench, make_bench

TASKS = ((0, 1), (2,), (3, 4), (5,))
CREATED = "2026-01-01T00:00:00+00:00"


@dataclass
class FakeQueue:
    """Stands in for squeue and scancel."""

    states: list[TaskState] | None
    asked: list[list[str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def query_squeue(self, job_ids: Iterable[str], names: Iterable[str] = (), *_: object) -> list[TaskState] | None:
        self.asked.append([*job_ids, *names])
        return self.states

    def cancel(self, job_ids: Iterable[str], *_: object) -> None:
        self.cancelled += job_ids


def state(job: str, task: int | None, word: str = "PENDING", name: str = "") -> TaskState:
    return TaskState(job, task, word, name=name or {"11": "dlc-a", "12": "dlc-b"}[job])


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> FakeQueue:
    fake = FakeQueue(
        [state("11", 0, "RUNNING"), state("11", 1), state("12", 0), state("12", 1), state("11", 9, "FAILED")]
    )
    monkeypatch.setattr(slurm, "query_squeue", fake.query_squeue)
    monkeypatch.setattr(slurm, "query_sacct", lambda *_: None)
    monkeypatch.setattr(slurm, "cancel", fake.cancel)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    return fake


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Six rows in four tasks, submitted as two arrays of two."""
    made = make_bench(tmp_path, [f"{n}.mp4" for n in range(6)])
    tasks = tuple(PlanTask(rows, 60.0, rows_digest(made.rows[n] for n in rows)) for rows in TASKS)
    paths = CampaignPaths.of(made.manifest)
    write_plan(Plan("p1", "m.csv", tasks, 60), paths.plan("p1"))
    arrays = (Array("dlc-a", 0, 2, "11"), Array("dlc-b", 2, 2, "12"))
    write_submission(paths, Submission("p1", arrays, CREATED))
    return made


def call(monkeypatch: pytest.MonkeyPatch, *argv: str | Path) -> int:
    monkeypatch.setattr(sys, "argv", ["dlcctr", "cancel", *map(str, argv)])
    return catch(lambda: make_app()(prog_name="dlcctr"))


def test_the_whole_campaign_is_named_by_its_jobs(bench: Bench, queue: FakeQueue) -> None:
    queued = find_queued(bench.manifest)
    assert [(each.job, each.running, each.pending, each.rows) for each in queued.targets] == [
        ("11", (0,), (1,), (0, 1, 2)),
        ("12", (), (0, 1), (3, 4, 5)),
    ]
    assert queued.n_tasks == 4
    assert queue.asked == [["11", "12"]]
    assert queue.cancelled == []


@pytest.mark.parametrize(
    ("rows", "jobs", "bystanders"),
    [("0", ["11_[0]"], (1,)), ("2-3", ["11_[1]", "12_[0]"], (4,)), ("3-5", ["12"], ()), ("0-5", ["11", "12"], ())],
)
def test_some_rows_take_their_tasks_with_them(
    bench: Bench, queue: FakeQueue, rows: str, jobs: list[str], bystanders: tuple[int, ...]
) -> None:
    queued = find_queued(bench.manifest, rows)
    assert [each.job for each in queued.targets] == jobs
    assert queued.bystanders == bystanders


def test_a_job_of_the_same_number_but_another_name_is_left_alone(bench: Bench, queue: FakeQueue) -> None:
    queue.states = [state("11", 0, "RUNNING", name="somebody-elses"), state("12", 1)]
    (targets,) = find_queued(bench.manifest).targets
    assert (targets.job, targets.pending) == ("12", (1,))


def test_a_range_that_squeue_cut_short(bench: Bench, queue: FakeQueue) -> None:
    queue.states = [state("11", 0, "RUNNING"), state("11", None)]
    (targets,) = find_queued(bench.manifest, "2").targets
    assert (targets.job, targets.pending) == ("11_[1]", (1,))


def test_a_submission_that_was_killed_is_completed_from_the_queue(bench: Bench, queue: FakeQueue) -> None:
    paths = CampaignPaths.of(bench.manifest)
    write_submission(paths, Submission("p1", (Array("dlc-a", 0, 2), Array("dlc-lost", 2, 2)), CREATED))
    assert [each.job for each in find_queued(bench.manifest).targets] == ["11"]
    assert [array.job_id for array in read_submissions(paths)[0].arrays] == ["11"]


def test_nothing_is_cancelled_unless_somebody_says_so(
    bench: Bench, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, bench.manifest) == ExitCode.USAGE
    streams = capsys.readouterr()
    assert "--yes" in streams.err
    assert [line.split() for line in streams.out.splitlines()[1:3]] == [
        ["11", "0", "1", "0-2"],
        ["12", "-", "0-1", "3-5"],
    ]
    assert call(monkeypatch, bench.manifest, "--json") == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["cancelled"] is False
    assert queue.cancelled == []
    assert call(monkeypatch, bench.manifest, "--yes", "--rows", "2") == 0
    assert queue.cancelled == ["11_[1]"]
    assert "cancelled 1 task" in capsys.readouterr().out
    assert call(monkeypatch, bench.manifest, "--yes", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["kind"], document["cancelled"], queue.cancelled) == ("cancel", True, ["11_[1]", "11", "12"])


@pytest.mark.parametrize(("answer", "cancelled"), [("y\n", ["11", "12"]), ("n\n", []), ("\n", [])])
def test_on_a_terminal_it_asks(
    bench: Bench, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, answer: str, cancelled: list[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert call(monkeypatch, bench.manifest) == (0 if cancelled else ExitCode.USAGE)
    assert queue.cancelled == cancelled


def test_nothing_there_is_no_failure(
    bench: Bench, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    queue.states = []
    assert call(monkeypatch, bench.manifest) == 0
    assert "nothing is waiting or running" in capsys.readouterr().out
    fresh = make_bench(tmp_path / "fresh", ["a.mp4"])
    assert call(monkeypatch, fresh.manifest) == 0
    assert "nothing was submitted" in capsys.readouterr().out
    assert not CampaignPaths.of(fresh.manifest).root.exists()


def test_what_stops_it(bench: Bench, queue: FakeQueue, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no such file"):
        find_queued(tmp_path / "none.csv")
    with pytest.raises(ManifestError, match="no row 6"):
        find_queued(bench.manifest, "6")
    queue.states = None
    with pytest.raises(TryAgainError, match="nothing was cancelled"):
        find_queued(bench.manifest)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ToolMissingError, match="squeue"):
        find_queued(bench.manifest)
    assert queue.cancelled == []
    assert not CampaignPaths.of(bench.manifest).lock.exists()


def test_real_words_for_scancel(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids that are made here are those that the caller of scancel lets through."""
    argvs: list[Any] = []
    monkeypatch.setattr(slurm.processes, "run", lambda argv, **_: argvs.append(argv) or _Done())
    slurm.cancel(["11_[1]", "12", "11_[0-3,7]"])
    assert argvs == [["scancel", "11_[0-3,7]", "11_[1]", "12"]]


class _Done:
    returncode = 0
