"""Labels of several animals that came back, put in by `labels add`, are those that DeepLabCut trains on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.support.campaigns import dlcctr
from tests.integration.test_evaluate import ROOT, answer, call

SCRIPT = ROOT / "tests" / "integration" / "support" / "labels_of_several.py"
ORDER = [*(f"{who} {part}" for who in ("mouse2", "mouse1") for part in ("snout", "back", "tail")), "single corner"]
"""As config.yaml has it; the labels come back in the order of the alphabet."""


@pytest.mark.real
@pytest.mark.full
@pytest.mark.parametrize("h5_by", ["dlcctr", "DeepLabCut"])
def test_deeplabcut_trains_on_both(h5_by: str, native_pytorch: Path, tmp_path: Path) -> None:
    """Corrected pictures of a known video and those of a new one, with the .h5 made by either program."""
    made = answer(call(native_pytorch, ["-Es", SCRIPT, "make", tmp_path], tmp_path))
    project, wanted = Path(made["project"]), made["wanted"]
    words = [] if h5_by == "dlcctr" else ["--no-h5"]
    told = dlcctr("labels", "add", project, made["back"], *words)
    assert "first/CollectedData_lab.csv: 2 replaced" in told and "second/CollectedData_lab.csv: 3 new" in told
    tables = sorted((project / "labeled-data").glob("*/CollectedData_lab.h5"))
    assert len(tables) == (2 if h5_by == "dlcctr" else 0)
    if not tables:
        call(native_pytorch, ["-Es", SCRIPT, "convert", project], tmp_path)

    found = answer(call(native_pytorch, ["-Es", SCRIPT, "read", project], tmp_path))
    assert found["iteration"] == 1
    assert found["columns"] == [f"{point} {coord}" for point in ORDER for coord in "xy"]
    assert len(wanted) == 6 + 3 and any(len(points) < len(ORDER) for points in wanted.values())
    assert_same(found["table"], wanted)
    assert_same(found["trained"], wanted)


def assert_same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The same pictures, in each the same points of the same animals, in px."""
    assert found.keys() == wanted.keys()
    for picture, points in wanted.items():
        assert found[picture].keys() == points.keys(), picture
        for name, place in points.items():
            assert found[picture][name] == pytest.approx(place, abs=0.011), (picture, name)  # DeepLabCut rounds to 0.01
