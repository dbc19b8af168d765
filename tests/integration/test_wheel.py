"""A wheel that pip has installed, in an empty folder: everything that a checkout does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.contract import ExitCode
from tests.docker.apptainer import CHECKOUT
from tests.docker.compare_images import compare, list_files
from tests.integration.support.tiny_models import make_model
from tests.media import write_video

pytestmark = pytest.mark.real
TAG = "dlcctr-test:wheel"
OF_THE_BUILD = ["opt/dlc/image.json", "opt/dlc/sbom.cdx.json"]
"""Files of the image that name its build: revision and time, which a wheel does not have."""


class Installed:
    """`dlcctr` of a virtual environment without this checkout, and an empty folder to type commands in."""

    def __init__(self, environment: Path, folder: Path) -> None:
        self.program, self.folder = environment / "bin" / "dlcctr", folder

    def run(self, *words: str | Path, code: int = 0, **variables: str) -> str:
        """Type a command; insists on its exit code, gives all that it printed."""
        env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
        argv = [str(self.program), *map(str, words)]
        done = subprocess.run(
            argv, cwd=self.folder, env={**env, **variables}, capture_output=True, text=True, check=False
        )
        shown = done.stdout + done.stderr
        assert done.returncode == code, f"{argv} ended with {done.returncode}, not {code}\n{shown}"
        assert str(CHECKOUT) not in shown
        return shown


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fresh virtual environment with the wheel in it, as `pip install dlcctr` makes it."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip"]
    build = [*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(_copy(folder))]
    subprocess.run(build, check=True)
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([folder / "venv" / "bin" / "python", "-m", "pip", "install", "-q", wheel], check=True)
    return folder / "venv"


def _copy(folder: Path) -> Path:
    """What the wheel is built from, where a build may leave its folders."""
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        if (CHECKOUT / name).is_file():
            (folder / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / "source" / name)
    return folder / "source"


@pytest.fixture
def installed(environment: Path, tmp_path: Path) -> Installed:
    (tmp_path / "empty").mkdir()
    return Installed(environment, tmp_path / "empty")


def test_a_campaign_goes_from_videos_to_checked_results(
    installed: Installed, native_pytorch: Path, tmp_path: Path
) -> None:
    # the same lock: the installed dlcctr finds the environment that is there
    model = make_model(native_pytorch, "pytorch-single", tmp_path / "models")
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", 30)
    installed.run("manifest", tmp_path / "videos", "-o", "m.csv", "--model", model, "--out", "results")
    before = set(native_pytorch.parents[2].glob("env-*"))
    assert "runtime: native" in installed.run("run", "m.csv", "--runtime", "native", "--allow-cpu")
    assert "1 whole" in installed.run("check", "m.csv")
    assert set(native_pytorch.parents[2].glob("env-*")) == before


def test_the_scripts_for_a_cluster_are_written(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", 30)
    installed.run("manifest", tmp_path / "videos", "-o", "m.csv", "--out", "results")
    script = installed.run("sbatch", "m.csv", "--fps", "50", "--image", "dlc.sif")
    assert script.startswith("#!/bin/bash")
    assert "psc-bridges2" in installed.run("site", "list")


def test_every_flavour_is_known_and_a_build_needs_docker_alone(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(installed.program.parent / "python")
    shown = installed.run("image", "build", code=ExitCode.TOOL_MISSING, PATH=str(tmp_path / "bin"))
    assert "docker was not found" in shown
    assert "pytorch --device cuda --cuda cu130" in installed.run("image", "build", "--engine", "jax", code=2)


@pytest.fixture
def built(installed: Installed, cpu_image: str) -> Iterator[str]:
    """Image that the installed dlcctr has built; only the layer of the project's own files is new."""
    installed.run("image", "build", "--engine", "pytorch", "--device", "cpu", "--tag", TAG)
    yield TAG
    subprocess.run(["docker", "image", "rm", TAG], check=True, capture_output=True)


def test_the_image_is_the_one_that_a_checkout_builds(built: str, cpu_image: str) -> None:
    differences = compare(list_files(cpu_image), list_files(built))
    assert differences == {"only in one": [], "content": OF_THE_BUILD, "mode or owner": [], "time": []}
