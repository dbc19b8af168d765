from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy
import pytest

from dlcctr.campaign.manifest import read_manifest, write_manifest
from dlcctr.contract import ExitCode
from dlcctr.errors import AnalysisError, UsageError
from dlcctr.results.check import check
from dlcctr.results.h5.positions import open_positions
from dlcctr.results.row_state import State
from dlcctr.results.steps.receipt import Made, read_step_failure, read_step_receipt, step_folder
from dlcctr.results.steps.rows import CampaignRows
from entrypoint.steps import attempt
from entrypoint.steps.base import StepInput
from entrypoint.steps.run_steps import StepsRequest, run_steps
from tests.unit.support.results import Bench
from tests.unit.support.steps import FakeSteps, finish, make_steps_bench, set_steps


@pytest.fixture
def fake_steps(monkeypatch: pytest.MonkeyPatch) -> FakeSteps:
    """In place of all real steps."""
    fakes = FakeSteps([], {})
    monkeypatch.setattr(attempt, "find_step", fakes.step_of)
    return fakes


THREE: list[dict[str, Any]] = [{"name": "smooth", "kind": "filter"}, {"name": "nwb", "of": "smooth"}, {"name": "csv"}]


def states(bench: Bench, index: int = 0) -> dict[str, str]:
    rows = CampaignRows(bench.campaign, bench.rows)
    found = rows.steps(bench.rows[index], rows.receipt(bench.rows[index]))
    return {each.spec.name: each.state.value for each in found}


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_steps_are_done_in_order_and_a_rerun_changes_nothing(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4", "b.mp4"], THREE)
    assert states(bench) == {"smooth": "due", "nwb": "waiting", "csv": "due"}
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    assert fake_steps.ran == ["smooth", "nwb", "csv"] * 2
    assert set(states(bench).values()) == {"done"}
    receipt = read_step_receipt(bench.folder(0), "nwb")
    assert receipt is not None and receipt.state is Made.OK and receipt.of == "smooth"
    (read,) = receipt.inputs
    assert read.path.startswith("steps/smooth/") and read.path.endswith("_smooth.h5")
    smooth = read_step_receipt(bench.folder(0), "smooth")
    assert smooth is not None and smooth.facts == {"changed": 20.0}
    assert (smooth.inputs[0].path, smooth.inputs[0].sha256) == next(
        (entry.name, entry.sha256) for entry in bench.receipt(0).files if entry.name.endswith(".h5")
    )
    before = content(tmp_path)
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    assert content(tmp_path) == before and len(fake_steps.ran) == 6


@pytest.mark.parametrize("given", [True, False])
def test_what_is_compiled_goes_where_the_task_keeps_it(
    tmp_path: Path, fake_steps: FakeSteps, monkeypatch: pytest.MonkeyPatch, *, given: bool
) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE[:1])
    if given:
        monkeypatch.setenv("DLCCTR_COMPILED", "/kept")
    seen: list[str] = []
    fake_steps.on_run["filter"] = lambda _: seen.append(os.environ["NUMBA_CACHE_DIR"])
    run_steps(StepsRequest(bench.manifest))
    assert (seen == ["/kept"]) is given


def test_a_step_works_on_the_positions_that_it_is_of(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(
        tmp_path, ["a.mp4"], [{"name": "one", "kind": "filter"}, {"name": "two", "kind": "filter", "of": "one"}]
    )
    run_steps(StepsRequest(bench.manifest))
    (raw,) = bench.folder(0).glob("*.h5")
    (two,) = step_folder(bench.folder(0), "two").glob("*.h5")
    with open_positions(raw) as before, open_positions(two) as after:
        numpy.testing.assert_allclose(after.read(0, 20)[:, :, 0], before.read(0, 20)[:, :, 0] + 2)


def test_a_changed_parameter_redoes_the_step_and_what_depends_on_it_only(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    run_steps(StepsRequest(bench.manifest))
    set_steps(bench, [{"name": "smooth", "kind": "ensemble"}, *THREE[1:]])
    assert states(bench) == {"smooth": "due again", "nwb": "waiting", "csv": "done"}
    assert check(bench.manifest).rows[0].state is State.UNFINISHED
    fake_steps.ran.clear()
    run_steps(StepsRequest(bench.manifest))
    # the same bytes come out of the other kind: its dependent is as it was
    assert fake_steps.ran == ["smooth"] and set(states(bench).values()) == {"done"}


def test_nothing_is_left_of_what_a_step_replaces(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    run_steps(StepsRequest(bench.manifest))
    folder = step_folder(bench.folder(0), "smooth")
    (folder / "note.txt").write_text("mine")
    for seed in (98, 99):
        finish(bench, 0, seed=seed)
        run_steps(StepsRequest(bench.manifest))
    assert sorted(each.name for each in folder.parent.iterdir()) == ["csv", "nwb", "smooth"]
    assert (folder / "note.txt").read_text() == "mine"


def test_other_positions_make_all_steps_due_again(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    run_steps(StepsRequest(bench.manifest))
    finish(bench, 0, seed=99)
    assert states(bench) == {"smooth": "due again", "nwb": "waiting", "csv": "due again"}
    fake_steps.ran.clear()
    run_steps(StepsRequest(bench.manifest))
    assert fake_steps.ran == ["smooth", "nwb", "csv"]


def test_a_failure_harms_nothing_and_is_tried_again(
    tmp_path: Path, fake_steps: FakeSteps, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    analysis = content(bench.folder(0))

    def fail(_: StepInput) -> None:
        raise AnalysisError("no luck", "try again")

    fake_steps.on_run["filter"] = fail
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.ANALYSIS
    assert "row 0 (a.mp4): smooth: no luck" in capsys.readouterr().err
    assert states(bench) == {"smooth": "failed", "nwb": "waiting", "csv": "done"}
    failure = read_step_failure(bench.folder(0), "smooth")
    assert failure is not None and (failure.exit_code, failure.cause) == (7, "no luck (try again)")
    (row,) = check(bench.manifest).rows
    assert row.state is State.FAILED and row.analysed
    assert row.cause == "its analysis is whole; step smooth failed: no luck (try again); steps due: nwb"
    assert {name: data for name, data in content(bench.folder(0)).items() if "/" not in name} == analysis
    fake_steps.on_run.clear()
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    assert read_step_failure(bench.folder(0), "smooth") is None
    assert check(bench.manifest).rows[0].state is State.WHOLE


def test_an_edited_file_of_a_step_is_found_and_made_again(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], [{"name": "csv"}])
    run_steps(StepsRequest(bench.manifest))
    file = step_folder(bench.folder(0), "csv") / "csv.txt"
    whole = file.read_text()
    file.write_text("edited")
    (row,) = check(bench.manifest).rows
    assert row.state is State.UNFINISHED and "step csv is broken: csv.txt has 6 bytes" in row.cause
    run_steps(StepsRequest(bench.manifest))
    assert file.read_text() == whole and check(bench.manifest).rows[0].state is State.WHOLE


def test_one_step_by_name_with_what_it_needs(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4", "b.mp4"], THREE)
    run_steps(StepsRequest(bench.manifest, "nwb", index=1))
    assert fake_steps.ran == ["smooth", "nwb"] and states(bench, 1)["csv"] == "due"
    with pytest.raises(UsageError, match="no step 'video'; it has: smooth, nwb, csv"):
        run_steps(StepsRequest(bench.manifest, "video"))


def test_rows_without_a_result_are_counted(
    tmp_path: Path, fake_steps: FakeSteps, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4", "b.mp4"], [{"name": "csv"}])
    shutil.rmtree(bench.folder(1))
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    assert "2 rows: 1 step done; 1 row without a whole result (`check` says why)" in capsys.readouterr().out
    assert run_steps(StepsRequest(bench.manifest, index=1)) == ExitCode.OUTPUT
    assert not bench.folder(1).exists()


def test_joined_rows_have_their_step_in_the_last(tmp_path: Path, fake_steps: FakeSteps) -> None:
    steps: list[dict[str, Any]] = [{"name": "ensemble"}, {"name": "csv", "of": "ensemble"}]
    bench = make_steps_bench(tmp_path, ["a.mp4", "b.mp4"], steps)
    bench.rows.append(replace(bench.rows[0], index=2))  # the same folder: enough for who reads what
    write_manifest(bench.manifest, bench.rows)
    assert states(bench, 0) == {"ensemble": "elsewhere", "csv": "elsewhere"}
    assert states(bench, 2) == {"ensemble": "due", "csv": "waiting"}
    run_steps(StepsRequest(bench.manifest, index=2))
    receipt = read_step_receipt(bench.folder(2), "ensemble")
    assert receipt is not None and [each.path[:7] for each in receipt.inputs] == [receipt.inputs[0].path[:7], "row 0: "]
    assert states(bench, 2) == {"ensemble": "done", "csv": "done"}


def test_a_step_reads_what_it_shows_beside(tmp_path: Path, fake_steps: FakeSteps) -> None:
    steps = [{"name": "smooth", "kind": "filter"}, {"name": "csv"}, {"name": "label-video", "beside": "smooth"}]
    bench = make_steps_bench(tmp_path, ["a.mp4"], steps)
    assert states(bench) == {"smooth": "due", "csv": "due", "label-video": "waiting"}
    run_steps(StepsRequest(bench.manifest, "label-video"))
    assert fake_steps.ran == ["smooth", "label-video"]
    set_steps(bench, [steps[0], {"name": "label-video", "beside": "rows"}])
    bench.rows.append(replace(bench.rows[0], index=1))
    write_manifest(bench.manifest, bench.rows)
    assert [states(bench, index)["label-video"] for index in (0, 1)] == ["elsewhere", "due again"]


def test_what_a_killed_step_kept_is_for_the_same_inputs_only(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], [{"name": "tracks"}])
    seen: list[list[str]] = []

    def die(given: StepInput) -> None:
        seen.append(sorted(file.name for file in given.kept.iterdir()))
        (given.kept / "part").write_text("half")
        raise AnalysisError("killed", "")

    fake_steps.on_run["tracks"] = die
    for _ in range(2):
        run_steps(StepsRequest(bench.manifest))
    finish(bench, 0, seed=7)
    run_steps(StepsRequest(bench.manifest))
    assert seen == [["key"], ["key", "part"], ["key"]]
    fake_steps.on_run.clear()
    run_steps(StepsRequest(bench.manifest))
    assert sorted(file.name for file in (bench.folder(0) / "steps").iterdir()) == ["tracks"]


KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from entrypoint.steps import attempt
from entrypoint.steps import attempt
from entrypoint.steps.base import StepResult
from entrypoint.steps.run_steps import StepsRequest, run_steps

calls = 0
def trace(frame, event, arg):
    global calls
    if "dlcctr" in frame.f_code.co_filename or "entrypoint" in frame.f_code.co_filename:
        calls += 1
        if calls == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

def run(given):
    given.take_positions()
    (given.work / "a.txt").write_text("made")
    return StepResult([given.work / "a.txt"])

attempt.find_step = lambda spec: SimpleNamespace(run=run)
sys.setprofile(trace)
code = run_steps(StepsRequest(Path(sys.argv[1])))
sys.setprofile(None)
print(calls)
sys.exit(int(code))
"""


def test_a_step_killed_anywhere_is_done_by_the_next_run(tmp_path: Path) -> None:
    bench = make_steps_bench(tmp_path / "whole", ["a.mp4"], [{"name": "csv"}])

    def run(manifest: Path, at: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", KILLED, str(manifest), str(at)], capture_output=True, text=True, check=False
        )

    whole = run(bench.manifest, 0)
    assert whole.returncode == 0, whole.stderr
    total = int(whole.stdout.split()[-1])
    for n, at in enumerate(numpy.linspace(total * 0.1, total * 0.97, 20).astype(int)):
        other = make_steps_bench(tmp_path / str(n), ["a.mp4"], [{"name": "csv"}])
        analysis = content(other.folder(0))
        assert run(other.manifest, int(at)).returncode == -9
        assert check(other.manifest).rows[0].state in (State.WHOLE, State.UNFINISHED)
        assert run(other.manifest, 0).returncode == 0
        assert check(other.manifest).rows[0].state is State.WHOLE
        held = content(other.folder(0))
        assert {name: data for name, data in held.items() if not name.startswith("steps/")} == analysis
        assert held["steps/csv/a.txt"] == b"made"


def test_a_step_is_due_again_when_a_cell_that_it_took_has_changed(tmp_path: Path, fake_steps: FakeSteps) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], [{"name": "nwb"}, {"name": "csv"}])
    fake_steps.on_run["nwb"] = lambda given: print(given.take_cell("animal"), given.take_cell("sex"))
    lines = bench.manifest.read_text(encoding="utf-8").splitlines()

    def write(animal: str, other: str = "") -> None:
        bench.manifest.write_text(f"{lines[0]},Animal,other\n{lines[1]},{animal},{other}\n", encoding="utf-8")
        bench.rows = read_manifest(bench.manifest)

    write("m1")
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK and states(bench) == {"nwb": "done", "csv": "done"}
    write(" m1 ", "something that no step has taken")
    assert states(bench) == {"nwb": "done", "csv": "done"}
    write("m2")
    assert states(bench) == {"nwb": "due again", "csv": "done"}
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK and states(bench)["nwb"] == "done"
    assert fake_steps.ran == ["nwb", "csv", "nwb"]


def test_what_only_the_last_row_has_is_shown_beside_the_others_analyses(tmp_path: Path, fake_steps: FakeSteps) -> None:
    steps = [
        {"name": "own", "kind": "filter"},
        {"name": "ensemble"},
        {"name": "smooth", "kind": "filter", "of": "ensemble"},
        {"name": "drawn", "kind": "label-video", "of": "smooth", "beside": "rows"},
        {"name": "plain", "kind": "label-video", "of": "own", "beside": "rows"},
    ]
    bench = make_steps_bench(tmp_path, ["a.mp4", "b.mp4"], steps)
    rows = CampaignRows(bench.campaign, bench.rows)
    of = {step.name: attempt.of_others(step, rows) for step in bench.campaign.steps}
    assert of["drawn"] == "analysis" and of["plain"] == "own"


def test_one_row_without_a_result_is_said(
    tmp_path: Path, fake_steps: FakeSteps, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    shutil.rmtree(bench.folder(0))
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    assert capsys.readouterr().out == "1 row: 0 steps done; 1 row without a whole result (`check` says why)\n"


def test_what_is_said_of_an_unknown_step_can_be_typed(tmp_path: Path) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    with pytest.raises(UsageError, match="it has: smooth, nwb, csv") as caught:
        run_steps(StepsRequest(bench.manifest, name="filtre"))
    assert f"dlcctr steps list {bench.manifest}" in caught.value.hint and "filtre" not in caught.value.hint


@pytest.mark.parametrize("name", ["row 3.mp4", "row boat.mp4", "row 1: a.mp4"])
def test_a_video_that_is_called_like_a_row_has_its_steps_done_once(
    tmp_path: Path, fake_steps: FakeSteps, name: str
) -> None:
    bench = make_steps_bench(tmp_path, [name, "b.mp4"], THREE)
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    assert set(states(bench).values()) == {"done"}


def test_nothing_is_made_of_a_table_that_was_edited(
    tmp_path: Path, fake_steps: FakeSteps, capsys: pytest.CaptureFixture[str]
) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], THREE)
    (table,) = bench.folder(0).glob("*.h5")
    whole = table.read_bytes()
    table.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OUTPUT
    assert f"{table}: was changed after it was written (sha256 differs)" in capsys.readouterr().err
    assert not any(step_folder(bench.folder(0), name).exists() for name in ("smooth", "nwb", "csv"))
    table.write_bytes(whole)
    assert run_steps(StepsRequest(bench.manifest)) == ExitCode.OK
    smooth = next(step_folder(bench.folder(0), "smooth").glob("*.h5"))
    smooth.write_bytes(smooth.read_bytes()[:-1] + b"?")
    shutil.rmtree(step_folder(bench.folder(0), "nwb"))
    assert run_steps(StepsRequest(bench.manifest, name="nwb")) == ExitCode.OUTPUT
    assert f"{smooth}: was changed after it was written" in capsys.readouterr().err
