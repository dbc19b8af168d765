"""The command `version`: which versions run here."""

from __future__ import annotations

import json
import platform
from typing import Annotated, Any

import typer

from dlcctr.model.engines import ENGINES
from dlcctr.system.terminal.console import envelope, print_verbatim


def add(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(version)


def version(
    ctx: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False
) -> None:
    """Print the versions of dlcctr, the contract and Python.

    In the image it also prints those of the engine, DeepLabCut and CUDA.
    """
    facts = collect(ctx.obj())
    print_verbatim(json.dumps(facts, indent=1).split("\n") if as_json else lines(facts))


def collect(image: dict[str, Any]) -> dict[str, Any]:
    """Facts as the JSON output gives them."""
    return envelope("version", python=platform.python_version(), image=image or None)


def lines(facts: dict[str, Any]) -> list[str]:
    """Facts for people, one a line."""
    text = [f"dlcctr {facts['dlcctr']}", f"contract {facts['contract']}", f"Python {facts['python']}"]
    image = facts["image"]
    if not image:
        return text
    versions = {str(key).lower(): value for key, value in image["versions"].items()}
    text.append(f"image {image['name']} {image['version']} ({image['flavour']})")
    text.append(f"DeepLabCut {versions.get('deeplabcut', 'unknown')}")
    text += [
        f"{each.title} {versions[each.package]}" for each in reversed(ENGINES.values()) if each.package in versions
    ]
    text.append(f"engine {image['engine']}")
    if image["cuda"]:
        archs = ", ".join(image["gpu_archs"]) or "unknown"
        text.append(f"CUDA {image['cuda']}, NVIDIA driver {image['min_driver']} or newer, GPU architectures {archs}")
    else:
        text.append("CUDA none: this flavour runs on the CPU")
    return text
