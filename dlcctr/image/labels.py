"""The labels of an image: its version, engine and contract."""

from __future__ import annotations

import json
from collections.abc import Mapping

from dlcctr.contract import CONTRACT_VERSION, LABEL_PREFIX, READABLE_CONTRACTS
from dlcctr.errors import CommandFailedError, ContractError, ToolMissingError
from dlcctr.system import processes
from dlcctr.system.values.numbers import parse_whole

SHOWN_CHARS = 60


def docker_labels(image: str) -> dict[str, str]:
    """Labels of an image of this machine's Docker Engine; raises `ToolMissingError` where the image is not there."""
    done = processes.run(
        ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image], check=False, merge=False
    )
    if done.returncode != 0:
        raise ToolMissingError(
            f"image {image} is not on this machine",
            "make it (dlcctr image build), pull it (dlcctr image pull) or load it",
        )
    try:
        return {str(key): str(value) for key, value in (json.loads(done.stdout) or {}).items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def docker_size(image: str) -> int:
    """Bytes of an image of this machine's Docker Engine; raises `CommandFailedError` where it does not say."""
    said = processes.run(["docker", "image", "inspect", "--format", "{{.Size}}", image], merge=False).stdout
    if (size := parse_whole(said.strip())) is None:
        raise CommandFailedError(
            f"docker reported no size for {image}: {said[:SHOWN_CHARS]!r}", "run by hand: docker images"
        )
    return size


def check_contract(what: str, labels: Mapping[str, str]) -> None:
    """Compare an image's contract label with this program's; raises `ContractError` where they differ."""
    version = labels.get(f"{LABEL_PREFIX}contract")
    if version is None:
        raise ContractError(
            f"{what} has no label {LABEL_PREFIX}contract: it is not a dlcctr image", "make one: dlcctr image build"
        )
    if str(version) != str(CONTRACT_VERSION):
        raise ContractError(
            f"{what} has contract version {version}, this dlcctr has {CONTRACT_VERSION}",
            _remedy(parse_whole(str(version))),
        )


def _remedy(version: int | None) -> str:
    """What to do about an image of another contract version."""
    if version in READABLE_CONTRACTS:
        return (
            "the image is older: get this dlcctr's own (dlcctr image pull, or dlcctr image build); finished rows stay "
            "whole and are not analysed again"
        )
    if version is not None and version > CONTRACT_VERSION:
        return (
            "the image is newer: install the dlcctr of its version, or get this dlcctr's own image: dlcctr image pull"
        )
    return "use the image and the dlcctr of the same version"


def check_flavour(what: str, labels: Mapping[str, str], flavour: str) -> None:
    """Compare an image's flavour label with the one wanted; raises `CommandFailedError` where they differ."""
    found = labels.get(f"{LABEL_PREFIX}flavour", "")
    if found != flavour:
        raise CommandFailedError(
            f"{what} is {f'of the flavour {found}' if found else 'of no flavour'}, not {flavour}",
            "somebody pushed it under a wrong name: tell them, or build it: dlcctr image build",
        )
