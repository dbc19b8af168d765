from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlcctr.cli import catch, make_app
from dlcctr.errors import ModelError
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.files import open_tree
from dlcctr.model.project.shuffles import is_on, read_config
from dlcctr.model.project.survey import Survey, survey_model
from tests.unit.support.projects import (
    NAME,
    PARTS,
    edit_json,
    pytorch_project,
    tensorflow_project,
    train_folder,
    write_json,
)

Cli = Callable[..., tuple[str, str]]
MAKERS = [pytorch_project, tensorflow_project]


def warnings(found: Survey, *, error: bool = False) -> dict[str, str]:
    """Texts by the last part of their file."""
    return {Path(each.file).name: each.text for each in found.findings if each.error is error}


def why(found: Survey, what: str) -> tuple[str, str]:
    (choice,) = [each for each in found.choices if each.what == what]
    return choice.value, choice.why


def calm(project: Path) -> Path:
    """A project in which nothing is wrong."""
    edit_json(project / "config.yaml", project_path=str(project), video_sets={})
    for file in project.glob("dlc-models*/*/*/*/*.yaml"):
        edit_json(file, project_path=None, dataset=None, init_weights=None)
    if "pytorch" in str(train_folder(project)):
        metadata = {"project_path": str(project), "bodyparts": PARTS, "unique_bodyparts": []}
        edit_json(train_folder(project) / "pytorch_config.yaml", metadata=metadata)
    engine = "pytorch" if "pytorch" in str(train_folder(project)) else "tensorflow"
    entry = {"train_fraction": 0.95, "index": 1, "split": 1, "engine": engine}
    folder = project / "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1"
    write_json(folder / "metadata.yaml", {"shuffles": {NAME: entry}})
    return project


@pytest.mark.parametrize("make", MAKERS)
def test_nothing_is_said_of_a_project_in_order(tmp_path: Path, make: Any) -> None:
    found = survey_model(calm(make(tmp_path / "p")))
    assert found.findings == () and found.model is not None


def test_what_would_be_used_and_why(tmp_path: Path) -> None:
    names = ("snapshot-50", "snapshot-200", "snapshot-best-100")
    project = pytorch_project(tmp_path / "p", snapshots=names, snapshotindex=0, skeleton=[["snout", "tail"]])
    found = survey_model(project)
    assert why(found, "engine") == ("pytorch", "config.yaml: `engine`")
    assert why(found, "snapshot") == ("snapshot-50", "config.yaml: `snapshotindex: 0` of 3, the best one last")
    assert why(found, "crop") == ("none", "config.yaml: `cropping`")
    assert (found.bodyparts, found.skeleton) == (("snout", "tail"), (("snout", "tail"),))
    (shuffle,) = found.shuffles
    assert [(each.name, each.used) for each in shuffle.snapshots] == [
        ("snapshot-50", True), ("snapshot-200", False), ("snapshot-best-100", False)
    ]  # fmt: skip
    assert why(survey_model(project, snapshot="best"), "snapshot") == ("snapshot-best-100", "--snapshot best")


def test_an_engine_without_any_word_on_it(tmp_path: Path) -> None:
    found = survey_model(tensorflow_project(tmp_path / "p"))
    assert why(found, "engine") == ("tensorflow", "it has a folder in dlc-models only")


def test_all_shuffles_of_both_engines_and_all_iterations_are_listed(tmp_path: Path) -> None:
    project = tensorflow_project(pytorch_project(tmp_path / "p"), steps=(5, 10))
    shutil.copytree(
        project / "dlc-models" / "iteration-0" / NAME, project / "dlc-models/iteration-12/x-trainset80shuffle7"
    )
    found = survey_model(project)
    facts = [(each.engine, each.iteration, each.percent, each.shuffle, len(each.snapshots)) for each in found.shuffles]
    assert facts == [("pytorch", 0, 95, 1, 1), ("tensorflow", 0, 95, 1, 2), ("tensorflow", 12, 80, 7, 2)]


def evaluation(project: Path, top: str, text: str) -> None:
    folder = project / top / "iteration-0" / NAME
    folder.mkdir(parents=True)
    (folder / "DLC_x-results.csv").write_text(text)


def test_errors_of_a_tensorflow_evaluation(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p", steps=(5, 10))
    head = ",Training iterations:,%Training dataset,Shuffle number, Train error(px), Test error(px),p-cutoff used"
    evaluation(project, "evaluation-results", f"{head}\n0,5,95,1,3.5,9.25,0.6\n1,5,95,1,3.0,9.0,0.6\nbroken\n")
    five, ten = survey_model(project).shuffles[0].snapshots
    assert [(each.name, each.value) for each in five.errors] == [("train error", 3.0), ("test error", 9.0)]
    assert ten.errors == ()


def test_errors_of_a_pytorch_evaluation_hide_those_of_training(tmp_path: Path) -> None:
    project = pytorch_project(tmp_path / "p", snapshots=("snapshot-5", "snapshot-best-10", "snapshot-20"))
    head = "%Training dataset,Shuffle number,Training epochs,Detector epochs (TD only),pcutoff,train rmse,test rmse"
    evaluation(project, "evaluation-results-pytorch", f"{head}\n0.95,1,10,-1,0.6,1.5,2.5\n")
    stats = "step,losses/eval.total_loss,metrics/test.mAP,metrics/test.rmse\n5,1,,\n10,1,90,4\n20,1,91,nan\n"
    (train_folder(project) / "learning_stats.csv").write_text(stats)
    snapshots = {each.name: each.errors for each in survey_model(project).shuffles[0].snapshots}
    assert [(each.name, each.value) for each in snapshots["snapshot-best-10"]] == [
        ("train rmse", 1.5),
        ("test rmse", 2.5),
    ]
    assert [(each.name, each.value) for each in snapshots["snapshot-20"]] == [("test mAP", 91.0)]
    assert snapshots["snapshot-5"] == ()


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (["tail", "snout"], "the same body parts as config.yaml in another order"),
        (["snout", "tail", "ear"], "2 body parts, config.yaml has 3"),
        (["snout", "ear"], "other body parts than config.yaml"),
    ],
)
def test_body_parts_that_differ_from_what_was_trained_are_an_error(
    tmp_path: Path, make: Any, parts: list[str], text: str
) -> None:
    found = survey_model(make(tmp_path / "p", bodyparts=parts))
    assert found.model is None
    errors = [each for each in found.findings if each.error]
    assert {Path(each.file).parent.name for each in errors} == {"train", "test"}
    assert all(each.text == f"the network was trained with {text}" for each in errors)
    assert all((each.expected, each.found) == (tuple(parts), tuple(PARTS)) for each in errors)


@pytest.mark.parametrize("index_columns", [0, 2])
def test_labels_of_other_body_parts_are_a_warning(tmp_path: Path, index_columns: int) -> None:
    project, blank = calm(pytorch_project(tmp_path / "p")), "," * index_columns
    for folder, parts in (("a", PARTS), ("b", PARTS[::-1]), ("c", PARTS[::-1])):
        pairs = ",".join(f"{part},{part}" for part in parts)
        text = f"scorer{blank},l,l,l,l\nbodyparts{blank},{pairs}\ncoords{blank},x,y,x,y\nimg{blank},1,2,3,4\n"
        (project / "labeled-data" / folder).mkdir(parents=True)
        (project / "labeled-data" / folder / "CollectedData_lab.csv").write_text(text)
    found = survey_model(project)
    (finding,) = found.findings
    assert found.model and not finding.error
    assert (finding.file, finding.found) == ("labeled-data/b/CollectedData_lab.csv", ("tail", "snout"))
    assert "(and 1 more files)" in finding.text and "another order" in finding.text


def test_labels_of_a_multi_animal_project(tmp_path: Path) -> None:
    project = calm(tensorflow_project(
        tmp_path / "p", multianimalproject=True, bodyparts="MULTI!", multianimalbodyparts=["snout"],
        uniquebodyparts=["tail"], individuals=["a", "b"],
    ))  # fmt: skip
    folder = project / "training-datasets/iteration-0/UnaugmentedDataSet_mouseJan1"
    owners, parts = "a,a,b,b,single,single", "snout,snout,snout,snout,tail,tail"
    csv = folder / "CollectedData_lab.csv"
    csv.write_text(f"scorer,l,l,l,l,l,l\nindividuals,{owners}\nbodyparts,{parts}\ncoords,x,y,x,y,x,y\n")
    assert survey_model(project).findings == ()
    csv.write_text(csv.read_text().replace("tail", "ear"))
    (finding,) = survey_model(project).findings
    assert (finding.expected, finding.found) == (("snout", "tail"), ("snout", "ear"))


@pytest.mark.parametrize("make", MAKERS)
def test_a_snapshot_index_beyond_what_exists(tmp_path: Path, make: Any) -> None:
    found = survey_model(calm(make(tmp_path / "p", snapshotindex=4)))
    (finding,) = found.findings
    assert finding.error and "no snapshot '4'; there are: snapshot-200" in finding.text and found.model is None


def test_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.yaml"):
        survey_model(tmp_path)
    found = survey_model(pytorch_project(tmp_path / "p"), shuffle=9)
    assert found.model is None and "it has: dlc-models-pytorch" in found.findings[0].text and found.shuffles
    (train_folder(tmp_path / "p").parent / "test" / "pose_cfg.yaml").unlink()
    assert "pose_cfg.yaml: no such file" in survey_model(tmp_path / "p").findings[0].text


def test_warnings_of_paths_crop_metadata_and_engine(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p", cropping=True, x1=0, x2=10, y1=0, y2=20, engine="pytorch")
    edit_json(train_folder(project).parent / "test" / "pose_cfg.yaml", dataset="/Users/lab/mouse", num_joints=3)
    found = survey_model(project)
    texts = [each.text for each in found.findings]
    assert found.model and not any(each.error for each in found.findings)
    (places,) = [text for text in texts if text.startswith("paths that do not exist here (from Windows)")]
    assert "C:\\Users\\lab\\mouse, " in places and places.endswith(", and 1 more"), "those of pose_cfg.yaml, too"
    assert "cropping is on (x1 0, x2 10, y1 0, y2 20 px): every video is analysed in that part only" in texts
    assert any(text.startswith("is missing, as in projects of DeepLabCut 2") for text in texts)
    assert any(text.startswith("says pytorch, but the shuffle is used with tensorflow") for text in texts)
    assert "num_joints is 3, but all_joints_names has 2 names" in texts
    assert why(found, "crop")[0] == "0, 10, 0, 20 px"
    harmless = [each.text for each in found.findings if not each.remedy]
    assert len(harmless) == 2 and all("harmless" in text or "include their own" in text for text in harmless)


def test_two_engines_for_one_shuffle(tmp_path: Path) -> None:
    project = tensorflow_project(pytorch_project(tmp_path / "p"))
    assert warnings(survey_model(project))[NAME].startswith("this shuffle exists twice")


def test_a_project_that_lets_code_run(tmp_path: Path) -> None:
    project = calm(pytorch_project(tmp_path / "p"))
    edit_json(train_folder(project) / "pytorch_config.yaml", runner={"load_weights_only": False})
    assert "load_weights_only is false" in warnings(survey_model(project))["pytorch_config.yaml"]


def test_a_bundle_says_the_same_and_warns_of_nothing(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "p", steps=(5, 10))
    pack_model(project, tmp_path / "m.dlcmodel", snapshot="0")
    found = survey_model(tmp_path / "m.dlcmodel")
    assert found.findings == () and found.model
    assert [each.name for each in found.shuffles[0].snapshots] == ["snapshot-5"]


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run `dlcctr model WORDS…` and insist on its exit code; gives what it printed on stdout and on stderr."""

    def call(*words: str | Path, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr(sys, "argv", ["dlcctr", "model", *map(str, words)])
        assert catch(make_app()) == code
        out, err = capsys.readouterr()
        return out, err

    return call


def test_the_commands(tmp_path: Path, cli: Cli) -> None:
    project, bundle = pytorch_project(tmp_path / "p"), tmp_path / "m.dlcmodel"
    assert "wrote" in cli("pack", project, "-o", bundle)[0]
    assert ": complete, 5 files of model mouseJan1-shuffle1-snapshot-200-" in cli("verify", bundle)[0]
    said = json.loads(cli("inspect", bundle, "--json")[0])
    assert (said["kind"], said["model"]["snapshot"], said["bodyparts"]) == ("model inspect", "snapshot-200", PARTS)
    cli("unpack", bundle, "-o", tmp_path / "u")
    assert json.loads(cli("inspect", tmp_path / "u", "--json")[0])["model"]["hash"] == said["model"]["hash"]
    data = bytearray(bundle.read_bytes())
    data[data.rindex(b"snapshot-200")] = 0
    bundle.write_bytes(data)
    answer = json.loads(cli("verify", bundle, "--json", code=5)[0])
    assert len(answer["problems"]) == 1 and "snapshot-200.pt" in answer["problems"][0]
    assert "1 problem" in cli("verify", bundle, code=5)[0]


def test_a_moved_body_part_is_shown_and_refused(tmp_path: Path, cli: Cli) -> None:
    project = pytorch_project(tmp_path / "p", bodyparts=["snout", "ear", "tail"])
    out, _ = cli("inspect", project, code=5)
    assert "error: " in out and out.count("2  ear          tail   <-") == 2
    _, err = cli("pack", project, "-o", tmp_path / "m", code=5)
    assert "2  ear          tail   <-" in err and "what to do: make config.yaml's list equal" in err


@pytest.mark.parametrize(("value", "is_of_several"), [("no", False), ("false", False), (None, False), ("Yes", True)])
def test_switches_are_read_as_deeplabcut_reads_them(tmp_path: Path, value: object, *, is_of_several: bool) -> None:
    """YAML 1.2 has texts in their place."""
    config = read_config(open_tree(pytorch_project(tmp_path / "p", multianimalproject=value, cropping="no")))
    assert is_on(config["multianimalproject"]) is is_of_several and not is_on(config["cropping"])


def test_a_switch_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="multianimalproject is 'maybe'; it must be true or false"):
        survey_model(pytorch_project(tmp_path / "p", multianimalproject="maybe"))
