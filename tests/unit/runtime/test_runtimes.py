"""One row's command under each runtime: words, binds, environment; contract labels; which runtime is picked."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import Campaign
from dlcctr.contract import CONTRACT_VERSION, LABEL_PREFIX
from dlcctr.errors import ContractError, ToolMissingError, UsageError
from dlcctr.image import flavours
from dlcctr.runtime.base import RowJob
from dlcctr.runtime.choose import RuntimeOptions, pick_runtime
from dlcctr.runtime.containers import apptainer, docker
from dlcctr.runtime.containers.apptainer import Apptainer
from dlcctr.runtime.containers.binds import Bind, linked_files, mount_words, plan_binds
from dlcctr.runtime.containers.docker import Docker
from dlcctr.runtime.native import environment as native
from dlcctr.runtime.native.runtime import Native
from dlcctr.system import processes as run

AWKWARD = "a b, \"c\" $(x) 'd': -é"
Answer = Callable[[list[str]], "tuple[int, str]"]


class FakeRunner:
    """Stands for `dlcctr.system.processes.run`: answers by the first words of a command, and remembers all of them."""

    def __init__(self, answers: dict[str, tuple[int, str]]) -> None:
        self.answers = answers
        self.seen: list[list[str]] = []

    def __call__(self, argv: list[str], *, check: bool = True, **_: object) -> subprocess.CompletedProcess[str]:
        self.seen.append(argv)
        line = " ".join(argv)
        code, text = next((said for start, said in self.answers.items() if line.startswith(start)), (127, ""))
        if check and code:
            raise AssertionError(f"failed: {line}")
        return subprocess.CompletedProcess(argv, code, text, "")


def job(tmp_path: Path, **changes: object) -> RowJob:
    out = tmp_path / AWKWARD
    base = RowJob(
        name="dlcctr-row3-abc",
        index=3,
        manifest=tmp_path / "m.csv",
        scratch=tmp_path / "scratch",
        options=("--allow-cpu",),
        binds=(Bind(tmp_path, tmp_path), Bind(out, out, writable=True)),
        n_cpus=2,
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def after(words: list[str], option: str) -> list[str]:
    return [words[i + 1] for i, word in enumerate(words) if word == option]


def test_docker_runs_as_the_caller_with_nothing_but_the_rows_folders(tmp_path: Path) -> None:
    words = Docker("dlcctr:x").command(job(tmp_path)).argv
    assert words[:2] == ["docker", "run"]
    assert {"--rm", "--read-only"} <= set(words)
    assert after(words, "--network") == ["none"]
    assert after(words, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert after(words, "--name") == ["dlcctr-row3-abc"]
    mounts = [next(csv.reader([line])) for line in after(words, "--mount")]
    assert mounts[0] == ["type=bind", f"source={tmp_path}", f"target={tmp_path}", "readonly"]
    assert mounts[1] == ["type=bind", f"source={tmp_path / AWKWARD}", f"target={tmp_path / AWKWARD}"]
    image = words.index("dlcctr:x")
    assert words[image + 1 :] == [
        "analyze", "--manifest", str(tmp_path / "m.csv"), "--index", "3", "--scratch", str(tmp_path / "scratch"),
        "--allow-cpu",
    ]  # fmt: skip
    assert not any(word.startswith("--gpus") for word in words)


def test_docker_gets_one_gpu_and_its_cpus(tmp_path: Path) -> None:
    words = Docker("dlcctr:x").command(job(tmp_path, gpu="1", cpus=frozenset({5, 4}))).argv
    assert after(words, "--gpus") == ["device=1"]
    assert after(words, "--cpuset-cpus") == ["4,5"]
    assert after(Docker("dlcctr:x").command(job(tmp_path)).argv, "--cpus") == ["2"]


def test_rootless_docker_maps_the_caller_to_root_inside(tmp_path: Path) -> None:
    assert after(Docker("dlcctr:x", rootless=True).command(job(tmp_path)).argv, "--user") == ["0:0"]


def test_apptainer_passes_the_gpu_under_both_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCCTR_BATCH_SIZE", "4")
    monkeypatch.setenv("APPTAINERENV_DLCCTR_CROP", "1,2,3,4")
    command = Apptainer("/usr/bin/singularity", Path("/x/dlc.sif")).command(job(tmp_path, gpu="GPU-77"))
    assert command.argv[:2] == ["/usr/bin/singularity", "run"]
    assert {"--cleanenv", "--contain", "--no-home", "--nv"} <= set(command.argv)
    assert after(command.argv, "--bind") == [f"{tmp_path}:{tmp_path}:ro"]
    assert next(csv.reader(after(command.argv, "--mount"))) == [
        "type=bind", f"source={tmp_path / AWKWARD}", f"destination={tmp_path / AWKWARD}"
    ]  # fmt: skip
    for prefix in ("APPTAINERENV_", "SINGULARITYENV_"):
        assert command.env[f"{prefix}CUDA_VISIBLE_DEVICES"] == "GPU-77"
        assert command.env[f"{prefix}SLURM_CPUS_PER_TASK"] == "2"
        assert command.env[f"{prefix}CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    assert not any("DLCCTR_" in name for name in command.env)
    assert "--nv" not in Apptainer("apptainer", Path("/x/dlc.sif")).command(job(tmp_path)).argv


def test_apptainer_shows_the_server_that_shares_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mps").mkdir()
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path / "mps"))
    with_gpu, without = (
        Apptainer("apptainer", Path("/x/dlc.sif")).command(job(tmp_path, gpu=gpu)) for gpu in ("0", None)
    )
    assert f"{tmp_path / 'mps'}:{tmp_path / 'mps'}:rw" in after(with_gpu.argv, "--bind")
    assert with_gpu.env["APPTAINERENV_CUDA_MPS_PIPE_DIRECTORY"] == str(tmp_path / "mps")
    assert not any("mps" in word for word in without.argv)
    assert "APPTAINERENV_CUDA_MPS_PIPE_DIRECTORY" not in without.env


def test_native_is_isolated_and_sees_one_gpu_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCCTR_BATCH_SIZE", "4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    command = Native(Path("/env/bin/python")).command(job(tmp_path, gpu="1"))
    assert command.argv[:5] == ["/env/bin/python", "-I", "-m", "entrypoint", "analyze"]
    assert command.env["CUDA_VISIBLE_DEVICES"] == "1"
    assert "DLCCTR_BATCH_SIZE" not in command.env
    assert Native(Path("/env/bin/python")).command(job(tmp_path)).env["CUDA_VISIBLE_DEVICES"] == ""


def test_mount_words_survive_commas_and_quotes() -> None:
    line = mount_words(Bind(Path('/a,b"c'), Path("/t")), "target")
    assert next(csv.reader([line])) == ["type=bind", 'source=/a,b"c', "target=/t", "readonly"]


def test_binds_are_few_and_the_output_alone_is_writable(tmp_path: Path) -> None:
    for name in ("campaign/results", "campaign/videos", "model"):
        (tmp_path / name).mkdir(parents=True)
    campaign = tmp_path / "campaign"
    found = plan_binds([campaign, campaign / "videos", tmp_path / "model", tmp_path / "gone"], [campaign / "results"])
    assert {(bind.target, bind.writable) for bind in found} == {
        (campaign, False), (tmp_path / "model", False), (campaign / "results", True)
    }  # fmt: skip
    assert [bind.target for bind in found].index(campaign) < len(found) - 1


def test_binds_follow_links_and_keep_the_names_that_people_gave(tmp_path: Path) -> None:
    real, link = tmp_path / "disk" / "videos", tmp_path / "videos"
    real.mkdir(parents=True)
    link.symlink_to(real)
    elsewhere = tmp_path / "elsewhere.mp4"
    elsewhere.touch()
    (real / "a.mp4").symlink_to(elsewhere)
    found = {bind.target: bind.source for bind in plan_binds([link, *linked_files(link)], [])}
    assert found == {link: real, real: real, elsewhere: elsewhere}


@pytest.mark.parametrize("name", ["/", "/usr", "/opt/dlc"])
def test_a_bind_never_hides_the_image(name: str) -> None:
    Path("/").stat()
    if not Path(name).exists():
        name = "/usr"
    with pytest.raises(UsageError, match="hide"):
        plan_binds([Path(name)], [])


def test_a_folder_with_a_line_break_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "a\nb"
    folder.mkdir()
    with pytest.raises(UsageError, match="line break"):
        plan_binds([folder], [])


def test_a_video_below_a_bound_folder_may_have_any_name(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    video = tmp_path / "videos" / "a\nb.mp4"
    video.touch()
    assert [bind.target for bind in plan_binds([tmp_path / "videos", video], [])] == [tmp_path / "videos"]


def labels(version: object = CONTRACT_VERSION) -> str:
    return json.dumps({f"{LABEL_PREFIX}contract": str(version)})


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    runner = FakeRunner({"docker info": (0, "20.10 [name=seccomp]"), "docker image inspect": (0, labels())})
    monkeypatch.setattr(run, "run", runner)
    monkeypatch.setattr(run, "find_tool", lambda *names: f"/usr/bin/{names[0]}")
    return runner


def test_an_image_of_another_contract_is_refused(fake: FakeRunner) -> None:
    fake.answers["docker image inspect"] = (0, labels(999))
    with pytest.raises(ContractError, match="999"):
        docker.find_docker("dlcctr:x")
    fake.answers["docker image inspect"] = (0, "null")
    with pytest.raises(ContractError, match="not a dlcctr image"):
        docker.find_docker("debian:12")


def test_a_sif_is_read_for_its_contract(fake: FakeRunner, tmp_path: Path) -> None:
    sif = tmp_path / "dlc.sif"
    with pytest.raises(ToolMissingError, match="does not exist"):
        apptainer.find_apptainer(sif)
    sif.touch()
    shape = {"data": {"attributes": {"labels": json.loads(labels())}}}
    fake.answers["/usr/bin/apptainer inspect"] = (0, json.dumps(shape))
    assert apptainer.find_apptainer(sif).sif == sif
    shape["data"]["attributes"]["labels"] = {}
    fake.answers["/usr/bin/apptainer inspect"] = (0, json.dumps(shape))
    with pytest.raises(ContractError):
        apptainer.find_apptainer(sif)


@pytest.fixture
def campaign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(native, "ensure_environment", lambda flavour, **_: Path("/env") / flavour.name)
    return Campaign(file=tmp_path / "campaign.toml", engine="pytorch")


def test_auto_takes_docker_when_the_image_is_there(fake: FakeRunner, campaign: Campaign) -> None:
    found = pick_runtime(campaign, RuntimeOptions())
    assert isinstance(found, Docker)
    tag = flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), "pytorch", "cpu").tag
    assert found.image == tag


def test_auto_falls_to_apptainer_then_native_and_says_why(
    fake: FakeRunner, campaign: Campaign, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.answers["docker image inspect"] = (1, "")
    assert isinstance(pick_runtime(campaign, RuntimeOptions()), Native)
    said = capsys.readouterr().err
    assert "native" in said and "no docker: none of these images" in said and "dlc.sif does not exist" in said
    (tmp_path / "dlc.sif").touch()
    shape = {"data": {"attributes": {"labels": json.loads(labels())}}}
    fake.answers["/usr/bin/apptainer inspect"] = (0, json.dumps(shape))
    assert isinstance(pick_runtime(campaign, RuntimeOptions()), Apptainer)


def test_what_was_asked_for_is_never_replaced(fake: FakeRunner, campaign: Campaign) -> None:
    fake.answers["docker info"] = (1, "")
    with pytest.raises(ToolMissingError, match="its engine does not answer"):
        pick_runtime(campaign, RuntimeOptions(runtime="docker"))
    with pytest.raises(ToolMissingError, match="does not exist"):
        pick_runtime(campaign, RuntimeOptions(image="other.sif"))
    with pytest.raises(UsageError, match="podman"):
        pick_runtime(campaign, RuntimeOptions(runtime="podman"))


def test_native_flavour_follows_engine_and_gpu(fake: FakeRunner, campaign: Campaign) -> None:
    found = pick_runtime(campaign, RuntimeOptions(runtime="native"))
    assert isinstance(found, Native) and found.python.name == "pytorch-cpu"
    found = pick_runtime(replace(campaign, engine="tensorflow"), RuntimeOptions(runtime="native", gpu=True))
    assert isinstance(found, Native) and found.python.name == "tensorflow-cu122"
