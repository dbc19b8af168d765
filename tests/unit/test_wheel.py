"""What the wheel holds, beside the checkout that it is built from."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dlcctr.image.context import BUILD_FILES, BUILD_FOLDERS, build_files, stage
from dlcctr.image.flavours import list_flavours
from dlcctr.image.package_sources import Sources
from dlcctr.runtime.native.code_layer import code_digest
from dlcctr.system.source_tree import SourceTree, own_sources
from tests.docker.apptainer import CHECKOUT

NOT_BUILT_FROM = {f"requirements/{name}.lock" for name in ("browser", "dev", "docs", "readers", "snakemake")}
"""Of what an image build may see (.dockerignore): read by nothing in it."""
PROGRAM = "import sys; from setuptools import build_meta as b; print(getattr(b, 'build_' + sys.argv[1])(sys.argv[2]))"


def build_distribution(kind: str, source: Path, target: Path) -> Path:
    """Build a wheel or an sdist, without a network."""
    argv = [sys.executable, "-W", "ignore", "-c", PROGRAM, kind, str(target)]
    done = subprocess.run(argv, cwd=source, check=True, capture_output=True, text=True)
    return target / done.stdout.splitlines()[-1]


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def tracked() -> dict[str, Path]:
    """Files that git tracks, as far as they are there; all of them where there is no git."""
    return {name: path for name, path in build_files(SourceTree(CHECKOUT)).items() if path.is_file()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of the checkout in which a build may leave its folders."""
    folder = tmp_path_factory.mktemp("source")
    for name, path in tracked().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_distribution("wheel", source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> SourceTree:
    """Files of the wheel as they lie in site-packages."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return SourceTree(folder)


def test_the_wheel_holds_what_a_build_reads_and_the_packages_and_nothing_else(wheel: Path) -> None:
    expected = set()
    for name in tracked():
        first, _, rest = name.partition("/")
        if first in ("dlcctr", "entrypoint"):
            expected.add(name)
        elif first == "slurm":
            expected.add(f"dlcctr/slurm_files/{rest}")
        elif name in BUILD_FILES or (first in BUILD_FOLDERS and not name.endswith((".in", ".txt", "torch-cpu.toml"))):
            expected.add(f"dlcctr/image_files/{name}")
    expected |= {f"dlcctr/image_files/{name}" for name in ("Singularity.def", "scripts/base.sh")}
    assert names_in(wheel) == expected - {f"dlcctr/image_files/{name}" for name in NOT_BUILT_FROM}


def test_a_wheel_made_of_the_sdist_holds_the_same(source: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = build_distribution("sdist", source, tmp_path)
    subprocess.run(["tar", "-xf", sdist, "-C", tmp_path], check=True)
    unpacked = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert names_in(build_distribution("wheel", unpacked, tmp_path)) == names_in(wheel)


def test_an_image_is_built_from_the_very_files_of_the_checkout(installed: SourceTree, tmp_path: Path) -> None:
    assert not installed.is_checkout
    index = Sources(extra_index_urls=("https://wheels",))
    for flavour in list_flavours():
        here, there = tmp_path / flavour.name / "checkout", tmp_path / flavour.name / "wheel"
        stage(own_sources(), here, flavour.lock, index)
        stage(installed, there, flavour.lock, index)
        names = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
        assert {name for name in names if (here / name).read_bytes() != (there / name).read_bytes()} == set()
        assert {name for name in visible(here) - names if not is_own_to_this_machine(name)} == NOT_BUILT_FROM


def is_own_to_this_machine(name: str) -> bool:
    """Certificates and wheels that somebody has put into the checkout."""
    return name.startswith(("certs/", "wheels/")) and not name.endswith("README.md")


def visible(context: Path) -> set[str]:
    """Files of a context that the builder is given: .dockerignore leaves out all but what it names after ``!``."""
    lines = (CHECKOUT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line.removeprefix("!") for line in lines if line.startswith("!")]
    found = {path for pattern in patterns for path in context.glob(pattern.replace("/**", "/**/*"))}
    return {path.relative_to(context).as_posix() for path in found if path.is_file()}


def test_everything_that_the_dockerfile_copies_is_in_the_wheel(installed: SourceTree, tmp_path: Path) -> None:
    stage(installed, tmp_path, "requirements/pytorch-cpu.lock", Sources(extra_index_urls=("https://wheels",)))
    given = visible(tmp_path)
    text = (CHECKOUT / "Dockerfile").read_text(encoding="utf-8")
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE) for word in line.split()[:-1]]
    assert len(copied) > 10
    for word in copied:
        name = word.replace("${FLAVOUR}", "pytorch-cpu")
        assert name in given or (name.endswith("/") and any(each.startswith(name) for each in given)), word


def test_the_script_that_makes_the_base_finds_its_pins(installed: SourceTree) -> None:
    script = installed.path("scripts/base.sh")
    assert (script.parent.parent / "versions.env").read_text() == own_sources().read("versions.env")


@pytest.mark.parametrize("name", ["versions.env", "slurm/array.sbatch.j2", "slurm/sites/generic.toml", "dlcctr/cli.py"])
def test_a_file_has_one_name_in_a_checkout_and_in_a_wheel(name: str, installed: SourceTree) -> None:
    assert installed.read(name) == SourceTree(CHECKOUT).read(name)


def test_rows_run_the_same_code_from_a_wheel_and_from_a_checkout(installed: SourceTree, source: Path) -> None:
    assert code_digest(installed) == code_digest(SourceTree(source))
