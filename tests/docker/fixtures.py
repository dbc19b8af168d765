"""Fixtures of the real parts. Imported by tests/integration/conftest.py; nothing here skips: what is missing fails."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dlcctr.image.flavours import Flavour, list_flavours, pick_flavour, read_pins
from dlcctr.system.locks import waiting_lock
from dlcctr.system.source_tree import own_sources
from tests.docker.apptainer import CHECKOUT, ApptainerBench, start_bench
from tests.docker.registry import running_registry

CACHE = CHECKOUT / ".cache" / "bench"
_KEPT_SIFS = 4


@pytest.fixture(scope="session")
def docker_engine() -> str:
    """Version of the Docker Engine, which is installed and started where it is missing (Debian, root)."""
    subprocess.run(["sh", str(CHECKOUT / "scripts" / "engine.sh")], check=True)
    answer = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"], check=True, capture_output=True, text=True
    )
    return answer.stdout.strip()


def ensure_image(flavour: Flavour) -> str:
    """Build a flavour's image (quick where nothing has changed); gives its tag."""
    from dlcctr.image.build import build_image
    from dlcctr.image.package_sources import resolve_sources

    subprocess.run(["sh", str(CHECKOUT / "scripts" / "base.sh"), "--if-needed"], check=True)
    return build_image(flavour, own_sources(), resolve_sources(), read_pins())


@pytest.fixture(scope="session")
def cpu_image(docker_engine: str) -> str:
    """Tag of the PyTorch CPU image of this checkout."""
    return ensure_image(pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu"))


@pytest.fixture(scope="session")
def apptainer_bench(docker_engine: str, tmp_path_factory: pytest.TempPathFactory) -> ApptainerBench:
    """Bench whose shared folder belongs to an ordinary user."""
    with waiting_lock(CACHE / "bench.lock"):
        return start_bench(tmp_path_factory.mktemp("bench"))


def image_id(tag: str) -> str:
    """First digits of an image's id."""
    answer = subprocess.run(
        ["docker", "image", "inspect", "--format", "{{.Id}}", tag], check=True, capture_output=True, text=True
    )
    return answer.stdout.strip().removeprefix("sha256:")[:16]


@contextlib.contextmanager
def saved(tag: str, bench: ApptainerBench) -> Iterator[Path]:
    """An image as an archive in the bench's folder, removed afterwards."""
    from dlcctr.image.docker_sdk import save_image

    archive = bench.shared / f"{image_id(tag)}.tar"
    save_image(tag, archive)
    try:
        yield archive
    finally:
        archive.unlink()


def make_sif(bench: ApptainerBench, tag: str, *options: str) -> Path:
    """SIF of an image, by `dlcctr image sif` as the bench's user; kept under .cache/ while the image is the same."""
    kind = "def" if "--def" in options else "plain"
    kept = CACHE / "sif" / f"{image_id(tag)}-{kind}.sif"
    with waiting_lock(CACHE / "sif.lock"):
        if not kept.is_file():
            made = bench.shared / kept.name
            with saved(tag, bench) as archive:
                argv: list[str | Path] = ["image", "sif", archive, "-o", made, *options]
                done = bench.dlcctr(argv, timeout_s=1800)
            assert done.returncode == 0, done.stdout + done.stderr
            kept.parent.mkdir(parents=True, exist_ok=True)
            _forget_old(kept.parent)
            subprocess.run(["mv", str(made), str(kept)], check=True)
    return kept


def _forget_old(folder: Path) -> None:
    by_age = sorted(folder.glob("*.sif"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in by_age[_KEPT_SIFS - 1 :]:
        old.unlink()


@pytest.fixture(scope="session")
def cpu_sif(apptainer_bench: ApptainerBench, cpu_image: str) -> Path:
    """SIF of the CPU image, straight from the archive; zstd, because that builds in a third of the time."""
    return make_sif(apptainer_bench, cpu_image, "--compression", "zstd")


@pytest.fixture(scope="session")
def cpu_sif_from_definition(apptainer_bench: ApptainerBench, cpu_image: str) -> Path:
    """SIF of the CPU image, through Singularity.def."""
    return make_sif(apptainer_bench, cpu_image, "--def")


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a running registry."""
    with running_registry(tmp_path_factory.mktemp("registry")) as address:
        yield address
    listing = ["docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{address}/*/*"]
    pushed = subprocess.run(listing, check=True, capture_output=True, text=True).stdout.split()
    if pushed:
        subprocess.run(["docker", "image", "rm", *pushed], check=True, capture_output=True)


@pytest.fixture(scope="session")
def small_image(docker_engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Image with the contract's labels and an entrypoint of one line, for what needs no DeepLabCut."""
    from dlcctr.image.build import resolve_base

    subprocess.run(["sh", str(CHECKOUT / "scripts" / "base.sh"), "--if-needed"], check=True)
    folder = tmp_path_factory.mktemp("small")
    (folder / "Dockerfile").write_text(
        f"FROM {resolve_base(read_pins())[0]} AS os\n"
        "FROM scratch\n"
        "COPY --from=os /usr/bin/dash /bin/sh\n"
        "COPY --from=os /lib/x86_64-linux-gnu/libc.so.6 /lib/x86_64-linux-gnu/libc.so.6\n"
        "COPY --from=os /lib64/ld-linux-x86-64.so.2 /lib64/ld-linux-x86-64.so.2\n"
        "COPY dlc /usr/local/bin/dlc\n"
        "ENV SINGULARITY_NO_EVAL=1\n"
        "LABEL org.dlcctr.contract=2 org.dlcctr.engine=none\n"
        'ENTRYPOINT ["/usr/local/bin/dlc"]\n',
        encoding="utf-8",
    )
    program = folder / "dlc"
    program.write_text('#!/bin/sh\nprintf "%s|" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    tag = "dlcctr-test:small"
    subprocess.run(["docker", "build", "-q", "-t", tag, str(folder)], check=True, capture_output=True)
    return tag
