"""`run` and the commands that make an image, on a disk that fails."""

from __future__ import annotations

import shutil
from pathlib import Path

import docker.client
import pytest

from dlcctr.system import source_tree
from tests.unit.failing_disks.test_campaign import bench_in
from tests.unit.image.test_build import write_archive
from tests.unit.support.failing_commands import Case, Work, check_each_write, command
from tests.unit.support.fault_world import SIF, FakeEngine, World

CHECKOUT = source_tree.own_sources().root
LOCK = "torch==2.7.1 \\\n    --hash=sha256:" + "0" * 64 + "\n"


def run(world: World) -> Work:
    world.bench = bench_in(world)
    return command("run", world.bench.manifest, *image_of(world), "--gpus", "none", "--allow-cpu")


def step(world: World) -> Work:
    return command("step", "--manifest", analysed(world), *image_of(world))


def outliers(world: World) -> Work:
    return command("outliers", analysed(world), "-o", world.here / "to-label", *image_of(world))


def analysed(world: World) -> Path:
    world.bench = bench_in(world)
    world.bench.commit(1)
    return world.bench.manifest


def image_of(world: World) -> tuple[object, ...]:
    (world.here / "dlc.sif").write_bytes(SIF)
    return ("--runtime", "apptainer", "--image", world.here / "dlc.sif")


def image_build(world: World) -> Work:
    """From a checkout of a few files: staging the real one is 300 times the same."""
    checkout = world.here.with_name(f"{world.here.name}-checkout")
    for name in ("versions.env", "Dockerfile", "requirements/flavours.toml", "dlcctr/contract.py"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(CHECKOUT / name, checkout / name)
    for name in ("pytorch-cpu", "openvino"):
        (checkout / f"requirements/{name}.lock").write_text(LOCK)
    (checkout / "certs").mkdir()
    (checkout / "certs/lab.crt").write_text("x")
    source_tree._ROOT = checkout
    return command("image", "build", "--engine", "pytorch", "--device", "cpu")


def image_save(world: World) -> Work:
    return command("image", "save", "dlcctr:1", "-o", world.here / "dlc.tar")


def archive_in(world: World) -> Path:
    write_archive(world.here / "a.tar", ["1/layer.tar"], ["1/layer.tar"])
    return world.here / "a.tar"


def image_sif(world: World) -> Work:
    return command("image", "sif", archive_in(world), "-o", world.here / "dlc.sif", "--def")


def image_sif_of_the_engine(world: World) -> Work:
    (world.here / "dlc.sif").write_bytes(SIF + b"old")
    return command("image", "sif", "dlcctr:1", "-o", world.here / "dlc.sif")


def image_pull(world: World) -> Work:
    to = ("--sif", "-o", world.here / "dlc.sif")
    return command("image", "pull", "--engine", "pytorch", "--device", "cpu", "--from", "registry:5000/lab/dlc", *to)


def image_sbom(world: World) -> Work:
    (world.here / "dlc.sif").write_bytes(SIF)
    return command("image", "sbom", world.here / "dlc.sif", "-o", world.here / "sbom.json")


CASES = (
    Case("run", run),
    Case("step", step, least=1),
    Case("outliers", outliers, least=1),
    Case("image build", image_build),
    Case("image save", image_save),
    Case("image sif", image_sif),
    Case("image sif, from the engine", image_sif_of_the_engine),
    Case("image pull", image_pull),
    Case("image sbom", image_sbom),
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_disk_that_fails_is_said_at_every_write(
    case: Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(docker.client, "DockerClient", FakeEngine)
    monkeypatch.setattr(source_tree, "_ROOT", source_tree._ROOT)
    check_each_write(case, tmp_path, capsys)
