"""The whole of `dlc evaluate` but for DeepLabCut itself, which tests/integration/test_evaluate.py has."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dlcctr.contract import ExitCode
from dlcctr.errors import AnalysisError, DlcctrError, ModelError, UsageError
from entrypoint.evaluation import both, run_evaluation
from entrypoint.evaluation.run_evaluation import EvaluateRequest
from tests.unit.support.evaluated_project import (
    FIRST,
    NAME,
    PARTS,
    POINTS,
    ROUND_1,
    SECOND,
    TEST_1,
    PretendedNetwork,
    add_model,
    labels,
    make_evaluated,
    make_pair,
    pair_labels,
    sets_folder,
    write_training_set,
)
from tests.unit.support.projects import edit_json, tensorflow_project


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> PretendedNetwork:
    found = PretendedNetwork()
    monkeypatch.setattr(both, "evaluate_model", found.evaluate)
    monkeypatch.setattr(run_evaluation, "check_engine", lambda _: None)
    return found


def evaluate(project: Path, **options: Any) -> dict[str, Any]:
    """Evaluate, and read what was written."""
    assert run_evaluation.run_evaluation(EvaluateRequest(project, **options)) is ExitCode.OK
    (file,) = project.glob("evaluation-results-pytorch/*/*/evaluation.json")
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def lines_of(project: Path) -> list[dict[str, str]]:
    (file,) = project.rglob("evaluation.csv")
    return list(csv.DictReader(io.StringIO(file.read_text())))


def figure(found: dict[str, Any], model: str, frames: str, part: str = "") -> dict[str, Any]:
    (one,) = [
        each for each in found["figures"] if (each["model"], each["frames"], each["bodypart"]) == (model, frames, part)
    ]
    return dict(one)


def error_of(moved: float, numbers: Any) -> float:
    return float(np.mean([moved + 0.1 * n for n in numbers]))


ADDED = list(range(FIRST, FIRST + SECOND))


def test_the_figures_of_both_models(
    network: PretendedNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_evaluated(tmp_path)
    before = (project / "config.yaml").read_bytes()
    found = evaluate(project)
    train = [n for n in range(len(ROUND_1)) if n not in TEST_1]
    for model, moved in (("now", 1.0), ("before", 3.0)):
        assert figure(found, model, "test")["error_px"] == pytest.approx(error_of(moved, TEST_1))
        assert figure(found, model, "train", "tail")["error_px"] == pytest.approx(error_of(moved, train))
        # of the test frames the model before was trained on 5 only: 0 was in its test set, 21 and 22 are new
        assert figure(found, model, "test_new_to_both")["error_px"] == pytest.approx(error_of(moved, [0, 21, 22]))
        added = figure(found, model, "added")
        assert (added["n_frames"], added["n"]) == (SECOND, SECOND * len(PARTS))
        assert added["error_px"] == pytest.approx(error_of(moved, ADDED))
        assert figure(found, model, "added_test")["error_px"] == pytest.approx(error_of(moved, [21, 22]))
        assert figure(found, model, "added_train")["n_frames"] == 6
    # every fourth frame is unsure
    sure = figure(found, "now", "test")
    assert (sure["n"], sure["n_sure"]) == (12, 9)
    assert sure["error_sure_px"] == pytest.approx(error_of(1.0, [5, 21, 22]))
    assert figure(found, "now", "test")["pck"] == 1.0
    assert figure(found, "before", "test")["pck"] == pytest.approx(0.5)  # 3.0, 3.5, 5.1 and 5.2 px
    assert found["counts"] == {
        "frames": 28, "train": 24, "test": 4, "added": 8, "added_test": 2, "test_known_to_before": 1,
    }  # fmt: skip
    changes = {each["frames"]: each for each in found["differences"]}
    assert changes["test"]["mean_px"] == pytest.approx(-2.0)
    assert changes["test"]["low_px"] is None, "of four frames no interval"
    assert changes["train"]["low_px"] == pytest.approx(-2.0)
    assert (project / "config.yaml").read_bytes() == before
    told = capsys.readouterr().out
    assert "was trained on 1 of the 4 test frames" in told
    assert "test frames that neither was trained on (3)" in told
    tables = [line for line in told.splitlines() if not line.startswith(("note:", str(project)))]
    assert max(map(len, tables)) <= 80


def test_where_no_test_frame_was_trained_on_before_they_are_shown_once(
    network: PretendedNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = make_evaluated(tmp_path)
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), (0, 21, 22))
    evaluate(project)
    (page,) = project.rglob("evaluation.html")
    for told in (capsys.readouterr().out, page.read_text()):
        assert told.count("test frames; neither was trained on any of them (3)") == 1
        assert "test frames (3)" not in told and "test frames that neither" not in told


def test_both_are_asked_about_the_same_frames(network: PretendedNetwork, tmp_path: Path) -> None:
    evaluate(make_evaluated(tmp_path))
    (now, labelled, wish, _), (before, same, _, _) = network.asked
    assert (now.iteration, before.iteration) == (1, 0)
    assert labelled.frames == same.frames == tuple(ROUND_1)
    assert np.array_equal(labelled.xy, labels(len(ROUND_1))) and np.array_equal(same.xy, labelled.xy)
    assert labelled.split.test == TEST_1 == same.split.test
    assert (wish.scorer, wish.pcutoff, wish.device) == ("lab", 0.5, "auto")


def test_the_files(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    evaluate(project, pictures=3)
    out = project / "evaluation-results-pytorch" / "iteration-1" / NAME
    assert {each.name for each in out.iterdir()} == {
        "DLC_x.h5", "DLC_x-results.csv", "evaluation.csv", "evaluation.html", "evaluation.json",
    }  # fmt: skip
    assert (out.parent / "CombinedEvaluation-results.csv").read_text() == "all figures\n"
    assert not (project / "evaluation-results-pytorch" / "iteration-0").exists(), "the model before writes nothing"
    page = (out / "evaluation.html").read_text()
    assert page.count("data:image/jpeg;base64,/9j/") == 3
    assert "src=" not in page.replace('src="data:', "") and "http" not in page.replace("http-equiv", "")
    lines = lines_of(project)
    assert len(lines) == 2 * len(ROUND_1) * len(PARTS)
    worst = max((line for line in lines if line["model"] == "now"), key=lambda line: float(line["error_px"]))
    assert (worst["folder"], worst["picture"]) == ROUND_1[-1]
    assert (worst["split"], worst["added"], worst["known_to_before"]) == ("train", "1", "0")
    assert float(worst["x"]) - float(worst["label_x"]) == pytest.approx(float(worst["error_px"]), abs=1e-3)
    assert page.index(f"new/{ROUND_1[-1][1]}") < page.index(f"new/{ROUND_1[-2][1]}")


def test_the_page_shows_how_both_were_trained(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    stats = "step,losses/train.total_loss\n" + "".join(f"{n},{1 / n}\n" for n in range(1, 9))
    for folder in project.glob("dlc-models-pytorch/iteration-*/*/train"):
        (folder / "learning_stats.csv").write_text(stats)
    evaluate(project)
    page = next(project.rglob("evaluation.html")).read_text()
    assert page.count('aria-label="loss by epoch"') == 2 and page.count("<p>Loss of iteration") == 2
    evaluate(project, beside="none")
    assert next(project.rglob("evaluation.html")).read_text().count('aria-label="loss by epoch"') == 1


def test_labels_that_do_not_count(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    xy = labels(len(ROUND_1))
    xy[0, 0] = np.nan  # not labelled
    xy[5, 1, 1] = np.nan  # half a label
    xy[21, 2] = 64.0, 20.0  # on the border
    xy[22] = np.nan  # nothing labelled in the frame
    write_training_set(project, 1, ROUND_1, xy, TEST_1)
    found = evaluate(project)
    assert [figure(found, "now", "test", part)["n"] for part in PARTS] == [2, 2, 2]
    assert figure(found, "now", "test")["n"] == 6
    assert figure(found, "now", "test", "snout")["error_px"] == pytest.approx(error_of(1.0, [5, 21]))
    notes = " ".join(found["notes"])
    assert "1 label on or outside the border" in notes
    assert "1 frame without any label" in notes
    assert "4 frames labelled otherwise" not in notes
    assert "2 frames labelled otherwise since iteration 0" in notes  # 0 and 5; the others are new
    lines = lines_of(project)
    (line,) = [
        x for x in lines
        if (x["model"], x["folder"], x["picture"], x["bodypart"]) == ("now", *ROUND_1[21], "ear")
    ]  # fmt: skip
    assert (line["label_x"], line["error_px"]) == ("64", "")


def test_an_empty_test_set(network: PretendedNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    project = make_evaluated(tmp_path)
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), [])
    found = evaluate(project)
    assert figure(found, "now", "test") == {
        "model": "now", "frames": "test", "bodypart": "", "n_frames": 0, "n": 0, "error_px": None, "median_px": None,
        "n_sure": 0, "error_sure_px": None, "n_pck": 0, "pck": None,
    }  # fmt: skip
    assert figure(found, "now", "train")["n_frames"] == len(ROUND_1)
    # DeepLabCut cannot take it so: it is told another split, and its figures are not kept
    assert all(labelled.split.test == (0,) for _, labelled, _, _ in network.asked)
    out = project / "evaluation-results-pytorch" / "iteration-1" / NAME
    assert (out / "DLC_x.h5").exists() and not (out / "DLC_x-results.csv").exists()
    assert not (out.parent / "CombinedEvaluation-results.csv").exists()
    assert "the test set is empty" in capsys.readouterr().out


def test_a_model_without_documentation(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    shutil.rmtree(project / "training-datasets")
    with pytest.raises(ModelError) as refused:
        evaluate(project)
    assert "CollectedData_lab.h5" in refused.value.message
    assert "training set anew" in refused.value.hint and "dlc train" in refused.value.hint
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), TEST_1).unlink()
    with pytest.raises(ModelError, match="which frames the model was trained on is not known"):
        evaluate(project)
    assert not (project / "evaluation-results-pytorch").exists()


def test_nobody_knows_what_the_model_before_was_trained_on(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    shutil.rmtree(sets_folder(project, 0))
    found = evaluate(project)
    assert figure(found, "before", "test")["error_px"] == pytest.approx(error_of(3.0, TEST_1))
    assert {each["frames"] for each in found["figures"]} == {"train", "test"}
    assert found["counts"]["added"] is None
    assert any("is not known" in note for note in found["notes"])
    lines = lines_of(project)
    assert {(line["added"], line["known_to_before"]) for line in lines} == {("", "")}


def test_the_first_round_has_nothing_before_it(network: PretendedNetwork, tmp_path: Path) -> None:
    found = evaluate(make_evaluated(tmp_path), iteration=0)
    assert found["before"] is None and len(network.asked) == 1
    assert figure(found, "now", "test")["error_px"] == pytest.approx(error_of(3.0, [0, 10]))
    assert any("no model of an earlier iteration" in note for note in found["notes"])


def test_a_model_before_that_fails_stops_it_only_if_it_was_named(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    network.fails = ("before",)
    found = evaluate(project)
    assert found["before"] is None and any("it burst" in note for note in found["notes"])
    with pytest.raises(AnalysisError):
        evaluate(project, beside="0")


def test_a_part_that_the_model_before_lacks(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    add_model(project, 0, parts=("tail", "snout"))  # and in another order
    found = evaluate(project)
    assert network.asked[1][0].bodyparts == ("tail", "snout")
    assert np.array_equal(network.asked[1][1].xy, labels(len(ROUND_1))[:, [1, 0]])
    assert figure(found, "before", "test", "ear")["n"] == 0
    assert figure(found, "before", "test", "tail")["error_px"] == pytest.approx(error_of(3.0, TEST_1))
    (change,) = [each for each in found["differences"] if each["frames"] == "test"]
    assert change["n"] == 8, "only points that both have"
    assert any("has no ear" in note for note in found["notes"])


def test_another_shuffle_of_the_same_round(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    add_model(project, 1, NAME.replace("shuffle1", "shuffle2"))
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), (0, 1), shuffle=2)
    found = evaluate(project, beside="1:2")
    assert found["before"]["shuffle"] == 2
    assert found["counts"]["added"] == 0
    assert found["counts"]["test_known_to_before"] == 3  # all but frame 0
    with pytest.raises(UsageError, match="the same model"):
        evaluate(project, beside="1:1")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"beside": "last"}, "not ITERATION"),
        ({"beside": "7"}, "no trained shuffle in iteration 7"),
        ({"shuffle": 4}, "no such trained shuffle"),
        ({"iteration": 3}, "iterations with one: 0, 1"),
        ({"trainset_index": 5}, "no training set index 5"),
        ({"pck": "-3"}, "not a distance"),
        ({"pck": "nan"}, "not a distance"),
        ({"pck": "x"}, "not a distance"),
        ({"device": "tpu"}, "none of auto"),
    ],
)
def test_what_cannot_be_meant(network: PretendedNetwork, tmp_path: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DlcctrError, match=words):
        evaluate(make_evaluated(tmp_path), **options)
    assert not network.asked


def test_several_animals(network: PretendedNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network.own_figures = {"train mAP": 81.5, "train mAR": 90.0, "test mAP": 61.25}
    found = evaluate(make_pair(tmp_path))
    assert (found["bodyparts"], found["individuals"]) == ([*PARTS, "corner"], ["mouse2", "mouse1"])
    assert figure(found, "now", "test")["error_px"] == pytest.approx(error_of(1.0, TEST_1))
    assert figure(found, "now", "test")["n"] == len(TEST_1) * len(POINTS)
    assert figure(found, "now", "test", "tail")["n"] == 2 * len(TEST_1)
    assert figure(found, "before", "test", "corner")["n"] == len(TEST_1)
    assert found["precisions"][1] == {"model": "now", "frames": "test", "map_percent": 61.25, "mar_percent": None}
    assert {each["model"] for each in found["precisions"]} == {"now", "before"} and found["own_figures"] == {}
    lines = lines_of(tmp_path / "mouse")
    assert [(line["individual"], line["bodypart"]) for line in lines[: len(POINTS)]] == list(POINTS)
    told = capsys.readouterr().out
    assert "28 labelled frames of 2 animals" in told
    assert told.count("whole animals, 0 to 100: train mAP 81.5, mAR 90.0; test mAP 61.2, mAR -") == 2
    page = next((tmp_path / "mouse").rglob("evaluation.html")).read_text()
    assert "of mouse" in page and page.count("train mAP 81.5, mAR 90.0") == 2


def test_an_animal_with_one_label_is_told(network: PretendedNetwork, tmp_path: Path) -> None:
    project, xy = make_pair(tmp_path), pair_labels(len(ROUND_1))
    xy[0, 1:3] = np.nan
    write_training_set(project, 1, ROUND_1, xy, TEST_1, parts=POINTS)
    found = evaluate(project, beside="none")
    assert figure(found, "now", "test")["n"] == len(TEST_1) * len(POINTS) - 3
    assert any("1 label left out: DeepLabCut compares animals with two" in note for note in found["notes"])


def test_what_deeplabcut_evaluates_in_another_way_is_refused(network: PretendedNetwork, tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "mouse", multianimalproject=True, multianimalbodyparts=["snout", "tail"])
    with pytest.raises(UsageError, match="a TensorFlow model of several animals") as refused:
        evaluate(project)
    assert "deeplabcut.evaluate_network" in refused.value.hint and not network.asked


def test_a_table_of_one_animal_in_a_project_of_several(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_pair(tmp_path)
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), TEST_1)
    with pytest.raises(ModelError, match="not a table of several animals"):
        evaluate(project)
    write_training_set(project, 1, ROUND_1, pair_labels(len(ROUND_1))[:, :-1], TEST_1, parts=POINTS[:-1])
    with pytest.raises(ModelError, match="has no labels of corner of single"):
        evaluate(project)


@pytest.mark.parametrize("scorer", ["../lab", "a/b", "", None])
def test_a_scorer_that_is_no_name_of_a_file(network: PretendedNetwork, tmp_path: Path, scorer: str | None) -> None:
    project = make_evaluated(tmp_path, scorer=scorer)
    with pytest.raises(ModelError):
        evaluate(project)


def test_points_that_were_not_found(network: PretendedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def miss(*words: Any, **options: Any) -> Any:
        found = network.evaluate(*words, **options)
        found.predicted[5] = np.nan
        return found

    monkeypatch.setattr(both, "evaluate_model", miss)
    found = evaluate(make_evaluated(tmp_path), beside="none")
    assert (figure(found, "now", "test")["n"], figure(found, "now", "test")["n_pck"]) == (9, 12)
    assert figure(found, "now", "test")["pck"] == 0.75
    assert any("3 labelled points not found" in note for note in found["notes"])


def test_several_training_fractions(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path, TrainingFraction=[0.8, 0.95])
    add_model(project, 1, NAME.replace("trainset95", "trainset80"))
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), (1, 2, 3), percent=80)
    with pytest.raises(UsageError, match="several training fractions"):
        evaluate(project)
    found = evaluate(project, trainset_index=0)
    assert (found["now"]["train_fraction"], found["counts"]["test"]) == (0.8, 3)
    assert found["before"]["train_fraction"] == 0.95, "the only one of the round before"


def test_a_fraction_that_config_has_no_more(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path, TrainingFraction=[0.5])
    found = evaluate(project)
    assert found["now"]["train_fraction"] == 0.95 and found["before"]["train_fraction"] == 0.95


def test_pictures_that_are_not_there(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    for picture in ("img001.png", "img002.png"):
        (project / "labeled-data" / "new" / picture).unlink()
    with pytest.raises(ModelError, match=r"2 of 28 labelled pictures are not there: new/img001.png"):
        evaluate(project)
    assert not network.asked


@pytest.mark.parametrize(
    ("value", "head", "foot"),
    [
        (0.05, "p>=0.05", "p>=0.05: those of at least that likelihood"),
        (0.0123, "sure", "sure: those of at least a likelihood of 0.0123"),
    ],
)
def test_a_pcutoff_of_many_digits_has_no_room_in_a_column(
    network: PretendedNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str], value: float, head: str, foot: str
) -> None:
    evaluate(make_evaluated(tmp_path, pcutoff=value))
    told = capsys.readouterr().out
    assert foot in told
    (line,) = (each for each in told.splitlines() if each.startswith("error in px"))
    assert line.split()[3:] == ["train", "n", head, "n", "test", "n", head, "n", "PCK"]


@pytest.mark.parametrize("value", ["high", 1.5, [0.1], True])
def test_a_pcutoff_that_is_none(network: PretendedNetwork, tmp_path: Path, value: object) -> None:
    project = make_evaluated(tmp_path, pcutoff=value)
    with pytest.raises(ModelError, match="pcutoff"):
        evaluate(project)
    assert evaluate(project, pcutoff=0.3)["pcutoff"] == 0.3


def test_a_name_with_markup_reaches_the_page_as_text(network: PretendedNetwork, tmp_path: Path) -> None:
    name = "<script>alert(1)</script>"
    project = make_evaluated(tmp_path, bodyparts=["snout", "tail", name])
    parts = ("snout", "tail", name)
    for iteration in (0, 1):
        add_model(project, iteration, parts=parts)
    write_training_set(project, 1, ROUND_1, labels(len(ROUND_1)), TEST_1, parts=parts)
    evaluate(project)
    page = next(project.rglob("evaluation.html")).read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_read_only_project_says_so(
    network: PretendedNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(30, "Read-only file system", "evaluation-results-pytorch")

    monkeypatch.setattr(run_evaluation, "try_writing", refuse)
    with pytest.raises(DlcctrError) as refused:
        evaluate(make_evaluated(tmp_path))
    assert "read-only" in refused.value.hint
    assert not network.asked


def test_json_on_the_terminal_is_the_file(
    network: PretendedNetwork, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = evaluate(make_evaluated(tmp_path), as_json=True)
    assert json.loads(capsys.readouterr().out) == written
    assert written["kind"] == "evaluate"


def test_models_are_found_though_config_names_an_untrained_round(network: PretendedNetwork, tmp_path: Path) -> None:
    project = make_evaluated(tmp_path)
    edit_json(project / "config.yaml", iteration=2)
    with pytest.raises(ModelError, match="no trained shuffle in iteration 2") as refused:
        evaluate(project)
    assert "dlc train" in refused.value.hint
    assert evaluate(project, iteration=1)["now"]["iteration"] == 1
