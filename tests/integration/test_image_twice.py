"""Two builds from the same inputs: the same files. What else differs, docs/image.md says."""

from __future__ import annotations

import subprocess

import pytest

from dlcctr.image.build import build_image
from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins
from dlcctr.image.package_sources import resolve_sources
from dlcctr.system.source_tree import own_sources
from tests.docker.compare_images import compare, list_files

TAG = "dlcctr-test:again"


@pytest.mark.full
def test_a_second_build_gives_the_same_files(cpu_image: str) -> None:
    flavour = pick_flavour(list_flavours(), read_pins(), "pytorch", "cpu")
    again = build_image(flavour, own_sources(), resolve_sources(), read_pins(), tag=TAG, no_cache=True)
    try:
        differences = compare(list_files(cpu_image), list_files(again))
        assert differences == {"only in one": [], "content": [], "mode or owner": [], "time": []}
    finally:
        subprocess.run(["docker", "image", "rm", again], check=True, capture_output=True)
