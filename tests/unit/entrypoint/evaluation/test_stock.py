"""The private project that DeepLabCut is given, and what is read of its answer; DeepLabCut itself is played."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

from dlcctr.errors import AnalysisError, GpuError, ToolMissingError
from dlcctr.model.inspection import inspect_model
from dlcctr.model.yaml.yaml12 import read_yaml
from dlcctr.training.split import Split
from entrypoint.evaluation.both import COMBINED, _without_doubles
from entrypoint.evaluation.stock import run_deeplabcut
from entrypoint.evaluation.stock.private_project import make_evaluation_project
from entrypoint.evaluation.stock.run_deeplabcut import Labelled, Wish, check_engine, evaluate_model
from tests.unit.support.evaluated_project import PARTS, ROUND_1, labels, make_evaluated, make_pair, pair_labels
from tests.unit.support.projects import NAME, tensorflow_project

CHILD = """
import json, sys
from pathlib import Path
import numpy, pandas
job = json.loads(Path(sys.argv[2]).read_text())
root = Path(job["config"]).parent
labels = pandas.read_hdf(job["table"])
top = root / "evaluation-results-pytorch" / "iteration-1"
folder = top / "mouseJan1-trainset95shuffle1"
folder.mkdir(parents=True)
old = (top / "CombinedEvaluation-results.csv")
old.write_text((old.read_text() if old.exists() else "") + "a line more\\n")
parts = ["ear", "snout", "tail"]  # another order than that of the model, and of the frames
columns = pandas.MultiIndex.from_product([["DLC_x"], ["animal"], parts, ["x", "y", "likelihood"]],
                                         names=["scorer", "individuals", "bodyparts", "coords"])
xy = labels["lab"][parts].to_numpy().reshape(len(labels), 3, 2)
values = numpy.concatenate([xy + 1, numpy.full((len(labels), 3, 1), 0.5)], axis=2).reshape(len(labels), -1)
table = pandas.DataFrame(values, index=labels.index, columns=columns)[::-1]
table.to_hdf(folder / "DLC_x.h5", key="df_with_missing", mode="w")
head = ",train rmse,test rmse,train rmse_pcutoff,test rmse_pcutoff\\n"
(folder / "DLC_x-results.csv").write_text(head + "0,1.41,1.42,nan,\\n")
(folder / "DLC_x-keypoint-results.csv").write_text("never read\\n")
Path(job["answer"]).write_text('{"device": "cpu"}')
print("threads", job["threads"], job["device"])
"""
LABELS = labels(len(ROUND_1))
LABELLED = Labelled(tuple(ROUND_1), LABELS, Split(tuple(range(2, 28)), (0, 1)), LABELS)


def play(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(run_deeplabcut, "BOOT", code)
    monkeypatch.setattr(run_deeplabcut, "check_engine", lambda _: None)


def wish(tmp_path: Path, device: str = "auto") -> Wish:
    (tmp_path / "scratch").mkdir(exist_ok=True)
    return Wish("lab", 0.6, device, tmp_path / "scratch")


def test_the_private_project(tmp_path: Path) -> None:
    project = make_evaluated(tmp_path, pcutoff=0.1)
    model = inspect_model(project, instead={"iteration": 0, "TrainingFraction": [0.955]})  # not what config.yaml says
    kept = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    root = tmp_path / "private" / "project"
    config = make_evaluation_project(
        model, root, LABELLED.frames, LABELLED.xy, LABELLED.split, scorer="lab", pcutoff=0.7
    )
    told = read_yaml(config)
    assert (told["project_path"], told["iteration"], told["pcutoff"]) == (str(root), 0, 0.7)
    assert (told["bodyparts"], told["TrainingFraction"]) == (list(PARTS), [0.955])
    assert (root / "labeled-data" / "new" / ROUND_1[-1][1]).is_file()
    sets = root / "training-datasets" / "iteration-0" / "UnaugmentedDataSet_mouseJan1"
    held = pickle.loads((sets / "Documentation_data-mouse_95shuffle1.pickle").read_bytes())
    assert (held[1], held[2], held[3]) == (list(range(2, 28)), [0, 1], 0.955)
    table = pandas.read_hdf(sets / "CollectedData_lab.h5")
    assert isinstance(table, pandas.DataFrame)
    assert list(table.index[-1]) == ["labeled-data", *ROUND_1[-1]]
    assert np.array_equal(table["lab"]["tail"].to_numpy(), LABELLED.xy[:, 1])
    assert {file: file.read_bytes() for file in kept} == kept


def test_a_tensorflow_model_finds_its_split(tmp_path: Path) -> None:
    project = tensorflow_project(tmp_path / "mouse")
    (project / "labeled-data").mkdir()
    model = inspect_model(project)
    root = tmp_path / "private"
    make_evaluation_project(model, root, LABELLED.frames, LABELLED.xy[:, :2], LABELLED.split, scorer="lab", pcutoff=0.6)
    pose = read_yaml(root / "dlc-models" / "iteration-0" / NAME / "train" / "pose_cfg.yaml")
    assert (root / pose["metadataset"]).is_file()


def test_what_deeplabcut_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, CHILD)
    model = inspect_model(make_evaluated(tmp_path))
    combined = tmp_path / COMBINED
    combined.write_text("a line\n")
    found = evaluate_model(model, LABELLED, wish(tmp_path), name="now", combined=combined)
    assert np.allclose(found.predicted[..., :2], LABELLED.xy + 1), "by names, not by places"
    assert np.allclose(found.predicted[..., 2], 0.5)
    assert found.own_figures == {"train rmse": 1.41, "test rmse": 1.42}, "nan and nothing are no figures"
    assert found.device == "cpu"
    assert (found.folder.parent / COMBINED).read_text() == "a line\na line more\n"
    assert combined.read_text() == "a line\n", "taken home later"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", AnalysisError, "ran out of memory"),
        ("print('loading'); raise ValueError('no such snapshot')", AnalysisError, "no such snapshot"),
        ("raise SystemExit('no GPU can be used here')", GpuError, "no GPU"),
        ("raise RuntimeError('CUDA out of memory. Tried to allocate')", GpuError, "out of memory"),
    ],
)
def test_how_deeplabcut_fails(
    code: str, kind: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, code)
    model = inspect_model(make_evaluated(tmp_path))
    with pytest.raises(kind, match=words):
        evaluate_model(model, LABELLED, wish(tmp_path), name="now")


def test_the_cpu_alone_if_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,4")
    seen = []
    tell = "import os; print(os.environ['CUDA_VISIBLE_DEVICES']); raise SystemExit('enough')"
    play(monkeypatch, tell)
    model = inspect_model(make_evaluated(tmp_path))
    for n, device in enumerate(("cpu", "auto")):
        with pytest.raises(AnalysisError) as refused:
            evaluate_model(model, LABELLED, wish(tmp_path, device), name=str(n))
        seen.append(refused.value.message.splitlines()[1])
    assert seen == ["-1", "3"], "one GPU at most"


def test_an_engine_that_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(ToolMissingError, match="TensorFlow"):
        check_engine("tensorflow")


def test_a_line_of_tensorflows_table_is_there_once() -> None:
    table = ",Training iterations:,test error(px)\n0,200,3.5\n1,400,2.5\n2,200,3.5\n"
    found = _without_doubles(table.encode()).decode()
    assert found == ",Training iterations:,test error(px)\n0,400,2.5\n1,200,3.5\n"


MATCHING_CHILD = """
import json, sys
from pathlib import Path
import numpy, pandas
job = json.loads(Path(sys.argv[2]).read_text())
several = job["several"]
assert Path(job["copy"]).name == "mouse_lab95shuffle1.pickle"
table = pandas.read_hdf(job["table"])
assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
assert [list(each) for each in table.columns[::2].droplevel(["scorer", "coords"])] == several["points"]
folder = Path(job["results"])
folder.mkdir(parents=True)
head = "train rmse,test rmse,train mAP,test mAR\\n"
(folder / "DLC_x-results.csv").write_text(head + "1,2,30,40\\n")
labels = numpy.load(several["labels"])
numpy.save(several["predicted"], numpy.concatenate([labels + 1, labels[..., :1] * 0 + 0.5], axis=2))
Path(job["answer"]).write_text('{"device": "cpu"}')
"""


def test_with_several_animals_the_child_says_which_is_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    play(monkeypatch, MATCHING_CHILD)
    model, xy = inspect_model(make_pair(tmp_path)), pair_labels(len(ROUND_1))
    counted = xy.copy()
    counted[3, 2] = np.nan
    found = evaluate_model(model, Labelled(tuple(ROUND_1), xy, LABELLED.split, counted), wish(tmp_path), name="now")
    assert np.array_equal(found.predicted[..., :2], counted + 1, equal_nan=True)
    assert found.own_figures == {"train rmse": 1, "test rmse": 2, "train mAP": 30, "test mAR": 40}
