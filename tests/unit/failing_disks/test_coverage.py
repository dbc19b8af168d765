"""No command is forgotten: each one has its writes fail in these tests, or works on a disk that takes nothing."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker.client
import pytest
import typer

from dlcctr.cli import catch, make_app
from tests.unit.failing_disks import test_campaign, test_cluster, test_run_and_image, test_training, test_transfer
from tests.unit.support.disk_faults import Disk, failing
from tests.unit.support.failing_commands import command
from tests.unit.support.fault_world import SIF, FakeEngine, World
from tests.unit.support.label_folders import make_folder, make_project
from tests.unit.support.results import Bench

MODULES = (test_campaign, test_cluster, test_run_and_image, test_training, test_transfer)
WRITING = {case.command for module in MODULES for case in module.CASES}
READING = {
    "validate": ("validate", "{m}"),
    "check": ("check", "{m}"),
    "notice": ("notice", "{m}"),
    "labels check": ("labels", "check", "{l}/labeled-data/v", "--project", "{l}"),
    "loop status": ("loop", "status", "{p}"),
    "train status": ("train", "status", "{p}"),
    "train run": ("train", "run", "{p}", "--gpus", "none", "--allow-cpu", "--runtime", "apptainer", "--image", "{s}"),
    "quality": ("quality", "{m}", "--runtime", "apptainer", "--image", "{s}"),
    "steps list": ("steps", "list", "{m}"),
    "steps kinds": ("steps", "kinds"),
    "status": ("status", "{m}"),
    "logs": ("logs", "{m}", "0"),
    "site list": ("site", "list"),
    "site show": ("site", "show"),
    "model inspect": ("model", "inspect", "{p}"),
    "model verify": ("model", "verify", "{b}"),
    "image inspect": ("image", "inspect", "{s}"),
    "image push": ("image", "push", "dlcctr:1", "registry:5000/lab/dlc:1"),
    "version": ("version",),
}
"""Commands that write nothing, and how each is called. Commands that do belong into a case of `test_*.py` here."""


def leaves(group: Any, above: str = "") -> Iterator[str]:
    """Every command as it is typed: ``check``, ``image save``."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if hasattr(found, "list_commands"):
            yield from leaves(found, f"{name} ")
        else:
            yield above + name


def test_every_command_is_in_one_of_the_lists() -> None:
    known = set(leaves(typer.main.get_command(make_app())))
    assert known - WRITING - READING.keys() == set(), "these commands have no case in tests/unit/failing_disks"
    assert (WRITING | READING.keys()) - known == set(), "there are no such commands any more"
    assert WRITING & READING.keys() == set()
    assert {"manifest", "image save", "model pack"} < known


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    monkeypatch.setattr(docker.client, "DockerClient", FakeEngine)
    world = World(tmp_path / "here")
    world.enter(monkeypatch)
    made = test_cluster.submitted(world)
    assert catch(test_campaign.pack(world)) == 0
    for index in (1, 2):
        made.commit(index)
    log = made.campaign.folder / "logs/m-row00000.log"
    log.parent.mkdir()
    log.write_text("### again\nframe 1\n")
    capsys.readouterr()
    return made


@pytest.mark.parametrize("words", READING.values(), ids=READING)
def test_what_writes_nothing_works_on_a_disk_that_takes_nothing(
    words: tuple[str, ...], bench: Bench, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["dlcctr"])
    here = bench.manifest.parents[1]
    (here / "dlc.sif").write_bytes(SIF)
    make_folder(make_project(here / "lab") / "labeled-data/v")
    places = {"l": here / "lab", "m": bench.manifest, "p": here / "p", "b": here / "m.dlcmodel", "s": here / "dlc.sif"}
    work = command(*(word.format(**places) for word in words))
    before = catch(work), capsys.readouterr()
    disk = Disk(here, errno.EROFS, 0)
    with failing(disk):
        after = catch(work), capsys.readouterr()
    assert after == before
    assert disk.seen == []
