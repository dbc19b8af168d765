"""A SIF that is built on the remote host from an archive that was sent there; named dlc.sif once it was checked."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from dlcctr.contract import PRIVATE_PREFIX, SIF_NAME
from dlcctr.errors import CommandFailedError, DlcctrError, ToolMissingError, UsageError
from dlcctr.image.docker_sdk import inspect_archive
from dlcctr.image.image_kind import ImageKind, kind_of
from dlcctr.image.labels import check_contract
from dlcctr.image.sif import parse_labels
from dlcctr.system.disk import disk_errors
from dlcctr.system.state_files import StateFile
from dlcctr.transfer.layout import Item
from dlcctr.transfer.remote.folder import RemoteFolder
from dlcctr.transfer.remote.shell import not_understood, script_command, text_after_begin

ARCHIVE = "dlc.tar"
ORIGIN = f"{SIF_NAME}.origin.json"
"""Name of the file beside a SIF that says which archive it was built from."""
BUILDERS = ("apptainer", "singularity")
WORK = f"{PRIVATE_PREFIX}sif-"
MAGIC = "SIF_MAGIC"

# The work of a build that lost its connection is removed by the next one.
_BUILD = (
    "echo dlcctr-begin; CDPATH=; "
    'cd -- "$1" || exit 3; '
    "t=$(command -v apptainer || command -v singularity) || { echo none; exit 0; }; "
    f"rm -rf {WORK}*; w=$(mktemp -d {WORK}XXXXXX) || exit 3; "
    f'"$t" build "$w/made.sif" docker-archive:{ARCHIVE} >"$w/log" 2>&1 </dev/null; c=$?; '
    'echo "$t"; echo $c; echo "$w"; '
    'if [ $c = 0 ]; then head -c 41 "$w/made.sif" | tail -c 9; echo; "$t" inspect --json --labels "$w/made.sif"; '
    'else tail -n 15 "$w/log"; fi; exit 0'
)
_PLACE = (
    f'echo dlcctr-begin; CDPATH=; cd -- "$1" || exit 3; mv -f -- "$2/made.sif" {SIF_NAME} || exit 3; rm -rf -- "$2"'
)
_REMOVE = 'echo dlcctr-begin; CDPATH=; cd -- "$1" || exit 3; rm -rf -- "$2"'


@dataclass(frozen=True)
class SifOrigin:
    """Origin of a SIF; both are fingerprints."""

    archive: str
    sif: str


ORIGINS = StateFile(SifOrigin, "the origin of a SIF", CommandFailedError, hint="remove it: the SIF is made again")


def check_image(image: Path) -> None:
    """Refuse what is not a SIF, whatever its name.

    Raises
    ------
    ToolMissingError
        It does not exist.
    UsageError
        It is an archive, or neither.
    """
    if not image.is_file():
        raise ToolMissingError(f"{image}: the image does not exist", "name the SIF with --image; see docs/sif.md")
    if kind_of(str(image)) is ImageKind.ARCHIVE:
        raise UsageError(
            f"{image} is a saved archive, not a SIF",
            f"send it with --build-sif {image}: the SIF is then made there; or make it here: dlcctr image sif {image}",
        )


def archive_item(archive: Path) -> Item:
    """The archive that is to become the SIF.

    Raises
    ------
    ToolMissingError
        It does not exist.
    UsageError
        It is not a complete image archive.
    ContractError
        The image in it has another contract than this dlcctr.
    """
    if not archive.is_file():
        raise ToolMissingError(f"{archive} does not exist", f"write it first: dlcctr image save -o {archive}")
    if kind_of(str(archive)) is ImageKind.SIF:
        raise UsageError(f"{archive} is a SIF already", f"send it as it is: --image {archive}")
    check_contract(str(archive), inspect_archive(archive)["labels"])
    return Item.of(ARCHIVE, archive)


def check_builder(remote_folder: RemoteFolder, archive: Path) -> None:
    """Check that the remote host can build the SIF before gigabytes are sent."""
    if not remote_folder.place.tools & set(BUILDERS):
        raise CommandFailedError(
            f"{remote_folder.remote.host} has neither {' nor '.join(BUILDERS)}, so no SIF can be made there",
            "load its module in ~/.bashrc there, or make the SIF elsewhere and send that: "
            f"dlcctr image sif {archive}, then push with --image {SIF_NAME}",
        )


def is_made(remote_folder: RemoteFolder, archive: Item) -> bool:
    """Whether the remote SIF was built from this archive and has not changed."""
    (text,) = remote_folder.read([ORIGIN])
    try:
        origin = ORIGINS.parse((text or b"").decode("utf-8", "replace"), Path(ORIGIN))
    except DlcctrError:
        return False
    seen = remote_folder.look([SIF_NAME])[SIF_NAME].fingerprint
    return origin.archive == archive.fingerprint and bool(seen) and origin.sif == seen


def make_sif(remote_folder: RemoteFolder, archive: Item, stage: Path, say: Callable[[str], None]) -> None:
    """Build ``dlc.sif`` from the archive there, which is removed once the SIF has its name.

    Raises
    ------
    CommandFailedError
        The build failed, or left something that is not a SIF; the old ``dlc.sif`` and the archive stay.
    ContractError
        The SIF has another contract version than this dlcctr; both stay as well.
    """
    remote = remote_folder.remote
    say(f"building {SIF_NAME} on {remote.host}; this takes minutes")
    built = _ask_for_build(remote_folder)
    try:
        _check(built, str(remote))
    except DlcctrError:
        _ask(remote_folder, _REMOVE, built.work)
        raise
    _ask(remote_folder, _PLACE, built.work)
    seen = remote_folder.look([SIF_NAME])[SIF_NAME].fingerprint
    data = ORIGINS.text(SifOrigin(archive.fingerprint, seen)).encode()
    with disk_errors(stage / ORIGIN, "TMPDIR names another folder"):
        (stage / ORIGIN).write_bytes(data)
    remote_folder.send(stage, {ORIGIN: len(data)})
    _ask(remote_folder, _REMOVE, ARCHIVE)


@dataclass(frozen=True)
class _Built:
    """Answer to `_BUILD`: the builder's path and exit code, the folder of what it made, and what else was printed."""

    tool: str
    code: int
    work: str
    rest: str


def _ask_for_build(remote_folder: RemoteFolder) -> _Built:
    answer = _ask(remote_folder, _BUILD, what=f"building {SIF_NAME} there")
    text = text_after_begin(answer).decode("utf-8", "replace")
    tool, code, work, rest = [*text.split("\n", 3), "", "", ""][:4]
    if not code.isdigit() or not re.fullmatch(re.escape(WORK) + r"\w+", work, re.ASCII):
        raise not_understood(answer)
    return _Built(tool, int(code), work, rest)


def _check(built: _Built, where: str) -> None:
    magic, _, answer = built.rest.partition("\n")
    if built.code == 0 and magic == MAGIC:
        check_contract(f"{where}: the SIF", parse_labels(answer))
        return
    log = built.rest.splitlines() if built.code else []
    raise CommandFailedError(
        f"{where}: {PurePosixPath(built.tool).name} could not build a SIF from {ARCHIVE} (exit code {built.code})"
        + "".join(f"\n  {line}" for line in log),
        "a full temporary folder is the usual cause: in ~/.bashrc there set APPTAINER_TMPDIR and SINGULARITY_TMPDIR "
        f"to a disk with room, then run the same command again; {ARCHIVE} is not sent a second time",
    )


def _ask(remote_folder: RemoteFolder, script: str, *names: str, what: str = "") -> bytes:
    items = [os.fsencode(name) for name in (remote_folder.remote.folder, *names)]
    return remote_folder.login.ask(script_command(script), items, what=what)
