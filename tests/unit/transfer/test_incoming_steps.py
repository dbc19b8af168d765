from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import AnalysisError
from dlcctr.results.check import check
from dlcctr.results.row_state import State
from dlcctr.results.steps.receipt import step_failure_file, step_folder
from dlcctr.transfer.incoming_steps import choose_steps, place_steps
from entrypoint.steps import attempt
from entrypoint.steps.base import StepInput
from entrypoint.steps.run_steps import StepsRequest, run_steps
from tests.unit.support.results import Bench
from tests.unit.support.steps import FakeSteps, make_steps_bench

STEPS: list[dict[str, Any]] = [{"name": "smooth", "kind": "filter"}, {"name": "csv", "of": "smooth"}]


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> FakeSteps:
    found = FakeSteps([], {})
    monkeypatch.setattr(attempt, "find_step", found.step_of)
    return found


def both(folder: Path) -> tuple[Bench, Bench]:
    """The same campaign here, with analysed rows only, and there."""
    there = make_steps_bench(folder / "there", ["a.mp4", "b.mp4"], STEPS)
    here = make_steps_bench(folder / "here", ["a.mp4", "b.mp4"], STEPS)
    for index in range(2):  # as fetch brings them
        shutil.rmtree(here.folder(index))
        shutil.copytree(there.folder(index), here.folder(index))
    return here, there


def mirror(here: Bench, there: Bench, private: Path) -> list[Any]:
    """What rsync brings: receipts first, then what is chosen."""
    shutil.rmtree(private, ignore_errors=True)
    for file in there.campaign.out.rglob("*.json"):
        target = private / "receipts" / file.relative_to(there.campaign.out)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    steps, notes = choose_steps(private, here.campaign, here.rows, here.rows)
    assert notes == []
    for each in steps:
        shutil.copytree(there.campaign.out / each.name, each.private)
    return steps


def test_steps_come_with_their_rows_once(tmp_path: Path, fakes: FakeSteps) -> None:
    here, there = both(tmp_path)
    assert run_steps(StepsRequest(there.manifest)) == ExitCode.OK
    assert [each.state for each in check(here.manifest).rows] == [State.UNFINISHED] * 2
    steps = mirror(here, there, tmp_path / "private")
    assert [(each.row, each.receipt.name) for each in steps] == [(0, "smooth"), (0, "csv"), (1, "smooth"), (1, "csv")]
    assert [wrong for _, wrong in place_steps(steps)] == [""] * 4
    assert [each.state for each in check(here.manifest).rows] == [State.WHOLE] * 2
    assert mirror(here, there, tmp_path / "private") == []


def test_a_step_that_does_not_come_whole_leaves_its_row(tmp_path: Path, fakes: FakeSteps) -> None:
    here, there = both(tmp_path)
    run_steps(StepsRequest(there.manifest))
    steps = mirror(here, there, tmp_path / "private")
    (steps[1].private / "csv.txt").write_text("cut")
    (steps[3].private / "receipt.json").unlink()
    said = [wrong for _, wrong in place_steps(steps)]
    assert [bool(each) for each in said] == [False, True, False, True]
    assert "csv.txt has 3 bytes" in said[1] and said[3] == "it has not come as a whole"
    assert [each.cause for each in check(here.manifest).rows] == ["its analysis is whole; steps due: csv"] * 2


def test_why_a_step_failed_there_is_told_here(tmp_path: Path, fakes: FakeSteps) -> None:
    def fail(_: StepInput) -> None:
        raise AnalysisError("no luck", "")

    here, there = both(tmp_path)
    fakes.on_run["filter"] = fail
    run_steps(StepsRequest(there.manifest))
    assert mirror(here, there, tmp_path / "private") == []
    assert "step smooth failed: no luck" in check(here.manifest).rows[0].cause
    fakes.on_run.clear()
    run_steps(StepsRequest(there.manifest))
    assert all(not wrong for _, wrong in place_steps(mirror(here, there, tmp_path / "private")))
    assert not step_failure_file(here.folder(0), "smooth").exists()


def test_newer_steps_here_stay(tmp_path: Path, fakes: FakeSteps, monkeypatch: pytest.MonkeyPatch) -> None:
    here, there = both(tmp_path)
    run_steps(StepsRequest(there.manifest))
    monkeypatch.setattr("entrypoint.environment.provenance.now", lambda: "2099-01-01T00:00:00+00:00")
    run_steps(StepsRequest(here.manifest))
    mine = (step_folder(here.folder(0), "csv") / "receipt.json").read_bytes()
    assert mirror(here, there, tmp_path / "private") == []
    assert (step_folder(here.folder(0), "csv") / "receipt.json").read_bytes() == mine
