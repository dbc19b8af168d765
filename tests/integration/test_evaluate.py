"""`dlc evaluate` beside DeepLabCut's own evaluate_network: the same figures, the same files, in both engines."""

from __future__ import annotations

import csv
import io
import json
import os
import pickle
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "tests" / "integration" / "support" / "evaluated_project.py"
DLC = "import sys; sys.path.insert(0, sys.argv.pop(1)); from entrypoint.app import main; main()"
ADDED, TEST, NEW_TO_BOTH = 8, 5, 3
"""Of the test frames the model before was trained on 5 and 10."""
FILES = {"evaluation.csv", "evaluation.html", "evaluation.json"}
OWN = {
    "pytorch": ("{} rmse", "{} rmse_pcutoff", "{} error (px)"),
    "tensorflow": (" {} error(px)", "{} error with p-cutoff", "{} error (px)"),
}


def call(python: Path, argv: list[object], cwd: Path) -> str:
    environment = {**os.environ, "DLClight": "True", "CUDA_VISIBLE_DEVICES": "-1", "NO_ALBUMENTATIONS_UPDATE": "1"}
    environment["OMP_WAIT_POLICY"] = "PASSIVE"
    words = [str(python), *map(str, argv)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout


def answer(text: str) -> Any:
    return json.loads(next(line for line in text.splitlines() if line.startswith("ANSWER ")).removeprefix("ANSWER "))


def figure(found: dict[str, Any], model: str, frames: str, part: str = "") -> dict[str, Any]:
    wanted = (model, frames, part)
    return next(each for each in found["figures"] if (each["model"], each["frames"], each["bodypart"]) == wanted)


def rows_of(file: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(file.read_text())))


@pytest.mark.real
@pytest.mark.full
@pytest.mark.parametrize("engine", ["pytorch", "tensorflow"])
def test_the_figures_are_deeplabcuts(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    python = request.getfixturevalue(f"native_{engine}")
    project = Path(answer(call(python, ["-Es", SCRIPT, "make", engine, tmp_path], tmp_path)))
    stock = tmp_path / "stock"
    shutil.copytree(project, stock)
    facts = answer(call(python, ["-Es", SCRIPT, "stock", stock], tmp_path))
    kept = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    words: list[object] = ["-Es", "-c", DLC, ROOT, "evaluate", project, "--pcutoff", facts["pcutoff"]]
    told = call(python, [*words, "--device", "cpu"], tmp_path)
    assert {file: file.read_bytes() for file in kept} == kept, "nothing that was there is touched"

    top = "evaluation-results" + ("-pytorch" if engine == "pytorch" else "")
    (out,), (theirs,) = ([*each.glob(f"{top}/iteration-1/*shuffle1")] for each in (project, stock))
    assert {each.name for each in out.iterdir()} == {each.name for each in theirs.iterdir()} | FILES
    found = json.loads((out / "evaluation.json").read_text())
    check_figures(engine, found, theirs)
    check_files(out, theirs)
    check_before(found, out, Path(facts["before"]))
    assert "please report" not in told
    assert "was trained on 2 of the 5 test frames" in told
    # once more: the same files, not a second line in DeepLabCut's table
    first = (out.parent / "CombinedEvaluation-results.csv").read_text()
    call(python, [*words, "--beside", "none", "--json"], tmp_path)
    assert (out.parent / "CombinedEvaluation-results.csv").read_text() == first
    if engine == "pytorch":
        check_empty_test_set(python, project, words, tmp_path)


def check_figures(engine: str, found: dict[str, Any], theirs: Path) -> None:
    """Both sides, with and without p-cutoff, over all and by body part."""
    every, sure, by_part = OWN[engine]
    (file,) = [each for each in theirs.glob("*-results.csv") if "keypoint" not in each.name]
    (own,) = rows_of(file)
    (keypoints,) = theirs.glob("*-keypoint-results.csv")
    parts = pandas.read_csv(keypoints, index_col=0)
    for side in ("train", "test"):
        title = side if engine == "pytorch" else side.capitalize()
        one = figure(found, "now", side)
        assert round(one["error_px"], 2) == pytest.approx(float(own[every.format(title)]), abs=0.0051)
        assert round(one["error_sure_px"], 2) == pytest.approx(float(own[sure.format(title)]), abs=0.0051)
        assert 0 < one["n_sure"] < one["n"], "or the p-cutoff is not tested"
        for part in found["bodyparts"]:
            mine, line = figure(found, "now", side, part), by_part.format(side.capitalize())
            assert mine["error_px"] == pytest.approx(parts.loc[line, part], abs=1e-4)
            if engine == "tensorflow":
                own_sure = float(parts.loc[f"{line} with p-cutoff", part])  # NaN where no point reaches the p-cutoff
                ours = np.nan if mine["error_sure_px"] is None else mine["error_sure_px"]
                assert ours == pytest.approx(own_sure, abs=1e-4, nan_ok=True)
    n_test = figure(found, "now", "test")["n"]
    assert n_test == 4 * TEST - 4 - 1, "one frame without labels, and one part of another"
    n_train = figure(found, "now", "train")["n"]
    outside = 0 if engine == "tensorflow" else 2
    assert n_train == 4 * 27 - 1 - outside


def check_files(out: Path, theirs: Path) -> None:
    """DeepLabCut's files are those that it makes itself."""
    for file in theirs.iterdir():
        if file.suffix == ".h5":
            mine, other = pandas.read_hdf(out / file.name), pandas.read_hdf(file)
            pandas.testing.assert_frame_equal(mine, other, check_exact=False, atol=1e-3)
        else:
            mine, other = (pandas.read_csv(each, index_col=0) for each in (out / file.name, file))
            pandas.testing.assert_frame_equal(mine, other, check_exact=False, atol=0.011)
    combined = "CombinedEvaluation-results.csv"
    mine, other = (pandas.read_csv(each.parent / combined) for each in (out, theirs))
    pandas.testing.assert_frame_equal(mine, other, check_exact=False, atol=0.011)


def check_before(found: dict[str, Any], out: Path, table: Path) -> None:
    """Predictions of the model before are those of DeepLabCut, where that can make any: on its own round's frames."""
    assert found["before"]["iteration"] == 0
    counts = found["counts"]
    assert (counts["added"], counts["test"], counts["test_known_to_before"]) == (ADDED, TEST, TEST - NEW_TO_BOTH)
    own = pandas.read_hdf(table)
    assert isinstance(own, pandas.DataFrame)
    lines = [line for line in rows_of(out / "evaluation.csv") if line["model"] == "before"]
    assert len(lines) == 4 * (len(own) + ADDED)
    compared = 0
    for line in lines:
        index = ("labeled-data", line["folder"], line["picture"])
        if line["added"] == "1":
            assert index not in own.index
            continue
        values = own.loc[index].xs(line["bodypart"], level="bodyparts").to_numpy()
        assert np.allclose([float(line[name]) for name in ("x", "y", "likelihood")], values, atol=1e-3)
        compared += 1
    assert compared == 4 * len(own)
    known = {(line["folder"], line["picture"]) for line in lines if line["known_to_before"] == "1"}
    assert len(known) == 21
    assert figure(found, "before", "test")["error_px"] != figure(found, "now", "test")["error_px"]


def check_empty_test_set(python: Path, project: Path, words: list[object], folder: Path) -> None:
    """DeepLabCut's PyTorch engine fails here (`No data in test split`); errors of the training frames are known."""
    (file,) = project.glob("training-datasets/iteration-1/*/Documentation_data-*.pickle")
    held = pickle.loads(file.read_bytes())
    before = json.loads(call(python, [*words, "--beside", "none", "--json"], folder))
    file.write_bytes(pickle.dumps([held[0], held[1], [], held[3]]))
    found = json.loads(call(python, [*words, "--beside", "none", "--json"], folder))
    assert (figure(found, "now", "test")["n_frames"], found["counts"]["train"]) == (0, 27)
    assert figure(found, "now", "train")["error_px"] == pytest.approx(
        figure(before, "now", "train")["error_px"], abs=1e-3
    )
    assert any("test set is empty" in note for note in found["notes"])
