"""The command `model superanimal`: a bundle of weights that others trained, for videos without any labels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from dlcctr.model.superanimal.animals import Choice


def superanimal(
    animal: Annotated[str, typer.Argument(help="quadruped or topviewmouse.", metavar="quadruped|topviewmouse")],
    *,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Bundle to write; without it, say what is needed, and the licence."),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="The network's .pt file, or a folder with files as they were published.")
    ] = None,
    detector_weights: Annotated[
        Path | None, typer.Option(help="The detector's .pt file, where it is not beside the network's.")
    ] = None,
    network: Annotated[str, typer.Option(help="hrnet_w32 (usual), resnet_50 or rtmpose_s.")] = "",
    detector: Annotated[str, typer.Option(help="fasterrcnn_resnet50_fpn_v2 (usual), or a faster one.")] = "",
    individuals: Annotated[int, typer.Option(min=1, max=100, help="Most animals in a frame.")] = 10,
    download: Annotated[bool, typer.Option("--download", help="Download what is not there (internet).")] = False,
    accept_licence: Annotated[
        bool, typer.Option("--accept-licence", help="You have read the weights' licence: for --download.")
    ] = False,
    as_folder: Annotated[bool, typer.Option("--folder", help="Write a folder instead of one file.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing bundle file.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Make a bundle of a published SuperAnimal model.

    It is analysed like any other model, and nothing is downloaded while it is.
    """
    from dlcctr.model.superanimal.animals import choose
    from dlcctr.model.superanimal.find import find_weights
    from dlcctr.model.superanimal.make import make_bundle
    from dlcctr.system.terminal.console import print_json

    choice = choose(animal, network, detector, individuals)
    if download:
        _download(choice, weights, accepted=accept_licence)
    if output is None:
        _explain(choice, weights)
        return
    network_file, detector_file = find_weights(choice, weights, detector_weights)
    listing, origin = make_bundle(choice, network_file, detector_file, output, as_folder=as_folder, overwrite=overwrite)
    if as_json:
        from dlcctr.model.bundles.bundle import listing_fields

        print_json("model superanimal", bundle=str(output.absolute()), **listing_fields(listing))
        return
    from dlcctr.commands.in_image import say_next
    from dlcctr.system.terminal.console import print_lines

    size = sum(entry.bytes for entry in listing.files)
    print_lines([f"wrote {output}: {listing.model['id']}, {size / 1e6:.1f} MB", *_licence_lines(choice)])
    print_lines([f"{file.sha256[:16]}…  {file.name}" for file in origin.files])
    say_next([f"next: dlcctr manifest VIDEOS -o m.csv --model {shlex.quote(str(output))}"])


def _download(choice: Choice, weights: Path | None, *, accepted: bool) -> None:
    from dlcctr.errors import UsageError
    from dlcctr.model.superanimal.animals import LICENCE
    from dlcctr.model.superanimal.download import download
    from dlcctr.model.superanimal.find import own_folder
    from dlcctr.system.terminal.console import print_lines

    if not accepted:
        raise UsageError(
            f"these weights have a licence of their own: {LICENCE}",
            f"read it ({choice.animal.card}); if you agree to it, add --accept-licence",
        )
    folder = weights or own_folder()
    if folder.is_file() or folder.suffix == ".pt":
        raise UsageError(f"--weights {folder}: a file, but --download needs a folder", "name a folder, or leave it out")
    print_lines([f"downloaded {file}" for file in download(choice, folder)])


def _explain(choice: Choice, weights: Path | None) -> None:
    """What the bundle needs and where it comes from, for somebody who has nothing yet."""
    from dlcctr.model.superanimal.find import download_commands, megabytes, own_folder
    from dlcctr.system.terminal.console import print_lines

    animal = choice.animal
    is_folder = weights is not None and not weights.is_file() and weights.suffix != ".pt"
    folder = weights if weights and is_folder else own_folder()
    print_lines(
        [
            f"{animal.name}: {animal.view}, {len(animal.bodyparts)} body parts",
            f"networks: {', '.join(animal.networks)}",
            f"detectors: {', '.join(animal.detectors)}",
            "",
            *_licence_lines(choice),
            "",
            f"weights of {choice.network} and {choice.detector}, about {megabytes(choice.parts)} MB:",
            *download_commands(choice, folder, choice.parts),
            "",
            f"body parts: {', '.join(animal.bodyparts)}",
            "",
            f"no bundle was made: the same command with -o {animal.name}.dlcmodel makes one from these weights",
        ]
    )


def _licence_lines(choice: Choice) -> list[str]:
    from dlcctr.model.superanimal.animals import CITATION, LICENCE

    return [f"licence of the weights: {LICENCE}", f"  {choice.animal.card}", f"cite: {CITATION}"]
