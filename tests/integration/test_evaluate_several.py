"""`dlc evaluate` with several animals beside DeepLabCut's own evaluate_network: the same figures, the same files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas
import pytest

from tests.integration.test_evaluate import DLC, FILES, ROOT, answer, call, check_files, figure, rows_of

SCRIPT = ROOT / "tests" / "integration" / "support" / "several_animals.py"
FRAMES, ANIMALS = 20, 2


@pytest.mark.real
@pytest.mark.full
@pytest.mark.parametrize("kind", ["multi", "topdown"])
def test_the_figures_of_several_animals_are_deeplabcuts(kind: str, native_pytorch: Path, tmp_path: Path) -> None:
    project = Path(answer(call(native_pytorch, ["-Es", SCRIPT, "make", kind, tmp_path], tmp_path)))
    stock = tmp_path / "stock"
    shutil.copytree(project, stock)
    facts = answer(call(native_pytorch, ["-Es", SCRIPT, "stock", stock], tmp_path))
    kept = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}
    words: list[object] = ["-Es", "-c", DLC, ROOT, "evaluate", project, "--pcutoff", facts["pcutoff"]]
    told = call(native_pytorch, [*words, "--device", "cpu"], tmp_path)
    assert {file: file.read_bytes() for file in kept} == kept, "nothing that was there is touched"
    assert "please report" not in told and f"{FRAMES} labelled frames of {ANIMALS} animals" in told

    (out,), (theirs,) = ([*each.glob("evaluation-results-pytorch/iteration-1/*shuffle1")] for each in (project, stock))
    assert {each.name for each in out.iterdir()} == {each.name for each in theirs.iterdir()} | FILES
    found = json.loads((out / "evaluation.json").read_text())
    check_figures(found, theirs)
    check_files(out, theirs)
    check_points(found, out)
    assert found["before"]["iteration"] == 0 and found["counts"]["added"] == 6
    assert {each["model"] for each in found["precisions"]} == {"now", "before"}


def check_figures(found: dict[str, Any], theirs: Path) -> None:
    """Both sides, with and without p-cutoff, over all and by body part; and those of whole animals."""
    (file,) = [each for each in theirs.glob("*-results.csv") if "keypoint" not in each.name]
    (own,) = rows_of(file)
    (keypoints,) = theirs.glob("*-keypoint-results.csv")
    parts = pandas.read_csv(keypoints, index_col=0)
    assert list(parts.columns) == found["bodyparts"]
    n_missed = 0
    for side in ("train", "test"):
        one = figure(found, "now", side)
        assert round(one["error_px"], 2) == pytest.approx(float(own[f"{side} rmse"]), abs=0.0051)
        assert round(one["error_sure_px"], 2) == pytest.approx(float(own[f"{side} rmse_pcutoff"]), abs=0.0051)
        assert 0 < one["n_sure"] < one["n"], "or the p-cutoff is not tested"
        n_missed += one["n_pck"] - one["n"]
        for part in found["bodyparts"]:
            own_part = float(parts.loc[f"{side.capitalize()} error (px)", part])
            assert figure(found, "now", side, part)["error_px"] == pytest.approx(own_part, abs=1e-4)
        whole = next(each for each in found["precisions"] if (each["model"], each["frames"]) == ("now", side))
        assert (whole["map_percent"], whole["mar_percent"]) == (float(own[f"{side} mAP"]), float(own[f"{side} mAR"]))
    assert n_missed > 0, "or a labelled animal that was not found is not tested"


def check_points(found: dict[str, Any], out: Path) -> None:
    """The table has every animal's points, and the same mean as the figures."""
    lines = [line for line in rows_of(out / "evaluation.csv") if line["model"] == "now"]
    names = {(line["individual"], line["bodypart"]) for line in lines}
    assert len(lines) == FRAMES * len(names)
    assert {who for who, _ in names} - {"single"} == set(found["individuals"])
    errors = [float(line["error_px"]) for line in lines if line["split"] == "test" and line["error_px"]]
    one = figure(found, "now", "test")
    assert len(errors) == one["n"] and sum(errors) / len(errors) == pytest.approx(one["error_px"], rel=1e-5)
