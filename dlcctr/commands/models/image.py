"""The commands of `image`: build or pull, inspect, save, push it, and turn it into a SIF."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from dlcctr.commands.program import CommandGroup
from dlcctr.system.terminal.console import print_json, print_lines, warn

Engine = Annotated[str, typer.Option("--engine", help="tensorflow or pytorch.")]
Device = Annotated[str, typer.Option("--device", help="cuda or cpu.")]
Cuda = Annotated[str, typer.Option("--cuda", help="A CUDA build other than the usual one, for example cu130.")]
Tag = Annotated[str, typer.Argument(help="Image, with its tag; the flavour's own if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_MB = 1_000_000


def add(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(
        cls=CommandGroup,
        no_args_is_help=True,
        help="Build or pull, inspect, save and push the image, and make the SIF.",
    )
    for command in (build, pull, inspect, sbom, save, push, sif):
        group.command()(command)
    app.add_typer(group, name="image")


def build(
    *,
    engine: Engine = "tensorflow",
    device: Device = "cuda",
    cuda: Cuda = "",
    every: Annotated[
        bool, typer.Option("--all", help="Build every flavour but those for the newest drivers alone (cu130).")
    ] = False,
    base: Annotated[str, typer.Option(help="Base image, instead of the pinned Debian 12.")] = "",
    tag: Annotated[str, typer.Option(help="Another name for the result.")] = "",
    wheels: Annotated[Path | None, typer.Option(help="Folder with wheels that no package index has.")] = None,
    ca_bundle: Annotated[Path | None, typer.Option(help="Certificates (PEM) of a TLS-intercepting mirror.")] = None,
    index_url: Annotated[str, typer.Option(help="Package index instead of Python's public one.")] = "",
    extra_index_url: Annotated[list[str] | None, typer.Option(help="One more index; can be repeated.")] = None,
    network: Annotated[str, typer.Option(help="Network of the build: host or default.")] = "host",
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Rebuild every layer, with Debian's latest fixes.")
    ] = False,
) -> None:
    """Build the image from the files of this dlcctr.

    Indexes, wheel folders and certificates that pip uses on this machine are found and used; the options above and
    DLCCTR_INDEX_URL, DLCCTR_EXTRA_INDEX_URL, DLCCTR_WHEELS and DLCCTR_CA_BUNDLE come first.
    """
    from dlcctr.errors import UsageError
    from dlcctr.image import build as image
    from dlcctr.image import flavours, package_sources
    from dlcctr.image.labels import docker_size
    from dlcctr.system.source_tree import other_checkout, own_sources

    if every and tag:
        raise UsageError("--tag names one image, --all builds several", "leave out one of them")
    if checkout := other_checkout():
        warn(f"note: the installed dlcctr is built, not the checkout {checkout}; for that one: make image")
    tree, pins, known = own_sources(), flavours.read_pins(), flavours.list_flavours()
    chosen = [each for each in known if flavours.is_default(each, pins)]
    if not every:
        chosen = [flavours.pick_flavour(known, pins, engine, device, cuda)]
    sources = package_sources.resolve_sources(
        wheels=wheels, ca_bundle=ca_bundle, index_url=index_url, extra_index_urls=extra_index_url or ()
    )
    if sources.ca_bundle:
        warn(f"the build trusts the certificates in {sources.ca_bundle}")
    for flavour in chosen:
        warn(f"building {tag or flavour.tag}")
        made = image.build_image(flavour, tree, sources, pins, base=base, network=network, tag=tag, no_cache=no_cache)
        print_lines([f"built {made}: {docker_size(made) / _MB:.0f} MB"])


def inspect(
    *, image: Tag = "", engine: Engine = "tensorflow", device: Device = "cuda", cuda: Cuda = "", as_json: Json = False
) -> None:
    """Print the labels, size and digests of an image, a saved archive (.tar) or a SIF."""
    from dlcctr.image.docker_sdk import inspect_archive, inspect_tag
    from dlcctr.image.image_kind import ImageKind, kind_of
    from dlcctr.image.sif import inspect_sif
    from dlcctr.system.terminal.console import print_verbatim

    image = image or _tag(engine, device, cuda)
    kind = kind_of(image)
    if kind is ImageKind.SIF:
        facts = inspect_sif(Path(image))
    else:
        facts = inspect_archive(Path(image)) if kind is ImageKind.ARCHIVE else inspect_tag(image)
    if as_json:
        print_json("image inspect", **facts)
    else:
        print_verbatim(_table(facts))


def sbom(
    *,
    image: Tag = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", help="CycloneDX (JSON) file to write.")] = None,
    engine: Engine = "tensorflow",
    device: Device = "cuda",
    cuda: Cuda = "",
) -> None:
    """List what is in an image, a saved archive (.tar) or a SIF, with versions and licences.

    It is the bill of materials that the build wrote into the image; -o writes it to a file, for programs.
    """
    from dlcctr.image.sbom import list_parts, read_sbom
    from dlcctr.system.files import write_text_atomic
    from dlcctr.system.terminal.console import plural, print_table

    text = read_sbom(image or _tag(engine, device, cuda))
    parts = list_parts(json.loads(text))
    if output is None:
        print_table(["kind", "name", "version", "licences"], parts)
        return
    write_text_atomic(output, text, keep=True)
    print_lines([f"wrote {output}: {plural(len(parts), 'part')}"])


def save(
    *,
    tag: Tag = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="Archive to write.")] = Path("dlc.tar"),
    engine: Engine = "tensorflow",
    device: Device = "cuda",
    cuda: Cuda = "",
) -> None:
    """Write the image to an archive, to be copied to a cluster."""
    from dlcctr.image.docker_sdk import save_image
    from dlcctr.system.terminal.progress import transfer_bar

    size = save_image(tag or _tag(engine, device, cuda), output, bar=transfer_bar)
    print_lines(
        [f"saved {output}: {size / _MB:.0f} MB; on the cluster: singularity build dlc.sif docker-archive:{output.name}"]
    )


def push(
    tag: Annotated[str, typer.Argument(help="Image, with its tag.")],
    target: Annotated[str, typer.Argument(help="REGISTRY/NAME or REGISTRY/NAME:TAG")],
) -> None:
    """Push the image to a registry and print its digest in the registry."""
    from dlcctr.image.docker_sdk import push_image
    from dlcctr.system.terminal.progress import transfer_bar

    pinned = push_image(tag, target, bar=transfer_bar)
    print_lines([f"pushed {pinned}"])
    print_lines([f"on the cluster: singularity build dlc.sif docker://{pinned}"])


def pull(
    *,
    engine: Engine = "tensorflow",
    device: Device = "cuda",
    cuda: Cuda = "",
    repository: Annotated[
        str, typer.Option("--from", metavar="REGISTRY/NAME", help="Where images are published.")
    ] = "",
    as_sif: Annotated[bool, typer.Option("--sif", help="Make a SIF of it, with apptainer or singularity.")] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="SIF to write; named after the flavour by default.")
    ] = None,
    http: Annotated[bool, typer.Option("--http", help="With --sif: the registry has no https.")] = False,
) -> None:
    """Pull a published image instead of building it.

    In Docker it gets the name that a build gives it. --sif makes a SIF instead, which needs no Docker. The repository
    can also be named in DLCCTR_IMAGE_REPOSITORY.
    """
    from dlcctr.errors import UsageError
    from dlcctr.image import flavours
    from dlcctr.image.pull import find_repository, pull_image, pull_sif

    if not as_sif and (output or http):
        raise UsageError("--output and --http only work with --sif", "add --sif, or leave them out")
    pins = flavours.read_pins()
    flavour = flavours.pick_flavour(flavours.list_flavours(), pins, engine, device, cuda)
    repository = find_repository(repository, pins)
    if as_sif:
        file = output or Path(flavour.sif)
        facts = pull_sif(flavour, repository, file, http=http)
        print_lines([f"made {file}: {facts['size_bytes'] / _MB:.0f} MB"])
        return
    done = pull_image(flavour, repository)
    if done.replaced:
        warn(f"note: {flavour.tag} used to be the image {done.replaced}, now removed unless it has another name")
    print_lines([f"pulled {done.source} as {flavour.tag}: {done.pinned}"])


def sif(
    *,
    image: Annotated[str, typer.Argument(help="Image, saved archive (.tar) or docker://REGISTRY/NAME:TAG.")] = "",
    output: Annotated[Path, typer.Option("-o", "--output", help="SIF to write.")] = Path("dlc.sif"),
    definition: Annotated[
        bool, typer.Option("--def", help="Build through Singularity.def, which adds help and a test.")
    ] = False,
    compression: Annotated[str, typer.Option(help="gzip (mounts everywhere) or zstd.")] = "gzip",
    http: Annotated[bool, typer.Option("--http", help="The registry of a docker:// image has no https.")] = False,
    engine: Engine = "tensorflow",
    device: Device = "cuda",
    cuda: Cuda = "",
) -> None:
    """Turn the image into a SIF with apptainer or singularity, without root."""
    from dlcctr.errors import UsageError
    from dlcctr.image.sif import COMPRESSIONS, build_sif
    from dlcctr.system.terminal.progress import transfer_bar

    if compression not in COMPRESSIONS:
        raise UsageError(f"--compression {compression} is not known", f"choose from: {', '.join(COMPRESSIONS)}")
    source = image or _tag(engine, device, cuda)
    facts = build_sif(source, output, definition=definition, compression=compression, http=http, bar=transfer_bar)
    print_lines([f"made {output}: {facts['size_bytes'] / _MB:.0f} MB"])


def _tag(engine: str, device: str, cuda: str) -> str:
    from dlcctr.image.flavours import list_flavours, pick_flavour, read_pins

    return pick_flavour(list_flavours(), read_pins(), engine, device, cuda).tag


def _table(facts: dict[str, Any]) -> list[str]:
    """Two columns; nothing is cut off, so that an id or a digest can be copied."""
    rows = {key: value for key, value in facts.items() if key not in ("labels", "size_bytes")}
    rows |= {"size": f"{facts['size_bytes'] / _MB:.0f} MB", **dict(sorted(facts["labels"].items()))}
    width = max(map(len, rows))
    shown = {key: ", ".join(map(str, value)) if isinstance(value, list) else value for key, value in rows.items()}
    return [f"{key:<{width}}  {value}".rstrip() for key, value in shown.items()]
