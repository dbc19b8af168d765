"""The image's bill of materials, CycloneDX 1.6 in JSON: what is installed, read where it is. Runs at build time only.

    sbom.py image.json DPKG-STATUS REPORTS sbom.cdx.json

Python packages come from their own metadata, with the SHA-256 of the file that pip installed (from its reports), the
libraries that a wheel brings along from its RECORD, Debian's packages from dpkg's database and their copyright files.
"""

from __future__ import annotations

import ctypes
import json
import platform
import re
import sys
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Iterable, Mapping
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from urllib.parse import quote

OPENVINO_FOLDER = "dlcctr_openvino"
LIBRARY = re.compile(r"(lib[^/]*?)(-[0-9a-f]{6,8}\b[^/]*)?\.so[.\d]*$")
"""File name of a library: name, and the part of its hash by which auditwheel marks what it puts into a wheel."""
GCC = "GPL-3.0-or-later WITH GCC-exception-3.1"
LIBRARY_LICENCES = {
    "libx264": "GPL-2.0-or-later",
    "libx265": "GPL-2.0-or-later",
    "libasound": "LGPL-2.1-or-later",
    "libgmp": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libgnutls": "LGPL-2.1-or-later",
    "libhogweed": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libmp3lame": "LGPL-2.0-or-later",
    "libnettle": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libunistring": "LGPL-3.0-or-later OR GPL-2.0-or-later",
    "libgfortran": GCC,
    "libgomp": GCC,
    "libquadmath": "LGPL-2.0-or-later",
}
"""Of libraries inside wheels, which say it nowhere themselves: the licences that ask more than to keep a notice."""


def load_folder(folder: Path) -> dict[Path, ctypes.CDLL]:
    """Every library of a folder, each after those that it needs: those in OpenCV's wheel do not say where to look.

    Raises
    ------
    OSError
        One needs a library that is neither in the folder nor on the system.
    """
    loaded: dict[Path, ctypes.CDLL] = {}
    waiting = sorted(folder.glob("*.so*"))
    while waiting:
        failed = {}
        for each in waiting:
            try:
                loaded[each] = ctypes.CDLL(str(each))
            except OSError as error:
                failed[each] = error
        if len(failed) == len(waiting):
            raise next(iter(failed.values()))
        waiting = list(failed)
    return loaded


def read_ffmpeg(codec: Path, gpl: bool) -> dict[str, Any]:
    """What an FFmpeg says of itself: version, licence, build. With a GPL library in it, all of it is under the GPL.

    PyAV's FFmpeg calls itself LGPL although it is linked to x264 and x265: both are written down.
    """
    loaded = load_folder(codec.parent)
    library, util = loaded[codec], loaded[next(codec.parent.glob("libavutil*"))]
    said = []
    for function in (util.av_version_info, library.avcodec_license, library.avcodec_configuration):
        function.restype = ctypes.c_char_p
        said.append(function().decode())
    version, sentence, configuration = said
    match = re.fullmatch(r"(L?GPL) version (\d)(\.\d)? or later", sentence)
    declared = f"{match[1]}-{match[2]}{match[3] or '.0'}-or-later" if match else sentence
    licences = [_licence(declared, "declared")]
    if gpl and match and match[1] == "LGPL":
        licences.append(_licence("GPL-3.0-or-later" if match[2] == "3" else "GPL-2.0-or-later", "concluded"))
    properties = [{"name": "ffmpeg:configuration", "value": configuration}]
    return {"type": "library", "name": "FFmpeg", "version": version, "licenses": licences, "properties": properties}


def _licence(name: str, acknowledgement: str) -> dict[str, Any]:
    kind = "id" if re.fullmatch(r"L?GPL-[\d.]+-or-later", name) else "name"
    return {"license": {kind: name, "acknowledgement": acknowledgement}}


def read_licences(package: Distribution) -> list[dict[str, Any]]:
    """Licence as the package states it: an SPDX expression, else a short text, else its classifiers."""
    metadata = package.metadata
    if metadata.get("License-Expression"):
        return [{"expression": metadata["License-Expression"], "acknowledgement": "declared"}]
    text = (metadata.get("License") or "").strip()
    classes = [each.split("::")[-1].strip() for each in metadata.get_all("Classifier") or [] if "License ::" in each]
    if text in ("", "UNKNOWN") or "\n" in text:
        names = classes or [line.strip() for line in text.splitlines()[:1] if line.strip()]
    else:
        names = [text]
    return [_licence(name, "declared") for name in sorted(set(names))]


def list_libraries(package: Distribution) -> list[dict[str, Any]]:
    """Foreign libraries inside a wheel, with their hashes; an FFmpeg among them once more as a whole."""
    found: dict[str, dict[str, Any]] = {}
    codec = None
    for file in package.files or []:
        match = LIBRARY.match(file.name)
        if not match or file.hash is None or not (match[2] or match[1] in LIBRARY_LICENCES):
            continue
        padded = file.hash.value + "=" * (-len(file.hash.value) % 4)
        found[str(file)] = {
            "type": "file",
            "name": str(file),
            "hashes": [{"alg": "SHA-256", "content": urlsafe_b64decode(padded).hex()}],
        }
        if match[1] in LIBRARY_LICENCES:
            found[str(file)]["licenses"] = [{"expression": LIBRARY_LICENCES[match[1]]}]
        if match[1] == "libavcodec":
            codec = Path(str(package.locate_file(file)))
    gpl = any(each.get("licenses") == [{"expression": "GPL-2.0-or-later"}] for each in found.values())
    whole = [read_ffmpeg(codec, gpl)] if codec else []
    return whole + [found[name] for name in sorted(found)]


def describe_python(package: Distribution, hashes: Mapping[str, str]) -> dict[str, Any]:
    """One Python package; the hash is of the wheel or archive that pip installed it from."""
    name = re.sub(r"[-_.]+", "-", package.metadata["Name"]).lower()
    purl = f"pkg:pypi/{name}@{quote(package.version, safe='')}"
    boms = [file for file in package.files or [] if ".dist-info/sboms/" in str(file)]
    optional = {
        "hashes": [{"alg": "SHA-256", "content": hashes[name]}] if name in hashes else [],
        "licenses": read_licences(package),
        "externalReferences": [
            {"type": "bom", "url": f"file://{package.locate_file(file)}", "comment": "the wheel's own"} for file in boms
        ],
        "components": list_libraries(package),
    }
    fixed = {"type": "library", "bom-ref": purl, "name": name, "version": package.version, "purl": purl}
    return {**fixed, **{key: value for key, value in optional.items() if value}}


def describe_debian(fields: Mapping[str, str], docs: Path, release: str) -> dict[str, Any]:
    """One package of Debian; its licences are the short names in its copyright file, or where that file is."""
    name, version, architecture = fields["Package"], fields["Version"], fields["Architecture"]
    purl = f"pkg:deb/debian/{quote(name)}@{quote(version, safe='')}?arch={architecture}&distro=debian-{release}"
    file = docs / name / "copyright"
    licences: list[str] = []
    if file.is_file():
        text = file.read_text(encoding="utf-8", errors="replace")
        licences = sorted(set(re.findall(r"^License: *(\S.*?),?\s*$", text, re.MULTILINE)))
        licences = licences if text.startswith("Format") and licences else [f"see {file}"]
    return {
        **{"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl},
        "licenses": [{"license": {"name": each}} for each in licences],
    }


def read_status(text: str) -> list[dict[str, str]]:
    """Fields of every package that dpkg's database calls installed."""
    packages = [dict(re.findall(r"^([A-Za-z-]+): (.*)$", part, re.MULTILINE)) for part in text.split("\n\n")]
    return [each for each in packages if each.get("Status") == "install ok installed"]


def read_reports(folder: Path) -> dict[str, str]:
    """Package name to SHA-256, from the reports of pip's installations; where the files came from stays out."""
    found = {}
    for report in sorted(folder.glob("*.json")):
        for each in json.loads(report.read_text(encoding="utf-8"))["install"]:
            name = re.sub(r"[-_.]+", "-", each["metadata"]["name"]).lower()
            facts = each["download_info"].get("archive_info", {})
            value = facts.get("hashes", {}).get("sha256") or facts.get("hash", "").removeprefix("sha256=")
            if re.fullmatch("[0-9a-f]{64}", value):
                found[name] = value
    return found


def make_bom(
    image: Mapping[str, Any], python: Iterable[dict[str, Any]], debian: Iterable[dict[str, Any]], release: str
) -> dict[str, Any]:
    """The whole document: the same components and time give the same text."""
    system = {"type": "operating-system", "bom-ref": "os", "name": "debian", "version": release}
    parts = [system, *(each for group in (python, debian) for each in sorted(group, key=lambda each: each["bom-ref"]))]
    tag = image["name"].partition(":")[2]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([image, parts], sort_keys=True))}",
        "version": 1,
        "metadata": {
            "timestamp": image["created"],
            "tools": {"components": [{"type": "application", "name": "dlcctr", "version": image["version"]}]},
            "component": {"type": "container", "bom-ref": "image", "name": "dlcctr", "version": tag},
        },
        "components": parts,
    }


def main(image_file: Path, status: Path, reports: Path, target: Path) -> None:
    """Write the document of this environment."""
    release, hashes = platform.freedesktop_os_release()["VERSION_ID"], read_reports(reports)
    installed = [*distributions(), *distributions(path=[str(Path(each) / OPENVINO_FOLDER) for each in sys.path])]
    packages = read_status(status.read_text(encoding="utf-8"))
    bom = make_bom(
        json.loads(image_file.read_text(encoding="utf-8")),
        [describe_python(each, hashes) for each in installed],
        [describe_debian(each, Path("/usr/share/doc"), release) for each in packages],
        release,
    )
    target.write_text(json.dumps(bom, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
