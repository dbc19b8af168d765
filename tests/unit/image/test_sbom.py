"""The bill of materials: what the build writes (docker/sbom.py), and how it is taken out of an image."""

from __future__ import annotations

import importlib.util
import io
import json
import re
import subprocess
import tarfile
from collections.abc import Sequence
from importlib.metadata import PathDistribution, distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from dlcctr.contract import OPENVINO_FOLDER, SBOM_FILE
from dlcctr.errors import UsageError
from dlcctr.image import sbom

ROOT = Path(__file__).resolve().parents[3]
IMAGE = {"name": "dlcctr:0.1.0-x", "version": "0.1.0", "created": "2026-01-02T03:04:05Z"}
PASSWORD = "https://user:secret@mirror/simple/plain-1.0+cpu-py3-none-any.whl"


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("image_sbom", ROOT / "docker" / "sbom.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_package(site: Path, name: str, version: str, *lines: str, files: Sequence[str] = ()) -> PathDistribution:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(
        "\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *lines])
    )
    (folder / "RECORD").write_text("".join(f"{file},sha256=AAECAw,4\n" for file in files))
    return PathDistribution(folder)


def check_document(bom: dict[str, Any]) -> None:
    """What CycloneDX 1.6 asks for, as far as this document uses it."""
    assert (bom["bomFormat"], bom["specVersion"], bom["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", bom["serialNumber"])
    references = ["image", *(each["bom-ref"] for each in bom["components"])]
    assert len(set(references)) == len(references)
    queue = [*bom["components"]]
    while queue:
        each = queue.pop()
        queue += each.get("components", [])
        assert each["type"] in ("library", "file", "operating-system") and each["name"]
        assert all(re.fullmatch(r"[0-9a-f]{64}|00010203", item["content"]) for item in each.get("hashes", []))
        licences = each.get("licenses", [])
        assert [len({"id", "name"} & set(item.get("license", {}))) for item in licences] == [1] * len(licences) or (
            len(licences) == 1 and licences[0]["expression"]
        )


def test_python_packages_have_version_licence_and_the_hash_of_what_pip_took(writer: ModuleType, tmp_path: Path) -> None:
    site, reports = tmp_path / "site", tmp_path / "reports"
    reports.mkdir()
    taken = {
        "metadata": {"name": "Pla_in"},
        "download_info": {"url": PASSWORD, "archive_info": {"hash": f"sha256={'a' * 64}"}},
    }
    (reports / "1.json").write_text(json.dumps({"install": [taken]}))
    packages = [
        make_package(site, "Pla_in", "1.0+cpu", "License-Expression: MIT AND Zlib", files=["plain/sub/libgomp.so.1"]),
        make_package(site, "short", "2", "License: BSD", "Classifier: License :: OSI Approved :: BSD License"),
        make_package(site, "classes", "3", "Classifier: License :: OSI Approved :: ISC License", "License: UNKNOWN"),
        make_package(site, "long", "4", "License: Some licence", "        that goes on"),
        make_package(site, "silent", "5"),
    ]
    hashes = writer.read_reports(reports)
    bom = writer.make_bom(IMAGE, [writer.describe_python(each, hashes) for each in packages], [], "12")
    check_document(bom)
    rows = sbom.list_parts(bom)
    assert rows[0] == ("system", "debian", "12", "")
    assert ("Python", "pla-in", "1.0+cpu", "MIT AND Zlib") in rows
    assert ("in pla-in", "plain/sub/libgomp.so.1", "", writer.GCC) in rows
    licences = {name: licence for _, name, _, licence in rows}
    assert [licences[name] for name in ("short", "classes", "long", "silent")] == [
        "BSD", "ISC License", "Some licence", "",
    ]  # fmt: skip
    plain = next(each for each in bom["components"] if each["name"] == "pla-in")
    assert plain["purl"] == "pkg:pypi/pla-in@1.0%2Bcpu"
    assert plain["hashes"] == [{"alg": "SHA-256", "content": "a" * 64}]
    assert "secret" not in json.dumps(bom)


def test_pyavs_ffmpeg_is_named_as_under_the_gpl(writer: ModuleType) -> None:
    """It calls itself LGPL, and is linked to x264 and x265."""
    described = writer.describe_python(distribution("av"), {})
    whole = described["components"][0]
    declared, concluded = (each["license"] for each in whole["licenses"])
    assert whole["name"] == "FFmpeg" and re.fullmatch(r"\d+(\.\d+)+", whole["version"])
    assert declared["acknowledgement"] == "declared" and declared["id"].startswith("LGPL-")
    assert concluded["acknowledgement"] == "concluded" and concluded["id"].startswith("GPL-")
    named = {Path(each["name"]).name.split("-")[0]: each for each in described["components"][1:]}
    for name in ("libx264", "libx265"):
        assert named[name]["licenses"] == [{"expression": "GPL-2.0-or-later"}]
        assert len(named[name]["hashes"][0]["content"]) == 64
    check_document(writer.make_bom(IMAGE, [described], [], "12"))


def test_debians_packages_are_those_that_are_installed(writer: ModuleType, tmp_path: Path) -> None:
    status = (
        "Package: libx\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1:2.0+b1~deb12\n"
        "Description: x\n more\n"
        "\nPackage: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n"
        "\nPackage: free\nStatus: install ok installed\nArchitecture: all\nVersion: 3\n"
    )
    for name, text in {
        "libx": "Format: https://x/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n\nLicense: Expat,\n text\n",
        "free": "This was packaged by hand.\nLicense: yes\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "copyright").write_text(text)
    described = [writer.describe_debian(each, tmp_path, "12") for each in writer.read_status(status)]
    bom = writer.make_bom(IMAGE, [], described, "12")
    check_document(bom)
    assert sbom.list_parts(bom)[1:] == [
        ("Debian", "free", "3", f"see {tmp_path}/free/copyright"),
        ("Debian", "libx", "1:2.0+b1~deb12", "Expat, GPL-2+"),
    ]
    assert described[0]["purl"] == "pkg:deb/debian/libx@1%3A2.0%2Bb1~deb12?arch=amd64&distro=debian-12"


def test_the_same_contents_give_the_same_document(writer: ModuleType) -> None:
    parts = [{"type": "library", "bom-ref": name, "name": name} for name in "ab"]
    one = writer.make_bom(IMAGE, parts, [], "12")
    assert one == writer.make_bom(IMAGE, parts[::-1], [], "12")
    assert one["serialNumber"] != writer.make_bom(IMAGE, parts[:1], [], "12")["serialNumber"]


def test_the_folder_and_the_file_are_known_to_all(writer: ModuleType) -> None:
    assert writer.OPENVINO_FOLDER == OPENVINO_FOLDER
    assert f"org.dlcctr.sbom={SBOM_FILE}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert f"$tree{SBOM_FILE}" in (ROOT / "docker" / "app.sh").read_text(encoding="utf-8")
    assert SBOM_FILE in (ROOT / "Singularity.def").read_text(encoding="utf-8")


# --- out of an image -----------------------------------------------------------------------------------------------

BOM = '{"bomFormat": "CycloneDX", "components": [{"name": "torch", "version": "2\\u001b[2J"}]}'


def write_tar(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def write_image(path: Path, *layers: dict[str, bytes]) -> Path:
    names = [f"{number}/layer.tar" for number in range(len(layers))]
    config = {"os": "linux", "architecture": "amd64", "config": {}}
    manifest = [{"Config": "c0ffee.json", "RepoTags": ["dlcctr:1"], "Layers": names}]
    files = {"c0ffee.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    path.write_bytes(write_tar(files | dict(zip(names, map(write_tar, layers), strict=True))))
    return path


@pytest.mark.parametrize("prefix", ["", "./"])
def test_it_is_read_from_the_newest_layer_of_an_archive(prefix: str, tmp_path: Path) -> None:
    name = prefix + SBOM_FILE[1:]
    old, new = {name: b'{"bomFormat": "CycloneDX"}'}, {name: BOM.encode(), "etc/x": b""}
    assert sbom.read_sbom(str(write_image(tmp_path / "a.tar", old, new, {"etc/y": b""}))) == BOM


@pytest.mark.parametrize("content", [{}, {SBOM_FILE[1:]: b"[]"}, {SBOM_FILE[1:]: b'{"bomFormat": "other"}'}])
def test_an_image_without_one_says_so(content: dict[str, bytes], tmp_path: Path) -> None:
    archive = write_image(tmp_path / "a.tar", content)
    with pytest.raises(UsageError, match=f"contains no bill of materials .{SBOM_FILE}"):
        sbom.read_sbom(str(archive))


def test_a_layer_that_is_no_archive_is_named(tmp_path: Path) -> None:
    archive = write_image(tmp_path / "a.tar", {"etc/x": b""})
    with tarfile.open(archive) as tar:
        start = next(each.offset_data for each in tar if each.name.endswith("layer.tar"))
    with archive.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"x" * 512)
    with pytest.raises(UsageError, match="not a complete image archive"):
        sbom.read_sbom(str(archive))


def test_it_is_read_from_a_sif_without_the_users_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sif = tmp_path / "a.sif"
    sif.write_bytes(b"\0" * 32 + b"SIF_MAGIC")
    seen: list[list[str]] = []

    def answer(argv: Sequence[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.append(list(argv))
        return subprocess.CompletedProcess(list(argv), 0, stdout=BOM, stderr="")

    monkeypatch.setattr(sbom, "find_tool", lambda *names: "/usr/bin/apptainer")
    monkeypatch.setattr(sbom, "run", answer)
    assert sbom.read_sbom(str(sif)) == BOM
    assert seen[0][:2] == ["/usr/bin/apptainer", "exec"] and "--no-home" in seen[0]


def test_the_command_prints_a_table_or_writes_the_file(tmp_path: Path) -> None:
    from dlcctr.cli import make_app

    archive = write_image(tmp_path / "a.tar", {SBOM_FILE[1:]: BOM.encode()})
    shown = CliRunner().invoke(make_app(), ["image", "sbom", str(archive)])
    assert "torch" in shown.stdout and "\x1b" not in shown.stdout
    written = CliRunner().invoke(make_app(), ["image", "sbom", str(archive), "-o", str(tmp_path / "out.json")])
    assert written.stdout == f"wrote {tmp_path}/out.json: 1 part\n"
    assert (tmp_path / "out.json").read_text() == BOM


def test_libraries_are_loaded_after_those_that_they_need(
    writer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {"liba.so.1": "libz.so", "libm-0123abcd.so.2": "liba.so.1", "libz.so": ""}
    for name in needs:
        (tmp_path / name).touch()
    loaded: list[str] = []

    def load(path: str) -> str:
        name = Path(path).name
        if needs[name] and needs[name] not in loaded:
            raise OSError(f"{needs[name]}: cannot open shared object file: No such file or directory")
        loaded.append(name)
        return name

    monkeypatch.setattr(writer.ctypes, "CDLL", load)
    assert writer.load_folder(tmp_path) == {tmp_path / name: name for name in needs}
    assert loaded == ["libz.so", "liba.so.1", "libm-0123abcd.so.2"]
    needs["libz.so"] = "libc-gone.so"
    loaded.clear()
    with pytest.raises(OSError, match=r"libc-gone\.so|libz\.so"):
        writer.load_folder(tmp_path)
    assert not loaded
