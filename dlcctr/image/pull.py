"""Pulling the published image of a flavour: into Docker, under the name that a build gives it, or as a SIF."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlcctr.errors import CommandFailedError, UsageError
from dlcctr.image.build import check_engine, image_id, local_digest, remove_unnamed
from dlcctr.image.flavours import Flavour
from dlcctr.image.image_kind import REGISTRY_START
from dlcctr.image.labels import check_contract, check_flavour, docker_labels
from dlcctr.image.sif import build_sif
from dlcctr.system.processes import find_tool, run

REPOSITORY_VARIABLE = "DLCCTR_IMAGE_REPOSITORY"
REPOSITORY_PIN = "IMAGE_REPOSITORY"
"""Key in versions.env of the published images' repository; empty as long as none are published."""
_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?(/[a-z0-9][a-z0-9._-]*)+", re.ASCII)


@dataclass(frozen=True)
class Pulled:
    """An image that was pulled into Docker.

    Parameters
    ----------
    source : str
        ``REPOSITORY:TAG`` that it came from.
    pinned : str
        ``REPOSITORY@sha256:…`` as the registry has it.
    replaced : str
        Id of the image that had the flavour's name before, and is removed unless it has another one; empty where there
        was none, or the same one.
    """

    source: str
    pinned: str
    replaced: str = ""


def find_repository(named: str, pins: Mapping[str, str]) -> str:
    """Repository of published images: the one named, that of DLCCTR_IMAGE_REPOSITORY, or that of versions.env.

    Returns
    -------
    str
        ``REGISTRY/NAME``, without a tag.

    Raises
    ------
    UsageError
        No repository is known, or its name is not valid.
    """
    found = named or os.environ.get(REPOSITORY_VARIABLE, "") or pins.get(REPOSITORY_PIN, "")
    if not found:
        raise UsageError(
            "no repository to pull images from: this version of dlcctr names none",
            f"name it with --from REGISTRY/NAME or in {REPOSITORY_VARIABLE}, or build the image: dlcctr image build",
        )
    repository = found.removeprefix(REGISTRY_START)
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError(
            f"{found!r} is not the name of a repository",
            "write REGISTRY/NAME, without a tag: the flavour's tag is added to it",
        )
    return repository


def pull_image(flavour: Flavour, repository: str) -> Pulled:
    """Pull a flavour's image and give it the name that a build gives it; docker's own output goes to the terminal.

    Raises
    ------
    ToolMissingError
        Docker is not installed, or its engine does not answer.
    CommandFailedError
        It could not be pulled, or is another flavour; the flavour's tag stays as it was.
    ContractError
        It has another contract version than this dlcctr; the tag stays as it was.
    """
    find_tool("docker")
    check_engine()
    source = published_name(flavour, repository)
    done = run(["docker", "pull", source], capture=False, check=False)
    if done.returncode != 0:
        raise CommandFailedError(
            f"{source} could not be pulled (docker exited with code {done.returncode})",
            "the error above says why: `docker login REGISTRY` where it is private, --from if it is elsewhere; or "
            f"build it: dlcctr image build {flavour.options}",
        )
    labels = docker_labels(source)
    check_contract(source, labels)
    check_flavour(source, labels, flavour.name)
    before = image_id(flavour.tag)
    run(["docker", "tag", source, flavour.tag])
    replaced = before if before != image_id(source) else ""
    if replaced:
        remove_unnamed(replaced)
    return Pulled(source, f"{repository}@{local_digest(source)}", replaced)


def pull_sif(flavour: Flavour, repository: str, output: Path, *, http: bool = False) -> dict[str, Any]:
    """Make a SIF of a flavour's image at a registry, with apptainer or singularity; Docker is not needed.

    Returns
    -------
    dict
        As `dlcctr.image.sif.inspect_sif` gives it.

    Raises
    ------
    DlcctrError
        As `dlcctr.image.sif.build_sif`; also where the image is another flavour. `output` is then as it was.
    """
    source = f"{REGISTRY_START}{published_name(flavour, repository)}"
    return build_sif(source, output, http=http, flavour=flavour.name)


def published_name(flavour: Flavour, repository: str) -> str:
    """``REPOSITORY:TAG`` of a flavour, as `image push` names it by default."""
    return f"{repository}:{flavour.tag.partition(':')[2]}"
