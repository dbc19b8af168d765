"""Saving, pushing and pulling against a real engine and a real registry."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.errors import CommandFailedError, OutputError, UsageError
from dlcctr.image.docker_sdk import docker_client, inspect_archive, inspect_tag, push_image, save_image
from dlcctr.image.flavours import Flavour, list_flavours, pick_flavour, read_pins
from dlcctr.image.image_kind import is_sif
from dlcctr.image.pull import published_name, pull_image
from tests.docker.apptainer import ApptainerBench

pytestmark = pytest.mark.real
UNREAL = Flavour("pytorch", "0.0.0", "cpu")
"""Its name in Docker is that of no image that somebody may have built."""


def test_push_gives_the_registrys_digest_and_pulls_back_the_same_image(small_image: str, registry: str) -> None:
    pinned = push_image(small_image, f"{registry}/lab/dlc")
    before = inspect_tag(small_image)
    try:
        subprocess.run(["docker", "image", "rm", f"{registry}/lab/dlc:small"], check=True, capture_output=True)
        subprocess.run(["docker", "pull", "-q", pinned], check=True, capture_output=True)
        after = inspect_tag(pinned)
    finally:
        subprocess.run(["docker", "image", "rm", pinned], check=False, capture_output=True)
    assert after["id"] == before["id"]
    assert pinned in after["digests"]


def test_push_to_a_registry_that_is_not_there_fails(small_image: str) -> None:
    with pytest.raises(CommandFailedError, match="was not pushed"):
        push_image(small_image, "127.0.0.1:1/lab/dlc:1")
    with docker_client() as client:
        client.images.remove("127.0.0.1:1/lab/dlc:1")


def test_save_writes_a_whole_archive(small_image: str, tmp_path: Path) -> None:
    archive = tmp_path / "dlc.tar"
    size = save_image(small_image, archive)
    facts = inspect_archive(archive)
    assert size == archive.stat().st_size
    assert facts["id"] == inspect_tag(small_image)["id"]
    assert facts["labels"]["org.dlcctr.contract"] == "2"
    assert facts["tags"] == [small_image]
    assert list(tmp_path.iterdir()) == [archive]


def test_save_that_breaks_off_leaves_the_old_archive(small_image: str, tmp_path: Path) -> None:
    archive = tmp_path / "dlc.tar"
    archive.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))  # the kernel then refuses writes, as a full disk does
    try:
        with pytest.raises(OutputError, match="cannot be written") as caught:
            save_image(small_image, archive)
        assert str(archive) in caught.value.message
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert archive.read_text() == "old"
    assert list(tmp_path.iterdir()) == [archive]


def test_save_of_an_unknown_image_lists_what_is_there(docker_engine: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no image dlcctr:none"):
        save_image("dlcctr:none", tmp_path / "dlc.tar")


def test_sif_from_the_registry_runs_as_the_protocol_has_it(
    small_image: str, registry: str, apptainer_bench: ApptainerBench
) -> None:
    push_image(small_image, f"{registry}/lab/dlc:sif")
    made = apptainer_bench.shared / "from registry.sif"
    source = f"docker://{registry}/lab/dlc:sif"
    done = apptainer_bench.dlcctr(["image", "sif", source, "-o", made, "--http"], network="host")
    assert done.returncode == 0, done.stderr
    assert is_sif(made)
    words = ["a b", "$(touch pwned)", 'quo"te', "`id`", "-x", "new\nline", "ümläut"]
    ran = apptainer_bench.run_as_user(["singularity", "run", str(made), *words])
    assert ran.stdout == "".join(f"{word}|" for word in words)
    assert not (apptainer_bench.shared / "pwned").exists()


def test_sif_by_the_plain_command_from_the_registry(
    small_image: str, registry: str, apptainer_bench: ApptainerBench
) -> None:
    push_image(small_image, f"{registry}/lab/dlc:plain")
    made = apptainer_bench.shared / "plain.sif"
    build = ["singularity", "build", "--no-https", str(made), f"docker://{registry}/lab/dlc:plain"]
    done = apptainer_bench.run_as_user(build, network="host")
    assert done.returncode == 0, done.stderr
    shown = apptainer_bench.dlcctr(["image", "inspect", made, "--json"])
    assert json.loads(shown.stdout)["labels"]["org.dlcctr.contract"] == "2", shown.stderr


@pytest.fixture(scope="module")
def published(small_image: str, registry: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Repository with two flavours: PyTorch's for CPUs, and one of a version that no real image has."""
    context = tmp_path_factory.mktemp("published")
    (context / "Dockerfile").write_text(f"FROM {small_image}\nLABEL org.dlcctr.flavour=pytorch-cpu\n")
    local = "dlcctr-test:published"
    subprocess.run(["docker", "build", "-q", "-t", local, str(context)], check=True, capture_output=True)
    repository = f"{registry}/lab/published"
    flavour = pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu")
    for each in (flavour, UNREAL):
        name = published_name(each, repository)
        push_image(local, name)
        subprocess.run(["docker", "image", "rm", name], check=True, capture_output=True)
    yield repository
    subprocess.run(["docker", "image", "rm", local], check=False, capture_output=True)


def test_a_published_image_is_pulled_in_place_of_a_build(published: str) -> None:
    source = published_name(UNREAL, published)
    try:
        done = pull_image(UNREAL, published)
        assert (done.source, done.replaced) == (source, "")
        facts = inspect_tag(UNREAL.tag)
        assert done.pinned in facts["digests"]
        assert facts["labels"]["org.dlcctr.flavour"] == UNREAL.name
        assert facts["id"] == inspect_tag(source)["id"]
    finally:
        subprocess.run(["docker", "image", "rm", UNREAL.tag, source], check=False, capture_output=True)


def test_what_is_not_published_is_not_pulled(published: str) -> None:
    absent = Flavour("tensorflow", "0.0.0", "cpu")
    with pytest.raises(CommandFailedError, match="could not be pulled"):
        pull_image(absent, published)


def test_a_published_image_becomes_a_sif_under_its_flavours_name(
    published: str, apptainer_bench: ApptainerBench
) -> None:
    words = ["image", "pull", "--sif", "--engine", "pytorch", "--device", "cpu", "--from", published, "--http"]
    done = apptainer_bench.dlcctr(words, network="host")
    assert done.returncode == 0, done.stderr
    made = apptainer_bench.shared / pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu").sif
    assert is_sif(made)
    assert apptainer_bench.run_as_user(["singularity", "run", str(made), "a b"]).stdout == "a b|"
