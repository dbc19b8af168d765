"""The step `ensemble` on models of several animals: which of one is which of another is found by where they are."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.real, pytest.mark.full]


@pytest.fixture(scope="module")
def answers(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What support/ensembles.py found, in a Python that has scipy."""
    script = ROOT / "tests" / "integration" / "support" / "ensembles.py"
    done = subprocess.run(
        [str(native_pytorch), str(script), str(tmp_path_factory.mktemp("ensembles"))],
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("way", "gain"), [("eks", 0.6), ("median", 0.8), ("cut", 0.8)])
def test_several_animals_are_better_than_in_one_model(answers: dict[str, Any], way: str, gain: float) -> None:
    found = answers[way]
    assert found["mean_px"] < gain * found["one_model_px"], found
    assert found["foreign"] == 0, "no position is another animal's"
    assert found["matched_share"] > 0.95 and found["known"] > 0.9
    assert found["corner"] == [5.0, 7.0] and found["models"] == 3


def test_an_animal_that_the_last_model_does_not_know_is_left_out(answers: dict[str, Any]) -> None:
    found = answers["more"]
    assert found["foreign"] == 0
    assert found["animals_left_out"] > 300


def test_models_that_see_other_things_are_refused(answers: dict[str, Any]) -> None:
    assert "0% of the animals of row 0 lie where row 1 has one; which is which is not known" in answers["elsewhere"]
    assert "beside=rows" in answers["elsewhere"]
