"""Which image an evaluation needs, and the words that it gets."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dlcctr.cli import make_app
from dlcctr.runtime import evaluate_run
from dlcctr.runtime.evaluate_run import engine_of
from dlcctr.training.project import read_train_project
from tests.unit.support.projects import config, pytorch_project, tensorflow_project, write_json


def test_the_engine_is_that_of_what_is_trained_there(tmp_path: Path) -> None:
    """A project that changed its engine: the round before is TensorFlow's."""
    tensorflow_project(tmp_path / "p")
    (tmp_path / "p/dlc-models-pytorch/iteration-1/mouseJan1-trainset95shuffle4/train").mkdir(parents=True)
    (tmp_path / "p/dlc-models-pytorch/iteration-1/mouseJan1-trainset95shuffle4/train/snapshot-9.pt").write_bytes(b"x")
    write_json(tmp_path / "p/config.yaml", config(engine="pytorch", iteration=1))
    project = read_train_project(tmp_path / "p")
    assert [engine_of(project, number, None) for number in (0, 1, 2)] == ["tensorflow", "pytorch", "pytorch"]
    assert (engine_of(project, 0, 1), engine_of(project, 1, 4), engine_of(project, 0, 9)) == (
        "tensorflow", "pytorch", "pytorch",
    )  # fmt: skip


def test_a_shuffle_of_both_engines_is_the_projects(tmp_path: Path) -> None:
    tensorflow_project(pytorch_project(tmp_path / "p"))
    write_json(tmp_path / "p/config.yaml", config(engine="tensorflow"))
    assert engine_of(read_train_project(tmp_path / "p"), 0, None) == "tensorflow"


def test_every_choice_of_the_image_can_be_made_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def run(_: object, words: list[str], **options: object) -> int:
        asked.append((words, options["shuffle"], options["iteration"]))
        return 0

    monkeypatch.setattr(evaluate_run, "run_evaluation", run)
    project = str(pytorch_project(tmp_path / "p"))
    words = ["--shuffle", "2", "--iteration", "1", "--trainset-index", "0", "--snapshot", "best", "--beside", "none"]
    assert CliRunner().invoke(make_app(), ["evaluate", project, *words]).exit_code == 0
    assert asked == [([*words, "--pck-px", "5"], 2, 1)]
