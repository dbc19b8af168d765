"""The bill of materials of an image, out of Docker, a saved archive or a SIF; the build writes it (docker/sbom.py)."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

from dlcctr.contract import SBOM_FILE
from dlcctr.errors import CommandFailedError, UsageError
from dlcctr.image.docker_sdk import BROKEN_ARCHIVE, docker_client, get_image, inspect_archive, read_member
from dlcctr.image.image_kind import ImageKind, kind_of
from dlcctr.system.processes import find_tool, run


def read_sbom(image: str) -> str:
    """Text of an image's bill of materials, as its build wrote it; nothing in the image is run, but `cat` in a SIF.

    Parameters
    ----------
    image : str
        Image of the local Docker Engine, archive written by `image save`, or SIF.

    Raises
    ------
    UsageError
        There is no such image, or it contains no bill of materials.
    ToolMissingError
        Docker, apptainer or singularity is needed but not installed.
    """
    kind = kind_of(image)
    if kind is ImageKind.SIF:
        text = _read_from_sif(Path(image))
    elif kind is ImageKind.ARCHIVE:
        text = _read_from_archive(Path(image))
    else:
        text = _read_from_engine(image)
    try:
        if json.loads(text)["bomFormat"] == "CycloneDX":
            return text
    except (ValueError, KeyError, TypeError, RecursionError):
        pass
    raise UsageError(
        f"{image} contains no bill of materials ({SBOM_FILE})",
        "images built by this version of dlcctr contain one: build it again",
    )


def _read_from_sif(path: Path) -> str:
    tool = find_tool("apptainer", "singularity")
    words = [tool, "exec", "--contain", "--cleanenv", "--no-home", str(path.resolve())]
    done = run([*words, "sh", "-c", f"if [ -e {SBOM_FILE} ]; then cat {SBOM_FILE}; fi"], merge=False)
    return done.stdout


def _read_from_archive(path: Path) -> str:
    """Read it from a saved archive; the project's own layer is one of the last."""
    inspect_archive(path)
    try:
        with tarfile.open(path) as archive:
            for layer in reversed(json.loads(read_member(archive, archive.getmember("manifest.json")))[0]["Layers"]):
                with tarfile.open(fileobj=archive.extractfile(layer)) as files:
                    found = next((each for each in files if f"/{each.name.removeprefix('./')}" == SBOM_FILE), None)
                    if found is not None:
                        return read_member(files, found).decode()
    except BROKEN_ARCHIVE as error:
        raise UsageError(f"{path} is not a complete image archive: {error}", "save it again: image save") from error
    return ""


def _read_from_engine(tag: str) -> str:
    """Read it from a container that is created and removed, but never started."""
    from docker.errors import DockerException, NotFound

    with docker_client() as client:
        image = get_image(client, tag)
        try:
            container = client.containers.create(image.id, network_disabled=True)
            try:
                chunks, _ = container.get_archive(SBOM_FILE)
                with tarfile.open(fileobj=BytesIO(b"".join(chunks))) as archive:
                    return read_member(archive, archive.getmembers()[0]).decode()
            finally:
                container.remove()
        except NotFound:
            return ""
        except DockerException as error:
            raise CommandFailedError(f"{tag} cannot be inspected: {error}", "try again, or restart Docker") from error


def list_parts(bom: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    """Kind, name, version and licences of everything in a bill of materials that has a version or a licence.

    Raises
    ------
    UsageError
        Its parts are not in CycloneDX's form.
    """
    try:
        return list(_walk(bom.get("components") or (), ""))
    except (AttributeError, KeyError, TypeError, RecursionError) as error:
        problem = f"its bill of materials ({SBOM_FILE}) lists parts in a format other than CycloneDX: {error!r}"
        raise UsageError(problem, "build the image again") from error


def _walk(components: Any, inside: str) -> Iterator[tuple[str, str, str, str]]:
    for each in components:
        licences = ", ".join(_licence_texts(each.get("licenses") or ()))
        version = str(each.get("version", ""))
        if version or licences:
            kind = {"pkg:pypi": "Python", "pkg:deb/": "Debian"}.get(str(each.get("purl", ""))[:8], "system")
            yield f"in {inside}" if inside else kind, str(each["name"]), version, licences
        yield from _walk(each.get("components") or (), str(each["name"]))


def _licence_texts(licences: Any) -> Iterator[str]:
    for each in licences:
        inner = each.get("license") or {}
        text = each.get("expression") or inner.get("id") or inner.get("name") or ""
        yield f"{text} (as a whole)" if inner.get("acknowledgement") == "concluded" else str(text)
