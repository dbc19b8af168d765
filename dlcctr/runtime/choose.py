"""Which runtime the rows get: what was asked for, else docker, apptainer or native, whichever is ready first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dlcctr.campaign.config import Campaign
from dlcctr.campaign.paths import find_sif
from dlcctr.contract import SIF_NAME
from dlcctr.errors import ToolMissingError, UsageError
from dlcctr.image import flavours
from dlcctr.image.image_kind import ImageKind, kind_of
from dlcctr.runtime.base import Runtime
from dlcctr.runtime.containers.apptainer import find_apptainer
from dlcctr.runtime.containers.docker import find_docker
from dlcctr.runtime.native import environment as native_environment
from dlcctr.runtime.native.runtime import Native
from dlcctr.system.terminal.console import warn

RUNTIMES = ("docker", "apptainer", "native")


@dataclass(frozen=True)
class RuntimeOptions:
    """Options of the command line for the runtime."""

    runtime: str = "auto"
    image: str = ""
    gpu: bool = False
    wheels: tuple[Path, ...] = ()


def pick_runtime(campaign: Campaign, options: RuntimeOptions) -> Runtime:
    """Find a runtime, and report which and why.

    Raises
    ------
    UsageError
        No runtime has that name.
    ToolMissingError, ContractError
        The requested runtime is not available, or its image has another contract.
    """
    makers: dict[str, Callable[[], Runtime]] = {
        "docker": lambda: _docker(campaign, options),
        "apptainer": lambda: find_apptainer(_sif(campaign, options)),
        "native": lambda: Native(
            native_environment.ensure_environment(_flavour(campaign, options, gpu=options.gpu), wheels=options.wheels)
        ),
    }
    name = "apptainer" if options.runtime == "singularity" else options.runtime
    if name == "auto" and options.image:
        name = _runtime_of(options.image)
    if name != "auto":
        if name not in makers:
            raise UsageError(f"--runtime {options.runtime!r} is unknown", f"use one of: auto, {', '.join(RUNTIMES)}")
        found = makers[name]()
        warn(f"runtime: {found.name} ({found.subject}), as asked for")
        return found
    return _first_ready(makers)


def _runtime_of(image: str) -> str:
    """Runtime for an image that was given."""
    kind = kind_of(image)
    if kind is ImageKind.ARCHIVE:
        raise UsageError(
            f"{image} is a saved archive, which cannot be run directly",
            f"load it (docker load -i {image}), or make a SIF",
        )
    return "apptainer" if kind is ImageKind.SIF else "docker"


def _first_ready(makers: dict[str, Callable[[], Runtime]]) -> Runtime:
    reasons = []
    for name in RUNTIMES:
        try:
            found = makers[name]()
        except ToolMissingError as error:
            if name == RUNTIMES[-1]:
                raise
            reasons.append(f"no {name}: {error.message}")
            continue
        why = "; ".join(reasons) or "its engine answers and the image exists"
        warn(f"runtime: {found.name} ({found.subject}); {why}; choose with --runtime {'|'.join(RUNTIMES)}")
        return found
    raise AssertionError("the last runtime is returned or raises")


def _docker(campaign: Campaign, options: RuntimeOptions) -> Runtime:
    if options.image or (campaign.image and not campaign.image.endswith(".sif")):
        return find_docker(options.image or campaign.image)
    device = _flavour(campaign, options, gpu=True).tag
    tags = [device] if options.gpu else [_flavour(campaign, options, gpu=False).tag, device]
    for tag in tags[:-1]:
        try:
            return find_docker(tag)
        except ToolMissingError:
            continue
    try:
        return find_docker(tags[-1])
    except ToolMissingError as error:
        if error.message.startswith("image "):
            raise ToolMissingError(f"none of these images is on this machine: {', '.join(tags)}", error.hint) from error
        raise


def _sif(campaign: Campaign, options: RuntimeOptions) -> Path:
    named = options.image or (campaign.image if campaign.image.endswith(".sif") else "")
    if named:
        return Path(named)
    return find_sif(campaign) or Path(SIF_NAME)


def _flavour(campaign: Campaign, options: RuntimeOptions, *, gpu: bool) -> flavours.Flavour:
    """Flavour for the campaign's engine, which is read from the model if campaign.toml does not name it."""
    engine = campaign.engine
    if not engine:
        if campaign.model is None:
            raise UsageError(
                f"{campaign.file}: names no model",
                "make the manifest again with one: dlcctr manifest VIDEOS -o m.csv --model PROJECT --overwrite",
            )
        from dlcctr.model.inspection import inspect_model

        engine = inspect_model(
            campaign.model,
            shuffle=campaign.shuffle,
            trainset_index=campaign.trainset_index,
            snapshot=campaign.snapshot,
        ).engine
    device = "cuda" if gpu else "cpu"
    return flavours.pick_flavour(flavours.list_flavours(), flavours.read_pins(), engine=engine, device=device)
