"""Training on this machine: what the image's command is given, and how its end is told."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dlcctr.cli import make_app
from dlcctr.contract import ExitCode
from dlcctr.errors import GpuError, UsageError
from dlcctr.runtime import train_run
from dlcctr.runtime.base import Command, Job
from dlcctr.runtime.containers.binds import Bind
from dlcctr.training.record import TRAINING_FILENAME, TRAININGS
from tests.unit.support.projects import pytorch_project, train_folder
from tests.unit.training.test_project import state


@dataclass
class Recorded:
    """A runtime whose command ends with a code for each shuffle; keeps what it was given."""

    codes: dict[str, int] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    contained: bool = True
    name: str = "recorded"
    subject: str = "a script"

    def command(self, job: Job) -> Command:
        self.jobs.append(job)
        code = self.codes.get(job.words[job.words.index("--shuffle") + 1], 0)
        return Command([sys.executable, "-c", f"raise SystemExit({code})"], dict(os.environ))

    def clean(self, job: Job) -> None:
        pass


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return pytorch_project(tmp_path / "mouse lab")


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    made = Recorded()
    monkeypatch.setattr(train_run, "pick_runtime", lambda *_: made)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    return made


def run(project: Path, *words: str) -> Result:
    return CliRunner().invoke(make_app(), ["train", "run", str(project), *words])


def test_each_shuffle_is_a_command_of_the_image(project: Path, runtime: Recorded, tmp_path: Path) -> None:
    weights = tmp_path / "start.pt"
    weights.touch()
    words = ["--shuffle", "2", "--shuffle", "3", "--seed", "7", "--weights", str(weights), "--allow-cpu", "--trial"]
    done = run(project, *words)
    assert done.exit_code == 0, done.output
    more = ["--seed", "7", "--weights", str(weights), "--allow-cpu", "--trial"]
    assert [job.words for job in runtime.jobs] == [
        ["train", str(project), "--shuffle", "2", *more],
        ["train", str(project), "--shuffle", "3", *more],
    ]
    assert set(runtime.jobs[0].binds) == {Bind(project, project, writable=True), Bind(weights, weights)}
    assert runtime.jobs[0].gpu is None
    assert "next: dlcctr train status" in done.output


def test_what_is_trained_is_evaluated_next(project: Path, runtime: Recorded) -> None:
    assert f"next: dlcctr loop status '{project}'\n" in run(project, "--allow-cpu").output


@pytest.mark.parametrize("name", ["snapshot-1000", "snapshot-1000.index", "snapshot-1000.data-00000-of-00001"])
def test_the_folder_of_a_tensorflow_snapshot_is_seen(
    project: Path, runtime: Recorded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    train = tmp_path / "other" / "train"
    train.mkdir(parents=True)
    for ending in (".index", ".meta", ".data-00000-of-00001"):
        (train / f"snapshot-1000{ending}").touch()
    monkeypatch.chdir(train)
    assert run(project, "--allow-cpu", "--weights", name).exit_code == 0
    assert runtime.jobs[0].words[-3:] == ["--weights", str(train / name), "--allow-cpu"]
    assert Bind(train, train) in runtime.jobs[0].binds


def test_weights_that_are_not_there_are_refused_at_once(project: Path, runtime: Recorded) -> None:
    done = run(project, "--allow-cpu", "--weights", "nothere.pt")
    assert isinstance(done.exception, UsageError) and "--weights nothere.pt" in done.exception.message
    assert not runtime.jobs
    assert run(project, "--allow-cpu", "--weights", "none").exit_code == 0


def test_one_gpu_is_given(project: Path, runtime: Recorded) -> None:
    assert run(project, "--gpus", "1,2").exit_code == 0
    assert runtime.jobs[0].gpu == "1"


def test_without_a_gpu_the_cpu_must_be_asked_for(project: Path, runtime: Recorded) -> None:
    done = run(project)
    assert isinstance(done.exception, GpuError)
    assert not runtime.jobs


def test_a_bad_shuffle_does_not_stop_the_others(project: Path, runtime: Recorded) -> None:
    runtime.codes = {"2": int(ExitCode.MODEL)}
    done = run(project, "--shuffle", "2", "--shuffle", "3", "--allow-cpu")
    assert done.exit_code == ExitCode.MODEL
    assert len(runtime.jobs) == 2
    assert "shuffle 2: exit code 5" in done.output and "next: dlcctr train status" in done.output


def test_a_stop_stops_all(project: Path, runtime: Recorded) -> None:
    runtime.codes = {"2": int(ExitCode.TRY_AGAIN)}
    done = run(project, "--shuffle", "2", "--shuffle", "3", "--allow-cpu")
    assert done.exit_code == ExitCode.TRY_AGAIN
    assert len(runtime.jobs) == 1
    assert "goes on from the last snapshot" in done.output


def test_what_is_trained_is_left_out(project: Path, runtime: Recorded) -> None:
    (train_folder(project) / TRAINING_FILENAME).write_text(TRAININGS.text(state()))
    done = run(project, "--allow-cpu")
    assert (done.exit_code, runtime.jobs) == (0, [])
    assert "left out" in done.output
    assert run(project, "--allow-cpu", "--trial").exit_code == 0
    assert len(runtime.jobs) == 1, "a trial may be repeated"
    refused = run(project, "--allow-cpu", "--epochs", "10")
    assert isinstance(refused.exception, UsageError) and "is trained for 9 epochs" in refused.exception.message


def test_natively_nothing_is_bound(project: Path, runtime: Recorded) -> None:
    runtime.contained = False
    assert run(project, "--allow-cpu").exit_code == 0
    assert runtime.jobs[0].binds == ()
