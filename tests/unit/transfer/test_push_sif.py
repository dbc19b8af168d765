"""`push` with an image: what may be sent as dlc.sif, and the SIF that is made there, by scripts in a real shell."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import CommandFailedError, ContractError, DlcctrError, ToolMissingError, UsageError
from dlcctr.transfer import push as push_module
from dlcctr.transfer.push import PushOptions, PushResult, push
from dlcctr.transfer.remote import shell as remote_shell
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.folder import RemoteFolder
from dlcctr.transfer.remote.sif import ARCHIVE, ORIGIN
from tests.unit.image.test_build import write_archive
from tests.unit.image.test_image_kind import SIF
from tests.unit.support.results import make_bench

BUILDER = """\
#!/bin/sh
echo "$*" >>"$LOG"
case $1 in
build) [ -f "${3#docker-archive:}" ] || exit 4
    [ "$MAKES" = nothing ] || printf '%32s%s' '#!/usr/bin/env run-singularity' "${MAKES-SIF_MAGIC}" >"$2"
    echo "FATAL: no space left" >&2
    exit "${ENDS-0}" ;;
inspect) printf '{"data":{"attributes":{"labels":{"org.dlcctr.contract":"%s"}}}}\\n' "${CONTRACT-2}" ;;
esac
"""


class ShellThere:
    """A login whose other side is a shell of this machine."""

    def ask(self, command: str, items: Sequence[bytes], *, what: str = "") -> bytes:
        del what
        given = b"".join(item + b"\0" for item in items)
        return subprocess.run(["sh", "-c", command], input=given, check=True, capture_output=True).stdout


class Far(RemoteFolder):
    """A folder of this machine; files are copied where rsync would send them."""

    def send(self, stage: Path, sizes: Mapping[str, int], **_: Any) -> None:
        for name in sizes:
            target = Path(self.path(name))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(stage / name, target)
            sent.append(name)


sent: list[str] = []


class Sides:
    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        sent.clear()
        self.manifest = make_bench(folder / "here", ["a.mp4"]).manifest
        self.there = folder / "far away"
        self.bin, self.log, self.archive = folder / "bin", folder / "log", folder / "an image.sif"
        self.bin.mkdir()
        write_archive(self.archive, ["1/layer.tar"], ["1/layer.tar"])
        program = self.bin / "singularity"
        program.write_text(BUILDER)
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{self.bin}:/usr/bin:/bin")
        monkeypatch.setenv("LOG", str(self.log))
        monkeypatch.setattr(push_module, "open_remote_folder", self._open)
        monkeypatch.setattr(push_module.rsync, "find_rsync", lambda: "rsync")

    @contextlib.contextmanager
    def _open(self, remote: Remote, *_: object, make: bool, **__: object) -> Iterator[RemoteFolder]:
        login: Any = ShellThere()
        mode = remote_shell.MAKE if make else remote_shell.LOOK
        answer = login.ask(remote_shell.open_command(), [remote.folder.encode(), mode.encode()])
        place = remote_shell.parse_place(answer.replace(b"yes\nyes\n", b"yes\nyes\nrsync\n"))
        yield Far(remote, place, login, login, "rsync", 0)

    def push(self, **options: Any) -> PushResult:
        return push(self.manifest, PushOptions(Remote("cluster", str(self.there)), ("ssh",), **options))

    def build(self, **options: Any) -> PushResult:
        return self.push(build_sif=self.archive, **options)

    def names(self) -> set[str]:
        return {path.name for path in self.there.iterdir()}


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    return Sides(tmp_path, monkeypatch)


def test_ratings_go_along(sides: Sides) -> None:
    paths = CampaignPaths.of(sides.manifest)
    sides.push()
    assert paths.ratings.name not in sides.names()
    table = "row\tvideo\tfingerprint\trating\tnote\trater\ttime\n0\t\t\tgood\t\tann\t2026-01-31T12:00:00Z\n"
    paths.ratings.write_text(table)
    sides.push()
    assert "\tgood\t\tann\t" in (sides.there / paths.ratings.name).read_text()
    sent.clear()
    sides.push()
    assert sent == []


def test_the_sif_is_made_there_and_the_archive_does_not_stay(sides: Sides) -> None:
    done = sides.build()
    assert done.made_sif and ARCHIVE in done.sent
    assert (sides.there / "dlc.sif").read_bytes()[32:] == b"SIF_MAGIC"
    assert sides.names() == {"dlc.sif", ORIGIN, "m.csv", "campaign.toml", "videos"}
    assert sent.index(ARCHIVE) < sent.index(ORIGIN) < sent.index("m.csv")


def test_the_same_archive_is_neither_sent_nor_built_a_second_time(sides: Sides) -> None:
    sides.build()
    sides.log.unlink()
    again = sides.build()
    assert (again.sent, again.made_sif) == ([], False)
    assert not sides.log.exists()


@pytest.mark.parametrize("change", ["another archive", "another SIF there", "no SIF there", "a damaged note"])
def test_it_is_made_again_where_anything_differs(change: str, sides: Sides) -> None:
    sides.build()
    if change == "another archive":
        write_archive(sides.archive, ["2/layer.tar"], ["2/layer.tar"])
    elif change == "another SIF there":
        (sides.there / "dlc.sif").write_bytes(SIF)
    elif change == "no SIF there":
        (sides.there / "dlc.sif").unlink()
    else:
        (sides.there / ORIGIN).write_bytes(b"\xff{")
    assert sides.build().made_sif
    assert not sides.build().made_sif


@pytest.mark.parametrize(
    ("variable", "value", "kind", "words"),
    [
        (
            "ENDS",
            "1",
            CommandFailedError,
            r"singularity could not build a SIF from dlc\.tar \(exit code 1\)\n  FATAL: no space",
        ),
        ("MAKES", "nothing", CommandFailedError, "could not build a SIF"),
        ("MAKES", "rubbish", CommandFailedError, "could not build a SIF"),
        ("CONTRACT", "99", ContractError, "contract version 99"),
    ],
)
def test_what_is_no_sif_never_gets_its_name_and_the_archive_is_not_sent_twice(
    variable: str,
    value: str,
    kind: type[DlcctrError],
    words: str,
    sides: Sides,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sides.there.mkdir()
    (sides.there / "dlc.sif").write_bytes(b"the old one")
    monkeypatch.setenv(variable, value)
    with pytest.raises(kind, match=words):
        sides.build()
    assert (sides.there / "dlc.sif").read_bytes() == b"the old one"
    assert sides.names() == {"dlc.sif", ARCHIVE, "videos"}
    monkeypatch.delenv(variable)
    sent.clear()
    done = sides.build()
    assert done.made_sif and ARCHIVE not in sent
    assert sides.names() == {"dlc.sif", ORIGIN, "m.csv", "campaign.toml", "videos"}


def test_what_a_broken_build_left_is_removed_by_the_next(sides: Sides) -> None:
    (sides.there / ".dlcctr-sif-old").mkdir(parents=True)
    sides.build()
    assert ".dlcctr-sif-old" not in sides.names()


def test_without_a_builder_there_nothing_is_sent(sides: Sides) -> None:
    (sides.bin / "singularity").unlink()
    with pytest.raises(CommandFailedError, match="cluster has neither apptainer nor singularity") as caught:
        sides.build()
    assert "--image dlc.sif" in caught.value.hint
    assert sent == []


def test_a_dry_run_tells_it_and_builds_nothing(sides: Sides) -> None:
    sides.there.mkdir()
    done = sides.build(dry_run=True)
    assert done.made_sif and ARCHIVE in done.sent
    assert not sides.log.exists() and sent == []


# --- what may be sent ----------------------------------------------------------------------------------------------


def test_an_archive_is_never_sent_as_a_sif_whatever_it_is_called(sides: Sides) -> None:
    with pytest.raises(UsageError, match="is a saved archive, not a SIF") as caught:
        sides.push(image=sides.archive)
    assert f"--build-sif {sides.archive}" in caught.value.hint
    assert not sides.there.exists()


def test_a_sif_is_sent_as_it_is_whatever_it_is_called(sides: Sides, tmp_path: Path) -> None:
    image = tmp_path / "dlc.tar"
    image.write_bytes(SIF)
    assert "dlc.sif" in sides.push(image=image).sent
    assert (sides.there / "dlc.sif").read_bytes() == SIF
    with pytest.raises(UsageError, match="is a SIF already"):
        sides.push(build_sif=image)


@pytest.mark.parametrize("content", [b"", b"text", SIF[:40]])
def test_a_file_that_is_neither_is_not_sent(content: bytes, sides: Sides, tmp_path: Path) -> None:
    file = tmp_path / "dlc.sif"
    file.write_bytes(content)
    for options in ({"image": file}, {"build_sif": file}):
        with pytest.raises(UsageError, match="neither a SIF nor an image archive"):
            sides.push(**options)
    assert sent == []


def test_an_archive_of_something_else_and_one_that_is_cut_off_are_not_sent(sides: Sides) -> None:
    whole = sides.archive.read_bytes()
    sides.archive.write_bytes(whole.replace(b"org.dlcctr.contract", b"org.another.label_1"))
    with pytest.raises(ContractError, match="not a dlcctr image"):
        sides.build()
    sides.archive.write_bytes(whole[:700])
    with pytest.raises(UsageError, match="not a complete image archive"):
        sides.build()
    sides.archive.unlink()
    with pytest.raises(ToolMissingError, match="does not exist"):
        sides.build()
    assert sent == []


def test_two_images_are_one_too_many(sides: Sides, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="both name the image"):
        sides.build(image=tmp_path / "dlc.sif")
