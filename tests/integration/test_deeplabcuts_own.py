"""DeepLabCut's own tests pass where we run it; each one that does not is listed with its cause."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dlcctr.image.flavours import Flavour, list_flavours
from tests.docker.fixtures import ensure_image
from tests.integration.support.own_tests import BOOT, Known, account, lay_out, read_outcomes

ROOT = Path(__file__).resolve().parents[2]
FILES = 18
SETTINGS = {"DLClight": "True", "MPLBACKEND": "Agg", "CUDA_VISIBLE_DEVICES": "-1", "OMP_NUM_THREADS": "1"}
"""One thread: on shared CPUs, more of them wait for each other, and the stitching tests take ten times as long."""
SHORT = (
    "test_trackingutils.py", "test_stitcher.py", "test_inferenceutils.py", "test_evaluate.py", "test_filters.py",
)  # fmt: skip
"""Tracking, stitching, assembly, evaluation; filters and outliers, which the distribution has no tests of, by ours."""

NUMBERS = "asserts numbers of recorded data that are not in the source distribution; ours are of other animals"
NO_DATA = "needs recorded data that are not in the source distribution"
NO_TENSORFLOW = "tests the TensorFlow engine, which flavours of PyTorch leave out"
NO_FFMPEG = "calls the programs ffmpeg or ffprobe, which no flavour has: nothing that dlcctr does calls them"
KNOWN = (
    Known("test_inferenceutils.py::test_assembler_calibration", "failed", NUMBERS),
    Known("test_stitcher.py::test_stitcher_montblanc", "failed", NUMBERS),
    Known("test_evaluate.py", "skipped", NO_TENSORFLOW, "pytorch"),
)
"""Of the short part."""
KNOWN_IN_IMAGES = (
    *KNOWN,
    Known("test_crossvalutils.py::*", "error", NO_DATA),
    Known("test_dataset_augmentation.py", "skipped", NO_TENSORFLOW, "pytorch"),
    Known("test_pose_multianimal_imgaug.py", "skipped", NO_TENSORFLOW, "pytorch"),
    Known("test_predict_multianimal.py", "skipped", NO_TENSORFLOW, "pytorch"),
    Known("test_predict_supermodel.py", "skipped", NO_TENSORFLOW, "pytorch"),
    Known("test_tf_install_smoke.py", "skipped", NO_TENSORFLOW, "pytorch"),
    Known("test_pose_multianimal_imgaug.py::*", "error", NO_DATA, "tensorflow"),
    Known("test_predict_multianimal.py::test_association_costs", "failed", NUMBERS, "tensorflow"),
    Known("test_video.py::test_reader_check_integrity", "failed", NO_FFMPEG),
    Known("test_video.py::test_reader_metadata", "failed", NO_FFMPEG),
    Known("test_video.py::test_writer_shorten", "failed", NO_FFMPEG),
    Known("test_video.py::test_writer_split", "failed", NO_FFMPEG),
    Known("test_video.py::test_writer_crop", "failed", NO_FFMPEG),
    Known("test_video.py::test_writer_rescale[*]", "failed", NO_FFMPEG),
)


def account_for(work: Path, code: int, said: str, known: tuple[Known, ...], engine: str) -> None:
    assert code in (0, 1), said[-3000:]
    outcomes = read_outcomes(work)
    problems = account(outcomes, [line for line in known if line.engine in ("", engine)])
    assert not problems, "\n".join(problems)


@pytest.mark.real
@pytest.mark.parametrize("engine", ["pytorch", pytest.param("tensorflow", marks=pytest.mark.full)])
def test_tracking_stitching_filtering_outliers_and_evaluation(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    python: Path = request.getfixturevalue(f"native_{engine}")
    lay_out(tmp_path)
    command = [str(python), "-I", "-c", BOOT, str(ROOT), *(f"tests/{name}" for name in SHORT)]
    environment = {**os.environ, **SETTINGS}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    account_for(tmp_path, done.returncode, done.stdout + done.stderr, KNOWN, engine)


@pytest.mark.full
@pytest.mark.parametrize("flavour", list_flavours(), ids=[each.name for each in list_flavours()])
def test_all_of_them_in_every_image(docker_engine: str, flavour: Flavour, tmp_path: Path) -> None:
    image = ensure_image(flavour)
    assert len(lay_out(tmp_path)) == FILES
    command = ["docker", "run", "--rm", "--network", "none", "--user", f"{os.getuid()}:{os.getgid()}"]
    command += ["--mount", f"type=bind,source={tmp_path},target=/work", "--workdir", "/work", "--shm-size", "1g"]
    command += [word for name, value in SETTINGS.items() for word in ("--env", f"{name}={value}")]
    command += ["--entrypoint", "python", image, "-c", BOOT, "/work", "tests"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3600)
    account_for(tmp_path, done.returncode, done.stdout + done.stderr, KNOWN_IN_IMAGES, flavour.engine)


@pytest.mark.real
def test_what_the_table_does_not_say_is_named() -> None:
    known = [Known("a.py::test_x[*]", "failed", "an old bug"), Known("b.py", "skipped", "no TensorFlow")]
    sound = {"a.py::test_x[1]": ("failed", ""), "a.py::test_x": ("passed", ""), "b.py": ("skipped", "")}
    assert account(sound, known) == []
    assert account(sound | {"a.py::test_y": ("failed", "boom")}, known) == [
        "a.py::test_y: failed instead of passed\nboom"
    ]
    mended = account(sound | {"a.py::test_x[1]": ("passed", "")}, known)
    assert mended == ["a.py::test_x[1]: passed instead of failed (an old bug)\n"]
    assert account({"a.py::test_x[1]": ("failed", "")}, known) == ["b.py: no such test"]
