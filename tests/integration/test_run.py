"""`dlcctr run` with real runtimes: docker with the CPU image, apptainer as an ordinary user, and their restarts."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.contract import ExitCode
from tests.docker.apptainer import CHECKOUT, ApptainerBench
from tests.integration.support.campaigns import dlcctr, make_campaign, states
from tests.integration.support.tiny_models import make_model
from tests.media import write_video

pytestmark = pytest.mark.real
NAMES = ('cam 1/a, "b".mp4', "cam 2/-é $(touch pwned).mp4")


@pytest.fixture
def campaign(tmp_path: Path, native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Manifest of two videos with awkward names and one that is none, beside a tiny model."""
    model = make_model(native_pytorch, "pytorch-single", tmp_path_factory.getbasetemp() / "models")
    for name in NAMES:
        (tmp_path / "videos" / name).parent.mkdir(parents=True)
        write_video(tmp_path / "videos" / name, 30)
    (tmp_path / "videos" / "none.mp4").write_text("no video")
    manifest = tmp_path / "my campaign, 1" / "m.csv"
    make_campaign(manifest, tmp_path / "videos", model)
    return manifest


def add_steps(manifest: Path) -> None:
    """A row is whole once these are done as well."""
    dlcctr("steps", "add", manifest, "filter", "filtertype=median")
    for kind, *words in (("label-video",), ("csv",), ("nwb", "session_start_time=2026-03-04T10:00:00+01:00")):
        dlcctr("steps", "add", manifest, kind, "--of", "filter", *words)


def run_json(*words: str | Path, code: int) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(dlcctr("run", *words, "--json", code=code))
    return answer


def our_containers() -> list[str]:
    listing = ["docker", "ps", "--all", "--format", "{{.Names}}", "--filter", "name=dlcctr-row"]
    return subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()


def test_docker_runs_all_rows_and_a_bad_one_stops_none(campaign: Path, cpu_image: str) -> None:
    add_steps(campaign)
    first = run_json(campaign, "--image", cpu_image, "--allow-cpu", "--jobs", "2", code=ExitCode.VIDEO)
    assert first["runtime"] == "docker"
    assert sorted(row["code"] for row in first["rows"]) == [0, 0, ExitCode.VIDEO]
    assert {states(campaign)[name] for name in NAMES} == {"whole"}
    assert len(list(campaign.parent.rglob("steps/*/receipt.json"))) == 8
    assert not our_containers()
    again = run_json(campaign, "--image", cpu_image, "--allow-cpu", code=ExitCode.VIDEO)
    assert [row["was_finished"] for row in again["rows"] if row["video"] != "none.mp4"] == [True, True]
    owners = {path.stat().st_uid for path in campaign.parent.rglob("*")}
    assert owners == {os.getuid()}


def test_a_stopped_docker_run_leaves_nothing_and_goes_on(campaign: Path, cpu_image: str) -> None:
    words = [sys.executable, "-m", "dlcctr", "run", str(campaign), "--image", cpu_image, "--allow-cpu", "--rows", "0-1"]
    process = subprocess.Popen([*words, "--jobs", "2"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    mine: list[str] = []
    while len(mine) < 2:
        assert time.monotonic() < deadline and process.poll() is None
        names = (word for log in (campaign.parent / "logs").glob("*.log") for word in log.read_text().split())
        mine = [name for name in set(names) if name.startswith("dlcctr-row") and name in our_containers()]
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == ExitCode.TRY_AGAIN, said
    assert not set(mine) & set(our_containers())
    assert not [path for path in campaign.parent.rglob("*") if path.name.startswith(".dlcctr-attempt-")]
    dlcctr("run", campaign, "--image", cpu_image, "--allow-cpu", "--rows", "0-1", code=0)
    assert {states(campaign)[name] for name in NAMES} == {"whole"}


def test_an_image_of_another_contract_is_not_started(campaign: Path, small_image: str, tmp_path: Path) -> None:
    recipe = f"FROM {small_image}\nLABEL org.dlcctr.contract=999\n"
    build = ["docker", "build", "--quiet", "--tag", "dlcctr-test:contract", "-"]
    subprocess.run(build, input=recipe, text=True, check=True, capture_output=True)
    dlcctr("run", campaign, "--image", "dlcctr-test:contract", "--allow-cpu", code=ExitCode.CONTRACT)


def test_apptainer_stops_clean_and_goes_on_as_an_ordinary_user(
    campaign: Path, apptainer_bench: ApptainerBench, cpu_sif: Path, tmp_path: Path
) -> None:
    shared = apptainer_bench.shared / "run"
    shutil.copytree(read_campaign(campaign).model or tmp_path, shared / "model")
    shutil.copytree(tmp_path / "videos", shared / "videos")
    manifest = shared / "my campaign, 1" / "m.csv"
    make_campaign(manifest, shared / "videos", shared / "model")
    add_steps(manifest)
    subprocess.run(["chown", "-R", f"{apptainer_bench.uid}:{apptainer_bench.uid}", str(shared)], check=True)
    words = ["run", manifest, "--image", cpu_sif, "--allow-cpu", "--json", "--jobs", "2"]
    stop = ["timeout", "--preserve-status", "--signal=TERM", "6", "python3", "-m", "dlcctr", *words]
    environment = {"PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"}
    stopped = apptainer_bench.run_as_user(stop, env=environment, binds=[CHECKOUT, cpu_sif])
    assert stopped.returncode == ExitCode.TRY_AGAIN, stopped.stdout + stopped.stderr
    assert not list(manifest.parent.rglob(".dlcctr-attempt-*"))
    done = apptainer_bench.dlcctr(words, binds=[cpu_sif])
    assert done.returncode == ExitCode.VIDEO, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert answer["runtime"] == "apptainer"
    assert sorted(row["code"] for row in answer["rows"]) == [0, 0, ExitCode.VIDEO]
    assert {states(manifest)[name] for name in NAMES} == {"whole"}
