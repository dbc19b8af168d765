"""What is read of images: saved archives, SIFs, bills of materials, and what an image says of itself."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

from dlcctr.contract import SBOM_FILE
from dlcctr.errors import UsageError
from dlcctr.image.docker_sdk import inspect_archive
from dlcctr.image.image_kind import ImageKind, is_sif, kind_of
from dlcctr.image.sbom import list_parts, read_sbom
from entrypoint.environment.image_info import ImageInfo, read_image_info
from tests.unit.support.fault_world import SIF
from tests.unit.support.fuzz import check_reader, damaged, with_wrong_values

CONFIG = {"os": "linux", "architecture": "amd64", "config": {"Labels": {"org.dlcctr.contract": "2"}}}
MANIFEST = [{"Config": "c0ffee.json", "RepoTags": ["dlcctr:1"], "Layers": ["1/layer.tar"]}]
BOM = {
    "bomFormat": "CycloneDX",
    "components": [
        {"name": "numpy", "version": "2.3", "purl": "pkg:pypi/numpy@2.3", "licenses": [{"license": {"id": "BSD-3"}}],
         "components": [{"name": "openblas", "version": "1", "licenses": [{"expression": "BSD-3 AND GPL"}]}]},
    ],
}  # fmt: skip
FACTS = {
    "name": "dlcctr:1",
    "version": "1",
    "flavour": "pytorch-cpu",
    "versions": {"torch": "2"},
    "gpu_archs": ["sm_70"],
}


def tar(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def archive(manifest: Any = MANIFEST, config: Any = CONFIG, bom: Any = BOM) -> bytes:
    layer = tar({SBOM_FILE.lstrip("/"): json.dumps(bom).encode()})
    files = {"manifest.json": manifest, "c0ffee.json": config}
    return tar({**{name: json.dumps(each).encode() for name, each in files.items()}, "1/layer.tar": layer})


def test_a_saved_archive(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"

    def read(data: bytes) -> object:
        file.write_bytes(data)
        inspect_archive(file)
        return list_parts(json.loads(read_sbom(str(file))))

    check_reader(read, archive(), (UsageError,), says=str(file), most=300)


def test_values_of_every_type_in_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    tables = [("manifest", MANIFEST), ("config", CONFIG)]
    for name, table in tables:
        for each in with_wrong_values(table):
            file.write_bytes(archive(**{name: each}))
            for use in (inspect_archive, lambda file: read_sbom(str(file))):
                with contextlib.suppress(UsageError):
                    use(file)


def test_values_of_every_type_in_a_bill_of_materials(tmp_path: Path) -> None:
    file = tmp_path / "a.tar"
    for each in with_wrong_values(BOM):
        file.write_bytes(archive(bom=each))
        with contextlib.suppress(UsageError):
            for row in list_parts(json.loads(read_sbom(str(file)))):
                assert all(isinstance(cell, str) for cell in row)


def test_a_sif_is_told_by_its_first_bytes(tmp_path: Path) -> None:
    file = tmp_path / "dlc.sif"
    for each in damaged(SIF, most=60):
        file.write_bytes(each)
        assert is_sif(file) == (each[32:41] == b"SIF_MAGIC")


def test_what_an_image_is_is_told_by_its_content(tmp_path: Path) -> None:
    file = tmp_path / "image"

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return kind_of(str(file))

    assert read(archive()) is ImageKind.ARCHIVE
    check_reader(read, archive(), (UsageError,), says=str(file), most=200, refused=10)
    check_reader(read, gzip.compress(archive()), (UsageError,), says=str(file), most=200, refused=10)


def test_what_an_image_says_of_itself(tmp_path: Path) -> None:
    file = tmp_path / "image.json"
    file.write_text(json.dumps(FACTS))
    assert read_image_info(file).gpu_archs == ("sm_70",)
    for each in damaged(json.dumps(FACTS).encode(), most=200):
        file.write_bytes(each)
        read_image_info(file)
    for table in with_wrong_values(FACTS):
        file.write_text(json.dumps(table))
        found = read_image_info(file)
        assert all(isinstance(word, str) for word in (*found.gpu_archs, *found.versions, found.name))
    file.write_text("[" * 100_000)
    assert read_image_info(file) == ImageInfo()
