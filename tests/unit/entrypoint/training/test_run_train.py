"""The supervisor, with a child process that plays DeepLabCut's part."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import AnalysisError, ModelError, TryAgainError, UsageError
from dlcctr.model.curve.losses import read_losses
from dlcctr.training.record import TRAINING_FILENAME, Status, Training, find_training, find_trial, lock_file
from entrypoint.training import child_process, run_train, train_shuffle
from entrypoint.training.child.settings_before import Difference
from entrypoint.training.request import TrainRequest

CONFIG = "Task: t\ndate: Jan1\nTrainingFraction: [0.95]\niteration: 0\n"
CHILD = """
import json, os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from dlcctr.model.curve.losses import LossRow
from dlcctr.training.record import StartWeights
from entrypoint.training.events import *
order = parse_order(sys.stdin.readline())
out = os.fdopen(int(sys.argv[2]), "wb", buffering=0)
tell = lambda event: out.write(event_line(event))
train = Path(order.config).parent / f"dlc-models-pytorch/iteration-0/tJan1-trainset95shuffle{order.shuffle}/train"
train.mkdir(parents=True, exist_ok=True)
kept = train / "kept.json"
curve = json.loads(kept.read_text()) if kept.exists() else []
wanted, seed = order.epochs or 6, order.seed or 42
left_out = ["m1", "m2", "m3", "m4"] if seed == 77 else []
settings = [f"runner.key{n} 1 (before: 2)" for n in range(7)] if seed == 78 else []
lost = {"unlisted": left_out, "others": left_out[:1], "settings": settings}
tell(Planned(seed, wanted, "resnet_50", order.batch_size or 8, 19, 1, software={"torch": "2"}, **lost))
if order.trial:
    tell(Measured("pose", 2.0, wanted, 12, 300.0))
    tell(Ended())
    os._exit(0)
if not curve:
    tell(Weights(StartWeights("file", "/w.pt", "ab")))
tell(Began("pose", len(curve), wanted, curve, "from the checkpoint" if curve else ""))
PLAN
for epoch in range(len(curve) + 1, wanted + 1):
    curve.append(row_cells(LossRow("pose", epoch, 1 / epoch, seconds=0.5)))
    tell(Progress(curve[-1], 123.0, 0.0, ""))
    kept.write_text(json.dumps(curve))
    AFTER
tell(Ended("snapshot-%03d.pt" % wanted))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(run_train, "own_engine", lambda: "pytorch")
    monkeypatch.setattr(train_shuffle, "LOCK_WAIT_S", 0.1)
    monkeypatch.setenv("DLCCTR_SCRATCH", str(tmp_path))
    plays(monkeypatch)
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "config.yaml").write_text(CONFIG)
    yield folder


def plays(monkeypatch: pytest.MonkeyPatch, plan: str = "", after: str = "pass") -> None:
    monkeypatch.setattr(child_process, "BOOT", CHILD.replace("PLAN", plan).replace("AFTER", after))


def request(project: Path, **options: object) -> TrainRequest:
    return replace(TrainRequest(project, device="cpu"), **options)  # type: ignore[arg-type]


def train_of(project: Path, shuffle: int = 1) -> Path:
    return project / f"dlc-models-pytorch/iteration-0/tJan1-trainset95shuffle{shuffle}/train"


def state(project: Path, shuffle: int = 1) -> Training:
    found = find_training(train_of(project, shuffle))
    assert found
    return found


def test_a_training_leaves_its_state_and_its_curve(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_train.run_train(request(project, seed=3)) == ExitCode.OK
    found = state(project)
    assert (found.status, found.epochs_done, found.epochs_wanted, found.seed) == (Status.DONE, 6, 6, 3)
    assert (found.start.kind, found.snapshot, found.host_mb, found.starts) == ("file", "snapshot-006.pt", 123.0, 1)
    assert found.seconds_per_epoch == 0.5 and found.seconds_left == 0
    assert [row.train_loss for row in read_losses(train_of(project))] == [1 / n for n in range(1, 7)]
    shown = capsys.readouterr().out
    assert "shuffle 1: epoch 6 of 6, loss 0.167" in shown and "snapshot-006.pt" in shown and "▁" in shown


@pytest.mark.parametrize("trial", [True, False])
def test_labels_that_are_not_in_the_training_set_are_said(
    project: Path, capsys: pytest.CaptureFixture[str], trial: bool
) -> None:
    run_train.run_train(request(project, seed=77, trial=trial))
    said = capsys.readouterr().err
    assert "shuffle 1: the labels of 4 folders are not in its training set" in said and "m1, m2, m3;" in said
    assert "dlcctr labels add PROJECT PROJECT/labeled-data" in said
    assert "the labels of 1 folder are not in its training set, since they are of other scorers" in said
    assert said.rstrip().endswith("--any-scorer")


@pytest.mark.parametrize("trial", [True, False])
def test_settings_that_the_training_before_had_otherwise_are_said(
    project: Path, capsys: pytest.CaptureFixture[str], trial: bool
) -> None:
    run_train.run_train(request(project, seed=78, trial=trial))
    said = capsys.readouterr().err
    assert "runner.key4 1 (before: 2); and 2 more; to have those, run this again with --same-settings" in said
    run_train.run_train(request(project, shuffles=(2,), seed=78, trial=trial, same_settings=True))
    assert "shuffle 2: 7 settings of the training before: runner.key0 1 (before: 2);" in capsys.readouterr().out


def test_settings_cannot_be_taken_over_by_a_training_that_has_begun(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(monkeypatch, after="if epoch == 3: os._exit(9)")
    with pytest.raises(AnalysisError):
        run_train.run_train(request(project))
    assert state(project).epochs_done == 3
    monkeypatch.setattr(train_shuffle, "still_other", lambda *_: [Difference(("train_settings", "epochs"), 400, 200)])
    with pytest.raises(UsageError, match=r"train_settings.epochs 200 \(before: 400\)"):
        run_train.run_train(request(project, same_settings=True))
    plays(monkeypatch)
    monkeypatch.setattr(train_shuffle, "still_other", lambda *_: [])
    assert run_train.run_train(request(project, same_settings=True)) == ExitCode.OK


def test_what_is_trained_is_not_trained_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_train.run_train(request(project))
    plays(monkeypatch, plan="raise SystemExit(9)")
    assert run_train.run_train(request(project)) == ExitCode.OK
    assert run_train.run_train(request(project / "config.yaml", epochs=6)) == ExitCode.OK
    with pytest.raises(UsageError, match="--epochs 7 is another number"):
        run_train.run_train(request(project, epochs=7))


def test_it_goes_on_after_it_was_killed_and_the_curve_has_every_epoch_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(monkeypatch, after="os.kill(os.getpid(), 9) if epoch == 3 else None")
    with pytest.raises(AnalysisError, match="killed by the system"):
        run_train.run_train(request(project, seed=5, epochs=8))
    assert (state(project).status, state(project).exit_code) == (Status.FAILED, ExitCode.ANALYSIS)
    plays(monkeypatch)
    run_train.run_train(request(project))
    found = state(project)
    assert (found.status, found.seed, found.epochs_wanted, found.starts) == (Status.DONE, 5, 8, 2)
    assert found.start.path == "/w.pt" and not found.cause
    assert [row.epoch for row in read_losses(train_of(project))] == list(range(1, 9))


def test_a_signal_stops_it_with_75_and_leaves_it_interrupted(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = project.parent / "waits"
    plays(monkeypatch, after=f"epoch == 3 and (Path({str(waits)!r}).touch(), time.sleep(600))")

    def interrupt() -> None:
        while not waits.exists():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(TryAgainError, match="stopped by SIGTERM") as stop:
        run_train.run_train(request(project))
    assert stop.value.exit_code == ExitCode.TRY_AGAIN and "goes on from the last checkpoint" in stop.value.hint
    assert (state(project).status, state(project).exit_code) == (Status.INTERRUPTED, ExitCode.TRY_AGAIN)


def test_one_shuffle_that_fails_does_not_stop_the_next(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plays(monkeypatch, plan="order.shuffle == 1 and (tell(Failed(5, 'no labels', 'label')), os._exit(0))")
    assert run_train.run_train(request(project, shuffles=(1, 2))) == ExitCode.MODEL
    assert "shuffle 1: no labels" in capsys.readouterr().err
    assert (state(project, 1).cause, state(project, 2).status) == ("no labels", Status.DONE)


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"seed": 6}, "--seed 5, not 6"),
        ({"batch_size": 2}, "--batch-size 8, not 2"),
        ({"precision": "amp"}, "--precision float32, not amp"),
        ({"weights": "none"}, "--weights /w.pt, not none"),
        ({"epochs": 2}, "--epochs 2 are fewer"),
    ],
)
def test_it_never_goes_on_as_another_training(
    project: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], names: str
) -> None:
    plays(monkeypatch, after="os._exit(3) if epoch == 3 else time.sleep(0.01)")
    with pytest.raises(AnalysisError, match="exit code 3"):
        run_train.run_train(request(project, seed=5, weights="/w.pt"))
    with pytest.raises(UsageError, match=names):
        run_train.run_train(request(project, **options))


def test_what_failed_before_its_first_epoch_may_begin_in_another_way(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plays(monkeypatch, plan="(tell(Failed(5, 'no weights', '')), os._exit(0))")
    with pytest.raises(ModelError, match="no weights"):
        run_train.run_train(request(project, seed=5, epochs=4, weights="none"))
    plays(monkeypatch, plan="assert (order.weights, order.seed, order.epochs) == ('none', 6, 4), order")
    run_train.run_train(request(project, seed=6))
    assert (state(project).seed, state(project).epochs_done, state(project).weights) == (6, 4, "none")


def test_a_schedule_that_ends_before_what_was_asked_for_is_done(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_process, "BOOT", child_process.BOOT.replace("order.epochs or 6", "min(order.epochs, 6)"))
    run_train.run_train(request(project, epochs=9))
    assert (state(project).epochs_wanted, state(project).epochs_asked) == (6, 9)
    plays(monkeypatch, plan="raise SystemExit(9)")
    assert run_train.run_train(request(project, epochs=9)) == ExitCode.OK


def test_snapshots_of_somebody_else_are_never_overwritten(project: Path) -> None:
    train_of(project).mkdir(parents=True)
    (train_of(project) / "snapshot-200.pt").touch()
    with pytest.raises(ModelError, match=r"snapshots that DeepLabCut made \(snapshot-200\)"):
        run_train.run_train(request(project))


def test_two_trainings_never_write_one_shuffle(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    run_train.run_train(request(project))
    lock = lock_file(train_of(project))
    with lock.open("r+") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        with pytest.raises(TryAgainError, match="another process trains this shuffle"):
            run_train.run_train(request(project))


def test_a_trial_writes_one_file(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_train.run_train(request(project, trial=True, epochs=100))
    trial = find_trial(train_of(project))
    assert trial and (trial.seconds_per_epoch, trial.epochs_wanted, trial.host_mb) == (2.0, 100, 300.0)
    assert (trial.frames_train, trial.frames_test, trial.batch_size) == (19, 1, 8)
    assert [each.name for each in train_of(project).iterdir()] == ["dlcctr-trial.json"]
    assert "2 s for each epoch, 100 take about 3 min; memory 314.6 MB" in capsys.readouterr().out


def test_a_damaged_state_is_named(project: Path) -> None:
    train_of(project).mkdir(parents=True)
    (train_of(project) / TRAINING_FILENAME).write_text("{")
    with pytest.raises(ModelError, match=TRAINING_FILENAME):
        run_train.run_train(request(project))


@pytest.mark.parametrize("text", ["", "Task: t\n", "Task: [", "Task: t\ndate: J\nTrainingFraction: x\niteration: 0\n"])
def test_a_broken_config_is_named(project: Path, text: str) -> None:
    (project / "config.yaml").write_text(text)
    with pytest.raises(ModelError, match=r"config\.yaml"):
        run_train.run_train(request(project))


def test_amp_is_pytorchs(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_train, "own_engine", lambda: "tensorflow")
    with pytest.raises(UsageError, match="tensorflow trains in float32"):
        run_train.run_train(request(project, precision="amp"))
