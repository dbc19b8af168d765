"""Images outside the builder, through the Docker SDK: inspect, save to an archive, push to a registry."""

from __future__ import annotations

import contextlib
import json
import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from dlcctr.errors import CommandFailedError, ToolMissingError, UsageError
from dlcctr.system.disk import OTHER_FILE, output_error
from dlcctr.system.files import fsync_path
from dlcctr.system.processes import run
from dlcctr.system.terminal.console import plural
from dlcctr.system.terminal.progress import Bar, no_bar

MAX_MEMBER_BYTES = 64 << 20
"""Largest file that is read from an archive, in bytes; lists of layers and packages are far shorter."""
BROKEN_ARCHIVE = (
    tarfile.TarError, KeyError, IndexError, TypeError, ValueError, AttributeError, EOFError, OSError, RecursionError,
    zlib.error,
)  # fmt: skip
"""Errors that reading a damaged archive, or some other file, can raise."""
TIMEOUT_S = 3600
"""Timeout of the engine's answers: it may take minutes before the first byte of a large image."""


@contextmanager
def docker_client() -> Iterator[Any]:
    """Client of the engine that the docker command line talks to.

    Raises
    ------
    ToolMissingError
        The SDK is not installed, or the engine does not answer.
    """
    try:
        from docker.client import DockerClient
        from docker.errors import DockerException
    except ImportError as error:
        raise ToolMissingError(
            "this command needs the Docker SDK for Python", "pip install 'dlcctr[docker]'"
        ) from error
    try:
        client = DockerClient(**_endpoint(), timeout=TIMEOUT_S)
    except DockerException as error:
        raise _no_engine(error) from error
    try:
        client.ping()
    except (DockerException, OSError) as error:
        client.close()
        raise _no_engine(error) from error
    try:
        yield client
    finally:
        client.close()


def _no_engine(error: Exception) -> ToolMissingError:
    return ToolMissingError(
        f"Docker Engine does not answer: {error}",
        "start it (systemctl start docker, or `sh scripts/engine.sh` in a checkout) and give this user access",
    )


def _endpoint() -> dict[str, Any]:
    """Where the engine is: the SDK knows DOCKER_HOST, but not the command line's contexts (rootless, Desktop)."""
    from docker.utils import kwargs_from_env

    found: dict[str, Any] = kwargs_from_env()
    if "base_url" not in found:
        try:
            template = "{{.Endpoints.docker.Host}}"
            answer = run(["docker", "context", "inspect", "--format", template], check=False, merge=False)
        except ToolMissingError:
            return found
        if answer.returncode == 0 and answer.stdout.startswith("unix://"):
            found["base_url"] = answer.stdout.strip()
    return found


def get_image(client: Any, tag: str) -> Any:
    """Image of the local engine.

    Raises
    ------
    UsageError
        It does not exist; the hint lists the dlcctr images that do.
    """
    from docker.errors import DockerException, NotFound

    try:
        return client.images.get(tag)
    except NotFound:
        known = sorted(name for image in client.images.list("dlcctr") for name in image.tags)
        hint = f"images here: {', '.join(known)}" if known else "build it with: dlcctr image build"
        raise UsageError(f"there is no image {tag} on this machine", hint) from None
    except DockerException as error:
        raise UsageError(f"{tag} cannot be looked up: {error}", "give an image name, with its tag") from error


def inspect_tag(tag: str) -> dict[str, Any]:
    """Facts about an image of the local engine: id, digests, size in bytes, labels, layers."""
    with docker_client() as client:
        attrs = get_image(client, tag).attrs
    config = attrs.get("Config") or {}
    return {
        "image": tag,
        "id": attrs["Id"],
        "digests": attrs.get("RepoDigests") or [],
        "size_bytes": attrs["Size"],
        "platform": f"{attrs['Os']}/{attrs['Architecture']}",
        "layers": len(attrs.get("RootFS", {}).get("Layers") or []),
        "labels": config.get("Labels") or {},
    }


def inspect_archive(path: Path) -> dict[str, Any]:
    """Facts about an archive that `docker save` or `image save` wrote; needs no container engine.

    Raises
    ------
    UsageError
        It is not such an archive, or a layer that it lists is missing or cut off.
    """
    try:
        with tarfile.open(path) as archive:
            members = {member.name: member for member in archive}
            entry = _read_json(archive, members, "manifest.json")[0]
            config = _read_json(archive, members, entry["Config"])
            absent = [name for name in entry["Layers"] if name not in members]
            facts = {
                "image": str(path),
                "id": f"sha256:{PurePosixPath(entry['Config']).stem}",
                "tags": entry.get("RepoTags") or [],
                "size_bytes": path.stat().st_size,
                "platform": f"{config['os']}/{config['architecture']}",
                "layers": len(entry["Layers"]),
                "labels": dict((config.get("config") or {}).get("Labels") or {}),
            }
    except BROKEN_ARCHIVE as error:
        raise UsageError(f"{path} is not a complete image archive: {error}", "save it again: image save") from error
    if absent:
        raise UsageError(f"{path} lacks {plural(len(absent), 'layer')}, the first is {absent[0]}", "save it again")
    return facts


def _read_json(archive: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo], name: str) -> Any:
    return json.loads(read_member(archive, members[name]))


def read_member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    """Content of a small file of an archive; raises `ValueError` for a large one or a non-file."""
    if member.size > MAX_MEMBER_BYTES:
        raise ValueError(f"{member.name} has {member.size:,} bytes")
    stream = archive.extractfile(member)
    if stream is None:
        raise ValueError(f"{member.name} is not a file")
    return stream.read()


def save_image(tag: str, output: Path, *, bar: Bar = no_bar) -> int:
    """Write an image as an archive that every container engine reads, completely or not at all.

    Streams to a temporary name beside `output`, checks that every layer has arrived, then fsync and rename.

    Returns
    -------
    int
        Size in bytes.

    Raises
    ------
    UsageError
        No such image.
    CommandFailedError
        The engine stopped sending; `output` is as it was.
    OutputError
        The disk is full, or `output` cannot be written; it is as it was.
    """
    from requests.exceptions import RequestException

    with docker_client() as client:
        image = get_image(client, tag)
        try:
            handle, name = tempfile.mkstemp(prefix=f".{output.name[:40]}.", suffix=".tar", dir=output.parent)
        except OSError as error:
            raise output_error(error, output, OTHER_FILE) from error
        temporary = Path(name)
        try:
            # the size of the image is about that of its archive
            with os.fdopen(handle, "wb") as stream, bar(f"saving {tag}", int(image.attrs["Size"])) as update:
                for chunk in image.save(named=tag):
                    stream.write(chunk)
                    update(stream.tell())
            inspect_archive(temporary)
            temporary.chmod(0o644)
            fsync_path(temporary)
            temporary.replace(output)
            fsync_path(output.resolve().parent)
        except (RequestException, UsageError) as error:  # the first is an OSError, too
            raise CommandFailedError(
                f"{tag} was not saved to {output}: {error}",
                "check that Docker works (docker info), then run the command again",
            ) from error
        except OSError as error:
            raise output_error(error, output, OTHER_FILE) from error
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
    return output.stat().st_size


def push_image(tag: str, target: str, *, bar: Bar = no_bar) -> str:
    """Push an image and make sure that the registry has it.

    Parameters
    ----------
    target : str
        ``REGISTRY/NAME`` or ``REGISTRY/NAME:TAG``; the image's own tag where it has none.

    Returns
    -------
    str
        ``REGISTRY/NAME@sha256:…`` as the registry answers for it.

    Raises
    ------
    CommandFailedError
        The registry refused it, or has something other than what was sent.
    """
    from docker.errors import DockerException

    repository, remote_tag = split_target(target, tag)
    with docker_client() as client:
        image = get_image(client, tag)
        image.tag(repository, remote_tag)
        try:
            lines = client.images.push(repository, tag=remote_tag, stream=True, decode=True)
            with bar(f"pushing {tag}", int(image.attrs["Size"])) as update:
                digest = read_push(lines, f"{repository}:{remote_tag}", update)
            held = client.images.get_registry_data(f"{repository}:{remote_tag}").id
        except DockerException as error:
            raise _push_failed(f"{repository}:{remote_tag}", str(error)) from error
    if held != digest:
        raise CommandFailedError(
            f"the registry holds {held} as {repository}:{remote_tag}, but {digest} was sent",
            "somebody pushed the same tag at the same time: push again",
        )
    return f"{repository}@{digest}"


def split_target(target: str, tag: str) -> tuple[str, str]:
    """Repository and tag to push to; a colon before the last slash belongs to the registry's port."""
    head, slash, last = target.rpartition("/")
    if not slash or "@" in target or not last.partition(":")[0]:
        raise UsageError(
            f"{target!r} does not name a registry and an image", "write REGISTRY/NAME or REGISTRY/NAME:TAG"
        )
    name, _, own_tag = last.partition(":")
    return f"{head}/{name}", own_tag or tag.rpartition("/")[2].partition(":")[2] or "latest"


def read_push(lines: Iterable[Mapping[str, Any]], target: str, update: Callable[[int], None] = lambda _: None) -> str:
    """Digest from the engine's answer lines; the SDK itself reports success even where a line holds an error.

    Parameters
    ----------
    update : callable
        Takes the bytes sent so far.

    Raises
    ------
    CommandFailedError
        A line reports an error, or no line has the digest.
    """
    digest, sent = "", dict[str, int]()
    for line in lines:
        if "error" in line or "errorDetail" in line:
            raise _push_failed(target, str(line.get("error") or line.get("errorDetail")))
        if done := (line.get("progressDetail") or {}).get("current"):
            sent[str(line.get("id"))] = int(done)
            update(sum(sent.values()))
        digest = (line.get("aux") or {}).get("Digest", digest)
    if not digest:
        raise _push_failed(target, "Docker reported no digest")
    return digest


def _push_failed(target: str, reason: str) -> CommandFailedError:
    return CommandFailedError(
        f"{target} was not pushed: {reason}",
        "log in with `docker login REGISTRY`; Docker needs https for every registry that is not on this machine",
    )
