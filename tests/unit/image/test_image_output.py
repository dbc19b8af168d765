"""What a person sees of long work on images: Docker's 650 lines in a log, bytes as they are saved and sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dlcctr.errors import CommandFailedError
from dlcctr.image import build as image
from dlcctr.image import docker_sdk, flavours
from dlcctr.image.package_sources import Sources
from dlcctr.system.source_tree import SourceTree
from tests.unit.image.test_build import write_archive

DOCKER = """#!/bin/sh
case "$1" in
build)
    for n in $(seq 650); do echo "Collecting package $n"; done
    echo "E: Unable to locate package nonsense" >&2
    exit "${BUILD_ENDS-0}" ;;
version) echo 29.0 ;;
image) case "$*" in *Labels*) echo '{"org.dlcctr.contract":"2"}' ;; *) echo "sha256:%064d" ;; esac ;;
esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], str]:
    """A stand-in for Docker's command line; gives a function that builds."""
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(DOCKER.replace("%064d", "b" * 64))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(image, "stage", lambda *_: None)
    monkeypatch.setattr(image, "check_contract", lambda *_: None)
    pins = flavours.read_pins()
    flavour = flavours.pick_flavour(flavours.list_flavours(), pins, "pytorch", "cpu")
    return lambda: image.build_image(flavour, SourceTree(tmp_path), Sources(), pins)


def test_a_build_that_succeeds_says_where_its_log_is_and_no_more(
    docker: Callable[[], str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    docker()
    log = tmp_path / "cache" / "dlcctr" / "logs" / "image-build-pytorch-cpu.log"
    assert capfd.readouterr() == ("", f"Docker's full output is in {log}\n")
    assert len(log.read_text().splitlines()) == 651


def test_a_build_that_fails_shows_the_end_of_its_log(
    docker: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUILD_ENDS", "100")
    with pytest.raises(CommandFailedError) as caught:
        docker()
    assert "failed (exit code 100)" in caught.value.message
    assert caught.value.message.endswith("Collecting package 650\nE: Unable to locate package nonsense")
    assert "package 600" not in caught.value.message
    assert f"its full output is in {tmp_path / 'cache'}" in caught.value.hint


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("Step 7/24 : RUN sh /build/install.sh", (7, 24, "RUN sh /build/install.sh")),
        ("#12 [ 7/24] RUN sh /build/install.sh", (7, 24, "RUN sh /build/install.sh")),
        ("#12 [7/24] RUN sh /build/install.sh", (7, 24, "RUN sh /build/install.sh")),
        ("#12 [stage-1  7/24] COPY a b", (7, 24, "COPY a b")),
        ("#5 [internal] load build context", None),
        ("#12 1.234 Collecting numpy", None),
        ("The step 7/24 : x", None),
    ],
)
def test_the_steps_of_both_of_docker_s_builders_are_known(line: str, step: tuple[int, int, str] | None) -> None:
    assert image.read_step(line) == step


class Bar:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.what, self.total, self.done = "", 0, list[int]()

    @contextmanager
    def __call__(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        self.what, self.total = what, total
        yield self.done.append


def test_saving_tells_how_many_bytes_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.tar"
    write_archive(source, ["1/layer.tar"], ["1/layer.tar"])
    data = source.read_bytes()
    found = SimpleNamespace(attrs={"Size": len(data)}, save=lambda **_: [data[:700], data[700:]])

    @contextmanager
    def client() -> Iterator[Any]:
        yield SimpleNamespace(images=SimpleNamespace(get=lambda _: found))

    monkeypatch.setattr(docker_sdk, "docker_client", client)
    bar = Bar()
    assert docker_sdk.save_image("dlcctr:x", tmp_path / "dlc.tar", bar=bar) == len(data)
    assert (bar.what, bar.total, bar.done) == ("saving dlcctr:x", len(data), [700, len(data)])


def test_pushing_tells_how_many_bytes_of_all_layers_are_sent() -> None:
    lines: list[dict[str, Any]] = [
        {"id": "a", "progressDetail": {"current": 10, "total": 100}},
        {"id": "b", "progressDetail": {"current": 5}},
        {"id": "a", "progressDetail": {}},
        {"id": "a", "progressDetail": {"current": 100}},
        {"aux": {"Digest": "sha256:abc"}},
    ]
    sent: list[int] = []
    assert docker_sdk.read_push(lines, "r/x:1", sent.append) == "sha256:abc"
    assert sent == [10, 15, 105]
