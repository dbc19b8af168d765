"""From the image to a SIF, with apptainer or singularity, as an ordinary user."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

from dlcctr.errors import CommandFailedError, ToolMissingError, UsageError
from dlcctr.image.docker_sdk import inspect_archive, save_image
from dlcctr.image.image_kind import REGISTRY_START, ImageKind, is_sif, kind_of
from dlcctr.image.labels import check_contract, check_flavour
from dlcctr.system.disk import OTHER_FILE, disk_errors
from dlcctr.system.files import fsync_path
from dlcctr.system.processes import find_tool, run
from dlcctr.system.source_tree import own_sources
from dlcctr.system.terminal.folded import log_file, log_tail, run_folded
from dlcctr.system.terminal.progress import Bar, no_bar

ARCHIVE = "dlc.tar"
"""The name that Singularity.def knows; a link of that name keeps colons and spaces out of the builder's source line."""
DEFINITION = "Singularity.def"
COMPRESSIONS = {"gzip": "", "zstd": "-comp zstd -Xcompression-level 3"}
"""Arguments of mksquashfs. zstd builds in a third of the time and starts sooner, but kernels before 4.14, and a few
newer ones, cannot mount it, and the machine that builds cannot know: so gzip is the default. Figures in docs/sif.md."""


def find_builder(source: str, kind: ImageKind) -> str:
    """Path of apptainer or singularity.

    Raises
    ------
    ToolMissingError
        Neither is installed; the hint has the commands that build the SIF on a cluster instead.
    """
    try:
        return find_tool("apptainer", "singularity")
    except ToolMissingError as error:
        raise ToolMissingError(f"no SIF can be made here: {error.message}", commands_elsewhere(source, kind)) from None


def commands_elsewhere(source: str, kind: ImageKind) -> str:
    """Hint with the commands that build the SIF where apptainer or singularity is installed."""
    if kind is ImageKind.REGISTRY:
        return f"on the cluster: singularity build dlc.sif {source}"
    archive = source if kind is ImageKind.ARCHIVE else ARCHIVE
    lines = [] if kind is ImageKind.ARCHIVE else [f"dlcctr image save {source} -o {ARCHIVE}"]
    lines += [f"scp {archive} CLUSTER:", f"ssh CLUSTER singularity build dlc.sif docker-archive:{Path(archive).name}"]
    return "make it on the cluster, as yourself, without root:\n" + "\n".join(f"    {line}" for line in lines)


def build_sif(
    source: str,
    output: Path,
    *,
    definition: bool = False,
    compression: str = "gzip",
    http: bool = False,
    flavour: str = "",
    bar: Bar = no_bar,
) -> dict[str, Any]:
    """Build a SIF under a private name, inspect it, then rename it; never with sudo.

    spython is not used here: its `Client.build` returns the name of an old file after a failed build.

    Parameters
    ----------
    source : str
        Image of the local Docker Engine, archive written by `image save`, or ``docker://REGISTRY/NAME:TAG``.
    definition : bool
        Through Singularity.def, which adds %help, %test and a label; the image's behaviour is the same without.
    compression : {"gzip", "zstd"}
        gzip can be mounted everywhere.
    http : bool
        The registry of a docker:// source has no https.
    flavour : str
        Flavour that the image's label must name; empty to accept any.

    Returns
    -------
    dict
        As `inspect_sif` gives it.

    Raises
    ------
    ToolMissingError
        Neither apptainer nor singularity is installed.
    CommandFailedError
        The build failed, or left something that is not a SIF or has another flavour; `output` is as it was.
    OutputError
        The disk is full, or `output` cannot be written; it is as it was.
    ContractError
        The SIF has another contract version than this dlcctr.
    """
    kind = kind_of(source)
    if kind is ImageKind.SIF:
        raise UsageError(f"{source} is a SIF already", "use it as it is, or name an image or an archive")
    tool = find_builder(source, kind)
    if output.exists() and not is_sif(output):
        raise UsageError(f"{output} exists and is not a SIF, so it is not replaced", "choose another file with -o")
    if not output.parent.is_dir():
        raise UsageError(f"the folder {output.parent} does not exist", "make it, or choose another with -o")
    options = build_options(tool, definition=definition, compression=compression, http=http)
    with (
        disk_errors(output, OTHER_FILE),
        tempfile.TemporaryDirectory(prefix=".dlcctr-sif-", dir=output.parent) as name,
    ):
        work = Path(name).resolve()
        words = _prepare(source, kind, work, definition, bar)
        made = work / "made.sif"
        log = log_file("image-sif")
        code = run_folded([tool, "build", *options, made.name, words], f"building {output.name}", log, cwd=work)
        if code != 0 or not made.is_file() or not is_sif(made):
            raise CommandFailedError(
                f"{Path(tool).name} could not build a SIF from {source} (exit code {code}); the end of its output:\n"
                f"{log_tail(log)}",
                f"its full output is in {log}; a full temporary folder is the usual cause: set APPTAINER_TMPDIR and "
                "SINGULARITY_TMPDIR to a disk with room" + ("; or leave out --def" if definition else ""),
            )
        facts = inspect_sif(made)
        check_contract(source, facts["labels"])
        if flavour:
            check_flavour(source, facts["labels"], flavour)
        fsync_path(made)
        made.replace(output)
        fsync_path(output.parent)
    return {**facts, "image": str(output)}


def _prepare(source: str, kind: ImageKind, work: Path, definition: bool, bar: Bar) -> str:
    """Put what the builder needs into its folder; returns the builder's source argument."""
    remote = kind is ImageKind.REGISTRY
    if kind is ImageKind.ARCHIVE:
        inspect_archive(Path(source))
        (work / ARCHIVE).symlink_to(Path(source).resolve())
    elif kind is ImageKind.DOCKER:
        save_image(source, work / ARCHIVE, bar=bar)
    if not definition:
        return source if remote else f"docker-archive:{ARCHIVE}"
    text = own_sources().read(DEFINITION)
    (work / DEFINITION).write_text(render_definition(text, source) if remote else text, encoding="utf-8")
    return DEFINITION


def render_definition(text: str, source: str) -> str:
    """Singularity.def with a registry's image as its start."""
    text = re.sub(r"^Bootstrap:.*$", "Bootstrap: docker", text, count=1, flags=re.MULTILINE)
    name = source.removeprefix(REGISTRY_START)
    return re.sub(r"^From:.*$", lambda _: f"From: {name}", text, count=1, flags=re.MULTILINE)


def build_options(tool: str, *, definition: bool, compression: str, http: bool) -> list[str]:
    """Options of the build command, as far as this version of the tool knows them.

    Raises
    ------
    UsageError
        A compression other than gzip was requested, but the tool cannot choose.
    """
    options = ["--no-https"] if http else []
    if COMPRESSIONS[compression]:
        if "--mksquashfs-args" not in run([tool, "build", "--help"], check=False).stdout:
            raise UsageError(
                f"{Path(tool).name} is too old to choose the compression", f"leave out --compression {compression}"
            )
        options += ["--mksquashfs-args", COMPRESSIONS[compression]]
    version = run([tool, "--version"], check=False).stdout
    if definition and os.geteuid() != 0 and "apptainer" not in version:
        # apptainer finds out by itself how an ordinary user can build from a definition
        options.append("--fakeroot")
    return options


def inspect_sif(path: Path) -> dict[str, Any]:
    """Facts about a SIF: size in bytes and labels, as apptainer or singularity reads them.

    Raises
    ------
    ToolMissingError
        Neither apptainer nor singularity is installed.
    CommandFailedError
        It cannot be read.
    """
    tool = find_tool("apptainer", "singularity")
    if not is_sif(path):
        raise UsageError(f"{path} is not a SIF, or is cut short", "build it again: dlcctr image sif")
    answer = _inspect_with_spython(path)
    if answer is None:
        answer = _parse_json(run([tool, "inspect", "--json", "--labels", str(path.resolve())], merge=False).stdout)
    return {"image": str(path), "size_bytes": path.stat().st_size, "labels": read_labels(answer)}


def parse_labels(text: str) -> dict[str, str]:
    """Labels from what ``inspect --json --labels`` printed; raises as `read_labels` does."""
    return read_labels(_parse_json(text))


def _inspect_with_spython(path: Path) -> Any:
    """Answer of spython's inspect, which is sound if the answer's shape is checked; None where it cannot be used."""
    if shutil.which("singularity") is None:
        return None  # the only name that spython looks for
    try:
        from spython.main import get_client
    except ImportError:
        return None
    return get_client(quiet=True).inspect(str(path.resolve()), quiet=True)


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def read_labels(answer: Any) -> dict[str, str]:
    """Labels from the answer to `inspect`, which singularity 3.x and apptainer nest alike and spython one level less.

    Raises
    ------
    CommandFailedError
        It is something else: after a failure spython returns the error's text in place of the facts.
    """
    try:
        attributes = answer.get("data", answer)["attributes"]
        return {str(key): str(value) for key, value in (attributes.get("labels") or {}).items()}
    except (KeyError, TypeError, AttributeError) as error:
        raise CommandFailedError(
            f"unexpected output of `inspect`: {str(answer)[:200]}", "run it by hand: singularity inspect"
        ) from error
