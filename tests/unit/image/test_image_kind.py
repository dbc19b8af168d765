"""What a named image is: files by their content, whatever they are called."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dlcctr.errors import ToolMissingError, UsageError
from dlcctr.image.image_kind import ImageKind, kind_of
from tests.unit.image.test_build import write_archive

SIF = b"#!/usr/bin/env run-singularity".ljust(32, b"\n") + b"SIF_MAGIC\0" + b"rest"


@pytest.mark.parametrize("name", ["dlc.sif", "dlc.tar", "dlcctr:0.1.0", "image"])
def test_a_file_is_what_its_content_says(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_bytes(SIF)
    assert kind_of(str(file)) is ImageKind.SIF
    write_archive(file, ["1/layer.tar"], ["1/layer.tar"])
    assert kind_of(str(file)) is ImageKind.ARCHIVE
    file.write_bytes(gzip.compress(file.read_bytes()))
    assert kind_of(str(file)) is ImageKind.ARCHIVE


@pytest.mark.parametrize("content", [b"", b"text", SIF[:40], b"\0" * 2000])
def test_a_file_that_is_neither_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "dlc.sif"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="neither a SIF nor an image archive"):
        kind_of(str(file))


@pytest.mark.parametrize("name", ["dlc.sif", "out/dlc.tar", "./image", "/nowhere/dlc", "x.tar.gz"])
def test_a_file_that_is_not_there_is_not_looked_for_in_docker(name: str) -> None:
    with pytest.raises(ToolMissingError, match="does not exist"):
        kind_of(name)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dlcctr:0.1.0-pytorch2.13.0-cpu", ImageKind.DOCKER),
        ("registry:5000/lab/dlc", ImageKind.DOCKER),
        ("docker://registry:5000/lab/dlc:1", ImageKind.REGISTRY),
    ],
)
def test_what_is_not_a_file_is_an_image(name: str, kind: ImageKind) -> None:
    assert kind_of(name) is kind
