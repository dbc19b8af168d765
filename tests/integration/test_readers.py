"""Files of the steps `nwb` and `csv`, opened with nwbinspector, pynwb, movement and sleap-io."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docker.apptainer import CHECKOUT
from tests.integration.support.environments import environment_python
from tests.integration.support.step_files import CASES
from tests.integration.support.tiny_models import make_model
from tests.media import write_video

pytestmark = [pytest.mark.real, pytest.mark.full]
SUPPORT = CHECKOUT / "tests" / "integration" / "support"


@pytest.fixture(scope="module")
def readers() -> Path:
    """Python with the programs that read our files, from hashed packages in an environment of its own below .cache/."""
    return environment_python("readers")


def answer(*argv: str | Path) -> dict[str, Any]:
    """JSON in the last line that a program prints."""
    done = subprocess.run(
        list(map(str, argv)), capture_output=True, text=True, timeout=1800, check=False,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def written(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Files of all cases, with what the steps said of them."""
    return answer(native_pytorch, SUPPORT / "step_files.py", tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def read(written: dict[str, Any], readers: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the other programs read in them."""
    listing = tmp_path_factory.mktemp("read") / "files.json"
    listing.write_text(json.dumps(written), encoding="utf-8")
    return answer(readers, SUPPORT / "read_step_files.py", listing)


@pytest.mark.parametrize("name", CASES)
def test_positions_and_times_come_back_equal(name: str, written: dict[str, Any], read: dict[str, Any]) -> None:
    found = read[name]
    assert found["positions"] is True and found["times"] is True and found["errors"] == []
    assert found["unit"] == ["pixels"] and found["video"] and found["receipt"] == "day 1/a.mp4"
    assert written[name]["again"], "a second run must give the same bytes"


@pytest.mark.parametrize("name", CASES)
def test_nwbinspector(name: str, read: dict[str, Any]) -> None:
    expected = {
        "bare": [  # nothing is known about session and animal: no file can pass, and the remark says so
            "BEST_PRACTICE_SUGGESTION check_experiment_description",
            "BEST_PRACTICE_SUGGESTION check_experimenter_exists",
            "BEST_PRACTICE_SUGGESTION check_institution",
            "BEST_PRACTICE_SUGGESTION check_keywords",
            "CRITICAL check_subject_exists",
        ],
        "unknown": ["BEST_PRACTICE_VIOLATION check_timestamps_without_nans"],
        "still": ["BEST_PRACTICE_VIOLATION check_timestamps_ascending"],
        "frame": ["CRITICAL check_data_orientation"],  # two coordinates of one frame
    }
    assert read[name]["inspector"] == expected.get(name, [])


@pytest.mark.parametrize("name", CASES)
def test_movement_and_sleap_io(name: str, read: dict[str, Any]) -> None:
    found = read[name]
    assert found["movement_sleap"] is True and found["sleap_io"] is True
    if name != "frame":  # movement takes the rate from the steps between frames
        assert found["movement_nwb"] is True
    if name == "unique":
        assert "cannot reshape" in found["movement_h5"], "or the file for SLEAP is not needed for movement any more"
    elif name != "odd":
        assert found["movement_h5"] is True and found["movement_csv"] is True
    assert found["sleap_io_csv"] in (0, []), "or sleap-io has learnt to read DeepLabCut's .csv of a video"


def test_csv_is_stocks(written: dict[str, Any]) -> None:
    assert all(case["stock_csv"] for name, case in written.items() if name in CASES)


@pytest.mark.parametrize("kind", ["pytorch-single", "pytorch-multi"])
def test_csv_is_what_deeplabcut_wrote(
    kind: str, native_pytorch: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    model = make_model(native_pytorch, kind, tmp_path_factory.getbasetemp() / "models")
    shutil.copytree(model, tmp_path / "project")
    (tmp_path / "out").mkdir()
    write_video(tmp_path / "a.mp4", 12)
    config = tmp_path / "project" / "config.yaml"
    found = answer(native_pytorch, SUPPORT / "stock_tables.py", config, tmp_path / "a.mp4", tmp_path / "out")
    assert sum("filtered" in name for name in found) == 1 and len(found) >= 2 and all(found.values()), found


def test_what_the_files_say(written: dict[str, Any], read: dict[str, Any]) -> None:
    one, animals = read["one"], read["animals"]
    assert one["start"] == "2026-03-05T14:22:10+00:00" and one["session_id"] == "s1"
    assert {"subject_id": "m1", "sex": "F", "age": "P12W", "species": "Mus musculus"}.items() <= one["subject"].items()
    assert animals["subject"]["subject_id"] == "A_B" and "mus2: B" in animals["subject"]["description"]
    assert one["poses"] == {"PoseEstimation": ["snout", "left ear", "tail base"]}
    assert list(read["unique"]["poses"]) == ["PoseEstimation_mus1", "PoseEstimation_mus2", "PoseEstimation_single"]
    assert "of the step filter" in read["filtered"]["description"] and read["filtered"]["version"] == ["3.0.2"]
    assert "its corner (100, 50) is added" in read["cropped"]["reference_frame"]
    assert ["DeepLabCut", "3.0.2"] in one["generated_by"]
    assert "2 of 8 frames is not known" in written["unknown"]["remark"]
    assert "tail:base to tail_base_2" in written["odd"]["remark"]


def test_a_row_without_a_start_gets_no_file(written: dict[str, Any]) -> None:
    assert "session_start_time is missing" in written["untold"]["error"] and written["untold"]["left"] == []
