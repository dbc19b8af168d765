"""Building the image: base, arguments, a staged context, and the docker command line (its SDK has no BuildKit)."""

from __future__ import annotations

import os
import re
import shlex
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from dlcctr import __version__
from dlcctr.errors import CommandFailedError, ToolMissingError
from dlcctr.image.context import stage
from dlcctr.image.flavours import Flavour
from dlcctr.image.labels import check_contract, docker_labels
from dlcctr.image.package_sources import Sources
from dlcctr.system.disk import disk_errors
from dlcctr.system.processes import find_tool, run
from dlcctr.system.source_tree import SourceTree, own_sources
from dlcctr.system.terminal.console import warn
from dlcctr.system.terminal.folded import log_file, log_tail, run_folded

LOCAL_BASE = "dlcctr-base:bookworm"
"""Image that `BASE_SCRIPT` makes."""
BASE_SCRIPT = "scripts/base.sh"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
"""Docker knows these build arguments itself and keeps them out of the image's history."""

STEP = re.compile(r"(?:Step |#[0-9]+ \[(?:\S* +)?)([0-9]{1,4})/([0-9]{1,4})(?: : |\] )(.*)")
"""Pattern of the lines with which Docker's two builders, the old one and BuildKit, begin a step."""


def build_image(
    flavour: Flavour,
    tree: SourceTree,
    sources: Sources,
    pins: Mapping[str, str],
    *,
    base: str = "",
    network: str = "host",
    tag: str = "",
    no_cache: bool = False,
) -> str:
    """Build one flavour; the builder's own output goes into a log.

    Parameters
    ----------
    base : str
        Base image; empty for the pinned one, or a local one if no registry answers.
    network : str
        The build's network, "host" or "default". The host's own finds the mirrors and proxies that the host finds.
    tag : str
        Name of the result; empty for the flavour's own.
    no_cache : bool
        Rebuild every layer even if nothing of ours has changed: Debian's packages may have.

    Returns
    -------
    str
        The image's tag.

    Raises
    ------
    ToolMissingError
        Docker is not installed, its engine does not answer, or there is no base image.
    CommandFailedError
        The build failed; the message holds the end of its output.
    ContractError
        The image has another contract version than this dlcctr.
    """
    find_tool("docker")
    check_engine()
    tag = tag or flavour.tag
    base_name, digest = resolve_base(pins, base)
    folder = Path(tempfile.gettempdir())
    with (
        disk_errors(folder, "TMPDIR names another folder"),
        tempfile.TemporaryDirectory(prefix="dlcctr-build-", dir=folder) as name,
    ):
        context = Path(name)
        stage(tree, context, flavour.lock, sources)
        arguments = {"BASE_IMAGE": base_name, "BASE_DIGEST": digest, "FLAVOUR": flavour.name, **describe(tree)}
        arguments |= index_arguments(sources)
        command = build_command(context, tag, arguments, network, no_cache=no_cache)
        replaced = image_id(tag)
        log = log_file(f"image-build-{flavour.name}")
        warn(f"Docker's full output is in {log}")
        code = run_folded(command, f"building {tag}", log, read_step=read_step)
    if code != 0:
        raise CommandFailedError(
            f"docker build of {tag} failed (exit code {code}); the end of its output:\n{log_tail(log)}",
            f"its full output is in {log}; behind a mirror see --ca-bundle, --index-url, --wheels and --network",
        )
    check_contract(f"image {tag}", docker_labels(tag))
    if replaced and replaced != image_id(tag):
        remove_unnamed(replaced)
    return tag


def image_id(name: str) -> str:
    """Id of a local image; empty if there is none."""
    answer = run(["docker", "image", "inspect", "--format", "{{.Id}}", name], check=False, merge=False)
    return answer.stdout.strip() if answer.returncode == 0 else ""


def remove_unnamed(image: str) -> None:
    """Remove an image that lost its name to a newer one, which would waste gigabytes. One in use stays."""
    tags = run(["docker", "image", "inspect", "--format", "{{len .RepoTags}}", image], check=False, merge=False)
    if tags.returncode == 0 and tags.stdout.strip() == "0":
        run(["docker", "image", "rm", image], check=False)


def check_engine() -> None:
    """Fail with a remedy where docker is installed and its engine does not answer."""
    answer = run(["docker", "version", "--format", "{{.Server.Version}}"], check=False)
    if answer.returncode != 0:
        raise ToolMissingError(
            f"Docker Engine does not answer: {answer.stdout.strip().splitlines()[-1] if answer.stdout.strip() else ''}",
            "start it (systemctl start docker, or `sh scripts/engine.sh` in a checkout) and give this user access",
        )


def build_command(
    context: Path, tag: str, arguments: Mapping[str, str], network: str, *, no_cache: bool = False
) -> list[str]:
    """Arguments of the build command. Proxies are named without their values, which stay out of logs."""
    command = ["docker", "build", "--network", network, "-t", tag, "-f", str(context / "Dockerfile")]
    command += ["--no-cache"] if no_cache else []
    for key, value in arguments.items():
        command += ["--build-arg", f"{key}={value}"] if value else []
    for name in PROXY_VARIABLES:
        command += ["--build-arg", name] if os.environ.get(name) else []
    return [*command, str(context)]


def read_step(line: str) -> tuple[int, int, str] | None:
    """Step that begins with a line of the builder's output: its number, how many there are, and what it does."""
    found = STEP.match(line)
    return (int(found[1]), int(found[2]), found[3]) if found else None


def index_arguments(sources: Sources) -> dict[str, str]:
    """Pip's settings as build arguments; empty where the user set none."""
    return {"PIP_INDEX_URL": sources.index_url, "PIP_EXTRA_INDEX_URL": " ".join(sources.extra_index_urls)}


def resolve_base(pins: Mapping[str, str], base: str = "") -> tuple[str, str]:
    """Name and digest of the base image, pulled when it is not here.

    The order: the one given; else the pinned one if it is here, else what `make base` made, else the
    pinned one from its registry, else a local image of the pinned name, whatever its digest.

    Raises
    ------
    ToolMissingError
        There is none; the hint names the script that makes one.
    """
    pinned = f"{pins['BASE_IMAGE']}@{pins['BASE_DIGEST']}"
    for name in (base,) if base else (pinned, LOCAL_BASE):
        digest = local_digest(name)
        if digest:
            return name, digest
    wanted = base or pinned
    warn(f"fetching the base image {wanted}")
    pulled = run(["docker", "pull", wanted], check=False)
    if pulled.returncode == 0:
        return wanted, local_digest(wanted)
    digest = "" if base else local_digest(pins["BASE_IMAGE"])
    if digest:
        return pins["BASE_IMAGE"], digest
    reason = pulled.stdout.strip().splitlines()[-1:] or ["no reason given"]
    raise ToolMissingError(
        f"the base image {wanted} is not on this machine and could not be pulled: {reason[0]}",
        f"build one without a registry: sh {shlex.quote(str(own_sources().path(BASE_SCRIPT)))}; or name another Debian "
        "12 image with --base",
    )


def local_digest(name: str) -> str:
    """Digest by which a registry knows a local image, its own id where none does, empty where it is not here."""
    template = "{{range .RepoDigests}}{{println .}}{{end}}{{.Id}}"
    answer = run(["docker", "image", "inspect", "--format", template, name], check=False, merge=False)
    found: list[str] = re.findall(r"sha256:[0-9a-f]{64}", answer.stdout) if answer.returncode == 0 else []
    named = name.partition("@")[2]
    return named if named in found else (found[0] if found else "")


def describe(tree: SourceTree) -> dict[str, str]:
    """Version, revision, time and source of dlcctr's own files, as build arguments.

    An unchanged commit keeps its own time, and an installed dlcctr that of its installation, so that the build's cache
    gives the very same image again.
    """
    seconds = time.time() if tree.is_checkout else tree.path("Dockerfile").stat().st_mtime
    facts = {"VERSION": __version__, "REVISION": "unknown", "CREATED": _utc(seconds), "SOURCE": ""}
    if (tree.root / ".git").exists():
        git = ["git", "-C", str(tree.root)]
        show = run([*git, "show", "-s", "--format=%H %ct"], check=False, merge=False)
        status = run([*git, "status", "--porcelain", "--untracked-files=no"], check=False, merge=False)
        if show.returncode == 0 and status.returncode == 0:
            commit, committed = show.stdout.split()
            clean = not status.stdout.strip()
            facts["REVISION"] = commit if clean else f"{commit}-dirty"
            facts["CREATED"] = _utc(float(committed)) if clean else facts["CREATED"]
        origin = run([*git, "remote", "get-url", "origin"], check=False, merge=False).stdout.strip()
        # only a public-looking address: no path of this machine, no user or password
        facts["SOURCE"] = origin if re.fullmatch(r"https://[^@\s]+", origin) else ""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if epoch.isdigit():
        facts["CREATED"] = _utc(float(epoch))
    return facts


def _utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
