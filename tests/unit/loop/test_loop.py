"""A project at each place of its round, and the command that is named there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.cli import catch, make_app
from dlcctr.compare.plan import OUTCOMES, Outcome
from dlcctr.labels.add import add_labels
from dlcctr.labels.check import check_labels
from dlcctr.labels.project import read_project
from dlcctr.loop import next_command as next_words
from dlcctr.loop.campaign_state import CampaignState, read_campaign_state
from dlcctr.loop.next_command import Next, next_command
from dlcctr.loop.project_state import ProjectState, read_state
from dlcctr.quality.record import QUALITY_FILENAME
from dlcctr.training.record import TRAINING_FILENAME, TRAININGS, TRIAL_FILENAME, TRIALS, Status, Training
from tests.unit.support.compare_case import Case, finish, make_case
from tests.unit.support.label_folders import png, table
from tests.unit.support.projects import edit_json, train_folder
from tests.unit.support.suggestions import Suggestion
from tests.unit.training.test_needs import TRAINING, TRIAL

LABELS = {"img1.png": (1, 2, 3, 4), "img2.png": ("", "", 5, 6), "img3.png": ("", "", "", "")}
PARTS = ("snout", "tail")


@pytest.fixture
def case(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    """A campaign of the model `a`; `b` is the project in its round. This machine has no Slurm."""
    monkeypatch.setattr(next_words, "has_scheduler", lambda: False)
    made = make_case(tmp_path, ["cam0/v0.mp4", "cam1/v1.mp4"])
    names = ("a", "b", "v0", *(f"f{number}" for number in range(12)))
    for project in (made.a, made.b):
        edit_json(project / "config.yaml", video_sets={f"/videos/{name}.mp4": {} for name in names})
    return made


def label(folder: Path, rows: object = None, scorer: str = "lab") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    given = LABELS if rows is None else rows
    (folder / f"CollectedData_{scorer}.csv").write_text(table(given, folder=folder.name, parts=PARTS, scorer=scorer))  # type: ignore[arg-type]
    (folder / "img1.png").write_bytes(png())
    return folder


def machine(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "machinelabels.csv").write_text("scorer\n")
    (folder / "machinelabels-iter0.h5").write_bytes(b"")
    (folder / "img1.png").write_bytes(png())
    return folder


def record(project: Path, status: Status, **changes: object) -> None:
    made = Training(status, "pytorch", 1, 0, 0, 0, 30, 200)
    (train_folder(project) / TRAINING_FILENAME).write_text(TRAININGS.text(replace(made, **changes)))  # type: ignore[arg-type]


def untrain(project: Path) -> None:
    (train_folder(project) / "snapshot-200.pt").unlink()


def evaluate(project: Path, name: str = "evaluation.json") -> None:
    folder = project / "evaluation-results-pytorch/iteration-0" / train_folder(project).parent.name
    folder.mkdir(parents=True)
    (folder / name).write_text("{}")


def parts_of(command: str) -> tuple[str, str]:
    """Program and words of a command."""
    if command.startswith("dlcctr "):
        return "dlcctr", command.removeprefix("dlcctr ")
    raise AssertionError(command)


def look(project: Path, manifest: Path | None = None) -> tuple[ProjectState, CampaignState | None, Next]:
    state = read_state(project)
    campaign = read_campaign_state(manifest, state.model_hashes) if manifest else None
    found = next_command(state, campaign)
    program, words = parts_of(found.command)
    said = Suggestion("here", program, words, is_mention=False)
    assert not said.problem(), (found.command, said.problem())
    return state, campaign, found


def at_the_end(case: Case) -> Path:
    label(case.b / "labeled-data/a")
    evaluate(case.b)
    return case.b


def test_a_project_without_anything(case: Case) -> None:
    untrain(case.b)
    state, _, found = look(case.b)
    assert (state.iteration, state.labelled, state.has_training_set, state.trained) == (0, 0, False, ())
    assert found.command == f"dlcctr labels add {case.b} FOLDER"


def test_labels_are_counted_by_folder(case: Case) -> None:
    label(case.b / "labeled-data/a")
    label(case.b / "labeled-data/b", {"img1.png": (1, 2, 3, 4)})
    label(case.b / "labeled-data/other", scorer="somebody")
    machine(case.b / "labeled-data/c")
    machine(label(case.b / "labeled-data/d"))
    (case.b / "labeled-data/.hidden").mkdir()
    state, _, found = look(case.b)
    assert [(each.name, each.labelled, each.waits) for each in state.folders] == [
        ("a", 2, False), ("b", 1, False), ("c", 0, True), ("d", 2, False), ("other", 0, False),
    ]  # fmt: skip
    assert state.labelled == 5
    (note,) = (each for each in state.notes if "somebody" in each)
    assert "labels of 'somebody' only" in note and "--any-scorer" in note
    assert found.command == f"dlcctr labels check {case.b / 'labeled-data/c'} --project {case.b}"


def test_labels_that_deeplabcut_does_not_find_are_entered_first(case: Case) -> None:
    untrain(case.b)
    for name in ("a", "unlisted", "too", "three", "four"):
        (label(case.b / "labeled-data" / name) / "img2.png").write_bytes(png())
    state, _, found = look(case.b)
    assert state.unlisted == ("four", "three", "too", "unlisted")
    assert any(note.endswith("four, three, too and 1 more") for note in state.notes)
    assert found.command == f"dlcctr labels add {case.b} {case.b / 'labeled-data'}"
    project = read_project(case.b)
    checked = check_labels(project, [case.b / "labeled-data"])
    assert not checked.errors, checked.errors
    add_labels(project, checked, write_h5=False)
    state, _, found = look(case.b)
    assert state.unlisted == () and found.command == f"dlcctr train run {case.b}"


def test_a_damaged_table_of_labels_is_named(case: Case) -> None:
    folder = label(case.b / "labeled-data/a")
    (folder / "CollectedData_lab.csv").write_text("\0")
    (case.b / "labeled-data/b").mkdir()
    (case.b / "labeled-data/b/CollectedData_lab.h5").write_bytes(b"")
    state, _, _ = look(case.b)
    assert [each.labelled for each in state.folders] == [None, None]
    assert any("a/CollectedData_lab.csv" in note for note in state.notes)
    assert any("without its .csv" in note for note in state.notes)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (None, "dlcctr train run {project}"),
        (Status.RUNNING, "dlcctr train status {project}"),
        (Status.INTERRUPTED, "dlcctr train run {project}"),
        (Status.FAILED, "dlcctr train run {project}"),
        (Status.DONE, "dlcctr evaluate {project}"),
    ],
)
def test_training(case: Case, status: Status | None, words: str) -> None:
    label(case.b / "labeled-data/a")
    if status is None:
        untrain(case.b)
    else:
        record(case.b, status, cause="the disk is full" if status is Status.FAILED else "")
    state, _, found = look(case.b)
    assert found.command == words.format(project=case.b)
    assert state.shuffles[0].state == (status.value if status else "untrained")
    assert status is not Status.FAILED or "the disk is full" in found.why
    assert status is None or (state.shuffles[0].done, state.shuffles[0].wanted) == (30, 200)


def test_with_slurm_a_training_is_a_job(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(next_words, "has_scheduler", lambda: True)
    label(case.b / "labeled-data/a")
    untrain(case.b)
    _, _, found = look(case.b)
    assert found.command == f"dlcctr train submit {case.b} --trial" and "a short trial first" in found.why
    (train_folder(case.b) / TRIAL_FILENAME).write_text(TRIALS.text(TRIAL))
    assert look(case.b)[2].command == f"dlcctr train submit {case.b}"


def test_another_shuffle_is_named(case: Case) -> None:
    label(case.b / "labeled-data/a")
    folder = train_folder(case.b).parent
    folder.rename(folder.with_name(folder.name.replace("shuffle1", "shuffle3")))
    assert look(case.b)[2].command.endswith(f"evaluate {case.b} --shuffle 3")


def test_a_new_iteration_is_trained(case: Case) -> None:
    at_the_end(case)
    edit_json(case.b / "config.yaml", iteration=1)
    state, _, found = look(case.b)
    assert state.earlier == (0,) and not state.trained
    assert found == Next(f"dlcctr train run {case.b} --weights {case.b}", "iteration 1 is without a training set")


def test_a_training_starts_from_a_model_of_its_own_engine_only(case: Case) -> None:
    at_the_end(case)
    edit_json(case.b / "config.yaml", iteration=1, engine="tensorflow")
    state, _, found = look(case.b)
    assert state.earlier == (0,) and found.command == f"dlcctr train run {case.b}"
    edit_json(case.b / "config.yaml", engine="pytorch")
    untrain(case.b)
    state, _, found = look(case.b)
    assert state.earlier == () and found.command == f"dlcctr train run {case.b}"


def test_a_training_set_and_labels_that_it_lacks(case: Case) -> None:
    at_the_end(case)
    (case.b / "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1").mkdir(parents=True)
    label(case.b / "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1", {"img1.png": (1, 2, 3, 4)})
    state, _, found = look(case.b)
    assert state.has_training_set and state.in_training_set == 1
    assert any("1 labelled frame is not in the training set" in note for note in state.notes)
    assert found.command == f"dlcctr labels add {case.b} {case.b / 'labeled-data'} --new-iteration"
    record(case.b, Status.RUNNING)
    assert "train status" in look(case.b)[2].command
    record(case.b, Status.INTERRUPTED, epochs_done=3)
    assert "train run" in look(case.b)[2].command


def test_pictures_of_two_folders_may_have_one_name(case: Case) -> None:
    label(case.b / "labeled-data/a", {"img1.png": (1, 2, 3, 4)})
    label(case.b / "labeled-data/b, 2", {"img1.png": (1, 2, 3, 4)})
    made = label(case.b / "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1", {"img1.png": (1, 2, 3, 4)})
    with (made / "CollectedData_lab.csv").open("a") as stream:
        stream.write('labeled-data,"b, 2",img1.png,1,2,3,4\n')
    state, _, _ = look(case.b)
    assert (state.in_training_set, state.notes) == (2, ())


def test_a_damaged_state_of_a_training_is_a_note(case: Case) -> None:
    label(case.b / "labeled-data/a")
    (train_folder(case.b) / TRAINING_FILENAME).write_text("{")
    state, _, _ = look(case.b)
    assert any(TRAINING_FILENAME in note for note in state.notes)


def test_evaluated_by_deeplabcut_itself(case: Case) -> None:
    label(case.b / "labeled-data/a")
    evaluate(case.b, "CombinedEvaluation-results.csv")
    state, _, found = look(case.b)
    assert state.shuffles[0].evaluated == "by DeepLabCut"
    assert found.command == f"dlcctr loop status {case.b} --manifest m.csv"


def test_the_campaign_of_the_model_before(case: Case) -> None:
    at_the_end(case)
    _, campaign, found = look(case.b, case.manifest)
    assert campaign and not campaign.is_present and campaign.comparison is None
    assert found.command == f"dlcctr compare {case.manifest} --model {case.b}"


def test_another_shuffle_or_fraction_is_named_to_every_command(case: Case) -> None:
    """The first ones are taken by default, and need not be there."""
    at_the_end(case)
    for top in ("dlc-models-pytorch", "evaluation-results-pytorch"):
        (folder,) = (case.b / top / "iteration-0").iterdir()
        folder.rename(folder.with_name(folder.name.replace("95shuffle1", "80shuffle3")))
    edit_json(case.b / "config.yaml", TrainingFraction=[0.95, 0.8])
    state, _, found = look(case.b, case.manifest)
    assert state.model_hashes, "the model is found"
    choice = f"{case.b} --shuffle 3 --trainset-index 1"
    assert found.command == f"dlcctr compare {case.manifest} --model {choice}"


def test_a_shuffle_of_two_fractions_is_evaluated_by_its_place(case: Case) -> None:
    label(case.b / "labeled-data/a")
    folder = train_folder(case.b).parent
    assert look(case.b)[2].command == f"dlcctr evaluate {case.b}"
    shutil.copytree(folder, folder.with_name(folder.name.replace("trainset95", "trainset80")))
    edit_json(case.b / "config.yaml", TrainingFraction=[0.95, 0.8])
    assert look(case.b)[2].command == f"dlcctr evaluate {case.b} --trainset-index 1"


@pytest.mark.parametrize(
    ("better", "complete", "words"),
    [
        ("B", 2, "dlcctr manifest --like {m} --model {b} -o {folder}/iteration-0/m.csv"),
        ("", 2, "dlcctr manifest --like {m} --model {b} -o {folder}/iteration-0/m.csv"),
        ("A", 2, "dlcctr outliers {m} --frames 50 -o {folder}/to-label"),
        ("B", 1, "dlcctr compare {m} --model {b} -o {folder}/cmp"),
    ],
)
def test_after_a_comparison(case: Case, better: str, complete: int, words: str) -> None:
    at_the_end(case)
    for row in read_manifest(case.manifest):
        finish(case.campaign, row, 0.3)
    prepared = case.prepare()
    assert look(case.b, case.manifest)[2].command.startswith("dlcctr compare"), "it has no verdict yet"
    prepared.folder.outcome.write_text(OUTCOMES.text(Outcome(better, "said so", complete, 2)))
    _, campaign, found = look(case.b, case.manifest)
    assert campaign and campaign.comparison and campaign.comparison.verdict == "said so"
    assert found.command == words.format(m=case.manifest, b=case.b, folder=case.manifest.parent)
    (new := case.manifest.parent / "iteration-0/m.csv").parent.mkdir()
    new.write_text("")
    if "--like" in words:  # which would not write over it
        assert look(case.b, case.manifest)[2].command == f"dlcctr loop status {case.b} --manifest {new}"


def test_a_comparison_of_another_model_does_not_count(case: Case) -> None:
    at_the_end(case)
    prepared = case.prepare()
    prepared.folder.outcome.write_text(OUTCOMES.text(Outcome("B", "said so", 2, 2)))
    (train_folder(case.b) / "snapshot-200.pt").write_bytes(b"trained again")
    _, campaign, _ = look(case.b, case.manifest)
    assert campaign and campaign.comparison is None
    prepared.folder.plan.write_text("{")
    assert look(case.b, case.manifest)[1] == campaign


def test_the_campaign_of_this_model(case: Case) -> None:
    project = case.a
    label(project / "labeled-data/a")
    evaluate(project)
    _, campaign, found = look(project, case.manifest)
    assert campaign and campaign.is_present and campaign.rows == 2 and not campaign.analysed
    assert found.command == f"dlcctr {campaign.work} {case.manifest}"
    folders = [finish(read_campaign(case.manifest), row, 0.3) for row in read_manifest(case.manifest)]
    (folders[0] / QUALITY_FILENAME).unlink()
    _, campaign, found = look(project, case.manifest)
    assert campaign and (campaign.analysed, campaign.judged) == (2, 1)
    assert found.command == f"dlcctr quality {case.manifest}"
    shutil.copyfile(folders[1] / QUALITY_FILENAME, folders[0] / QUALITY_FILENAME)
    place = case.manifest.parent / "to-label"
    assert look(project, case.manifest)[2].command == (f"dlcctr outliers {case.manifest} --frames 50 -o {place}")
    machine(place / "labeled-data/v0")
    _, campaign, found = look(project, case.manifest)
    assert found.command == f"dlcctr labels add {project} {place / 'labeled-data'}" and "correct" in found.why
    label(place / "labeled-data/v0")
    assert "1 folder of labels" in look(project, case.manifest)[2].why
    label(project / "labeled-data/v0")
    assert "outliers" in look(project, case.manifest)[2].command


def test_a_training_that_failed_says_what_comes_first(case: Case) -> None:
    label(case.b / "labeled-data/a")
    failed = replace(
        TRAINING, status=Status.FAILED, epochs_done=0, cause="another network", hint="take other --weights"
    )
    (train_folder(case.b) / TRAINING_FILENAME).write_text(TRAININGS.text(failed))
    for snapshot in train_folder(case.b).glob("snapshot*"):
        snapshot.unlink()
    found = look(case.b)[2]
    assert found.command == f"dlcctr train run {case.b}"
    assert found.why == "shuffle 1 has failed: another network; first take other --weights; then it begins anew"


def test_a_project_of_several_animals(case: Case) -> None:
    """What is not for several animals is not suggested."""
    label(case.b / "labeled-data/a")
    edit_json(
        case.b / "config.yaml", multianimalproject=True, individuals=["x", "y"], bodyparts="MULTI!",
        multianimalbodyparts=list(PARTS), uniquebodyparts=[],
    )  # fmt: skip
    state = look(case.b)[0]
    assert next_command(state, None).command == f"dlcctr evaluate {case.b}"
    old = replace(state, shuffles=tuple(replace(each, engine="tensorflow") for each in state.shuffles))
    assert next_command(old, None).command == f"dlcctr loop status {case.b} --manifest m.csv"
    evaluate(case.b)
    assert look(case.b, case.manifest)[2].command.startswith("dlcctr compare")
    for row in read_manifest(case.manifest):
        finish(case.campaign, row, 0.3)
    state, campaign, _ = look(case.b, case.manifest)
    assert campaign
    found = next_command(state, replace(campaign, is_present=True))
    assert found.command.startswith(f"dlcctr outliers {case.manifest} ")


def test_nothing_is_written(case: Case) -> None:
    at_the_end(case)
    machine(case.b / "labeled-data/c")
    before = sorted((path, path.stat().st_mtime_ns) for path in case.manifest.parent.rglob("*"))
    look(case.b, case.manifest)
    assert before == sorted((path, path.stat().st_mtime_ns) for path in case.manifest.parent.rglob("*"))


def test_names_with_blanks_are_quoted(tmp_path: Path) -> None:
    case = make_case(tmp_path / "my $(x) lab", ["v.mp4"])
    at_the_end(case)
    assert look(case.b, case.manifest)[2].command == f"dlcctr compare '{case.manifest}' --model '{case.b}'"


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    def call(*words: str | Path) -> int:
        monkeypatch.setattr("sys.argv", ["dlcctr", *map(str, words)])
        return catch(lambda: make_app()(prog_name="dlcctr"))

    yield call


def test_the_command(case: Case, say: object, capsys: pytest.CaptureFixture[str]) -> None:
    at_the_end(case)
    for number in range(12):
        label(case.b / f"labeled-data/f{number}")
    record(case.b, Status.DONE)
    assert say("loop", "status", case.b, "--manifest", case.manifest) == 0  # type: ignore[operator]
    said = capsys.readouterr().out
    assert f"next: dlcctr compare {case.manifest} --model {case.b}" in said
    assert "shuffle 1 (pytorch, 95%): done, 30 of 200 epochs, evaluated" in said
    assert "… and 3 folders more" in said
    assert say("loop", "status", case.b / "config.yaml", "--json") == 0  # type: ignore[operator]
    told = json.loads(capsys.readouterr().out)
    assert told["kind"] == "loop status" and told["campaign"] is None and len(told["folders"]) == 13
    assert say("loop", "status", case.manifest.parent) == 5  # type: ignore[operator]
    assert say("loop", "status", case.b, "--manifest", case.b / "none.csv") == 3  # type: ignore[operator]
