from __future__ import annotations

import hashlib
import io
import itertools
import json
import tarfile
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dlcctr.errors import ContractError, DlcctrError, ModelError
from dlcctr.model import files
from dlcctr.model.bundles import bundle as form
from dlcctr.model.bundles.bundle import (
    END,
    LISTING,
    Entry,
    Listing,
    listing_text,
    parse_listing,
    read_bundle,
    write_tar,
)
from dlcctr.model.bundles.pack import pack_model
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.model.files import BundleFile
from dlcctr.model.inference_project import make_inference_project
from dlcctr.model.inspection import inspect_model
from tests.unit.support.projects import pytorch_project, top_down_project, train_folder, write_json

DIGEST = "ab" * 32
MODEL = {"shuffle": 1, "trainset_index": 0}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    pack_model(pytorch_project(tmp_path / "p"), tmp_path / "m.dlcmodel")
    return tmp_path / "m.dlcmodel"


def listing(*paths: str) -> Listing:
    return Listing("p", MODEL, tuple(Entry(path, 3, DIGEST) for path in paths))


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "../x", "a/../../x", "a/./b", ".", "..", "", "a//b", "a/", "C:\\x", "C:/x", "a\\..\\b", "a\nb",
     "a\x00", "a\ud800", ".dlcctr-x/a"],
)  # fmt: skip
def test_a_path_that_could_leave_the_bundle_is_refused(path: str) -> None:
    with pytest.raises(ModelError, match=r"not a plain relative one|cannot be a bundle's file"):
        parse_listing(listing_text(listing(path)), Path("x"))


@pytest.mark.parametrize("paths", [("b", "a"), ("a", "a"), ("a", "a/b"), (LISTING,)])
def test_paths_that_would_hide_each_other_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="not sorted, or not unique"):
        parse_listing(listing_text(listing(*paths)), Path("x"))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "receipt"},
        {"files": [{"path": "a", "bytes": -1, "sha256": DIGEST}]},
        {"files": [{"path": "a", "bytes": True, "sha256": DIGEST}]},
        {"files": [{"path": "a", "bytes": 1, "sha256": "AB"}]},
        {"files": [{"path": 1, "bytes": 1, "sha256": DIGEST}]},
        {"files": None},
        {"model": {}},
        {"model": {"shuffle": 1, "trainset_index": 0, "more": 1}},
        {"source": "other"},
    ],
)
def test_a_listing_that_was_changed_is_refused(change: dict[str, Any]) -> None:
    table = json.loads(listing_text(listing("a"))) | change
    with pytest.raises(ModelError, match=r"x\.json: not a bundle's listing"):
        parse_listing(json.dumps(table, indent=1) + "\n", Path("x.json"))


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "[" * 100_000])
def test_what_is_no_listing_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="not a bundle's listing"):
        parse_listing(text, Path("x"))


@pytest.mark.parametrize("change", [{"format": 2}, {"contract": 99}])
def test_a_listing_of_another_version_says_so(change: dict[str, Any]) -> None:
    with pytest.raises(ContractError, match="this program reads"):
        parse_listing(json.dumps(json.loads(listing_text(listing("a"))) | change), Path("x"))


def test_tar_reads_a_bundle_too(packed: Path) -> None:
    with tarfile.open(packed) as archive:
        names = archive.getnames()
        assert names[0] == LISTING and names[1:] == sorted(names[1:])
        assert {(m.mtime, m.uid, m.gid, m.mode, m.uname, m.type) for m in archive} == {
            (0, 0, 0, 0o644, "", tarfile.REGTYPE)
        }
        member = archive.extractfile("config.yaml")
        assert member is not None
        assert member.read().decode() == BundleFile(packed).text(PurePosixPath("config.yaml"))


def hostile(packed: Path, change: str) -> bytes:
    """The bundle made again by an ordinary tar program, with one member as an attacker would have it."""
    out = io.BytesIO()
    with tarfile.open(packed) as old, tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for member in old.getmembers():
            data = old.extractfile(member)
            assert data is not None
            if member.name == "config.yaml":
                if change == "extra":
                    new.addfile(tarfile.TarInfo("also"))
                elif change == "twice":
                    new.addfile(member, io.BytesIO(data.read()))
                    data.seek(0)
                elif change == "pax":
                    member.pax_headers = {"path": "../config.yaml"}
                    new.format = tarfile.PAX_FORMAT
                elif change in ("link", "hard link", "device", "folder"):
                    kinds = {"link": tarfile.SYMTYPE, "hard link": tarfile.LNKTYPE, "device": tarfile.CHRTYPE}
                    member.type, member.linkname = kinds.get(change, tarfile.DIRTYPE), "/etc/passwd"
                    member.size = 0
                elif change in ("/config.yaml", "../config.yaml"):
                    member.name = change
                elif change == "long name":
                    member.name = "x" * 200 + "/config.yaml"
                    new.format = tarfile.GNU_FORMAT
                elif change == "sparse":
                    member.type = tarfile.GNUTYPE_SPARSE
                elif change == "owner":
                    member.uid = 1000
                elif change == "setuid":
                    member.mode = 0o4755
                else:
                    member.mtime = 1
            new.addfile(member, data)
    return out.getvalue()[: -(-out.tell() // 512) * 512]


@pytest.mark.parametrize(
    "change",
    ["extra", "twice", "pax", "long name", "sparse", "link", "hard link", "device", "folder", "/config.yaml",
     "../config.yaml", "owner", "setuid", "date"],
)  # fmt: skip
def test_a_hostile_tar_is_refused_at_its_headers(packed: Path, change: str) -> None:
    packed.write_bytes(hostile(packed, change))
    for read in (read_bundle, inspect_model, verify_bundle):
        with pytest.raises(ModelError, match=r"\.yaml does not begin where it should"):
            read(packed)


@pytest.mark.parametrize("data", [b"", b"\0" * 2048, b"PK\3\4" + b"x" * 600, b"x" * 511])
def test_another_file_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(ModelError, match="is not a model bundle") as caught:
        inspect_model(tmp_path / "x")
    assert ".dlcmodel" in caught.value.hint


def test_a_compressed_bundle_is_none(packed: Path) -> None:
    import gzip

    packed.write_bytes(gzip.compress(packed.read_bytes()))
    with pytest.raises(ModelError, match="is not a model bundle"):
        read_bundle(packed)


def test_a_listing_of_unlikely_size_is_not_read(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read_bundle(packed)
    monkeypatch.setattr(form, "MAX_LISTING_BYTES", 100)
    with pytest.raises(ModelError, match="is not a model bundle"):
        read_bundle(packed)


@pytest.mark.parametrize("more", [b"\0", b"x" * 512, END])
def test_nothing_comes_after_the_end(packed: Path, more: bytes) -> None:
    packed.write_bytes(packed.read_bytes() + more)
    with pytest.raises(ModelError, match="continues after"):
        read_bundle(packed)


def is_refused(file: Path) -> bool:
    try:
        return bool(verify_bundle(file).problems)
    except DlcctrError:
        return True


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_changed_byte_and_no_cut_goes_unseen(packed: Path, data: st.DataObject) -> None:
    whole = packed.read_bytes()
    other = packed.with_name("other.dlcmodel")
    place = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.integers(1, 255))
    other.write_bytes(whole[:place] + bytes([whole[place] ^ byte]) + whole[place + 1 :])
    assert is_refused(other)
    other.write_bytes(whole[:place])
    assert is_refused(other)
    other.write_bytes(whole)
    assert not is_refused(other)


def test_changed_weights_are_named_and_never_handed_out(packed: Path, tmp_path: Path) -> None:
    data = packed.read_bytes()
    place = data.rindex(b"snapshot-200", 0, len(data))
    packed.write_bytes(data[:place] + b"snapshot-201" + data[place + 12 :])
    (problem,) = verify_bundle(packed).problems
    assert problem.endswith("train/snapshot-200.pt is not what was packed (its hash differs)")
    with pytest.raises(ModelError, match="its hash differs"):
        inspect_model(packed)


def test_a_listing_that_lies_about_its_model_is_found_out(packed: Path) -> None:
    tree = BundleFile(packed)
    names = [PurePosixPath(entry.path) for entry in tree.listing.files]
    contents = [tree.text(name).encode() for name in names]
    lie = replace(tree.listing, model={**tree.listing.model, "hash": "00" * 32})
    with packed.open("wb") as stream:
        write_tar(stream, lie, [[each] for each in contents])
    (problem,) = verify_bundle(packed).problems
    assert problem.startswith("the listing says another hash than the files")


def repack(packed: Path, config: str) -> None:
    """Give a bundle another config.yaml, with right hashes."""
    tree = BundleFile(packed)
    texts = {entry.path: tree.text(PurePosixPath(entry.path)).encode() for entry in tree.listing.files}
    texts["config.yaml"] = config.encode()
    entries = [Entry(path, len(text), hashlib.sha256(text).hexdigest()) for path, text in texts.items()]
    with packed.open("wb") as stream:
        write_tar(stream, replace(tree.listing, files=tuple(entries)), [[text] for text in texts.values()])


def test_hostile_yaml_is_neither_run_nor_blown_up(packed: Path) -> None:
    before = inspect_model(packed)
    text = BundleFile(packed).text(PurePosixPath("config.yaml"))
    repack(packed, text)
    assert inspect_model(packed) == before
    laughs = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in itertools.pairwise("abcdefghijklmn"))
    for more, cause in (
        (laughs, "YAML aliases"),
        ("x: !!python/object/apply:os.system [exit]\n", "could not determine a constructor"),
        ("x: " + "[" * 5000 + "\n", "nested too deeply|depth|expected|did not find"),
    ):
        repack(packed, text + more)
        with pytest.raises(ModelError, match=cause):
            inspect_model(packed)


def test_a_configuration_of_unlikely_size_is_not_read(packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inspect_model(packed)
    monkeypatch.setattr(files, "MAX_TEXT", 100)
    with pytest.raises(ModelError, match="too long for a configuration"):
        inspect_model(packed)


def test_names_that_no_plain_header_holds(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="do not fit into a tar") as caught:
        form.header("x" * 101, 1)
    assert "--folder" in caught.value.hint
    with pytest.raises(ModelError, match="do not fit into a tar"):
        form.header("x", 1 << 33)


@pytest.mark.parametrize("path", ["a", "x" * 100, "ü" * 40 + "/" + "x" * 90, "/".join(["eight888"] * 20), "a        b"])
@pytest.mark.parametrize("size", [0, 511, (1 << 33) - 1])
def test_headers_are_plain_files_without_owner_and_date(path: str, size: int) -> None:
    header = form.header(path, size)
    info = tarfile.TarInfo.frombuf(header, "utf-8", "strict")
    assert (info.name, info.size, info.mode, info.type, info.chksum) == (
        path, size, 0o644, tarfile.REGTYPE, int(header[148:154], 8)
    )  # fmt: skip
    assert (info.uid, info.gid, info.mtime, info.uname, info.gname, info.linkname) == (0, 0, 0, "", "", "")
    assert header[257:265] == b"ustar\00000"


def test_a_header_is_the_same_in_every_python() -> None:
    digest = hashlib.sha256(form.header("ü" * 40 + "/" + "x" * 90, 511)).hexdigest()
    assert digest == "10606797ae57fd7f82b44d2fb994f0669b46384f0b322293165722ec7a96fbe3"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pack_model(top_down_project(tmp_path / "p"), tmp_path / "folder", as_folder=True)
    return tmp_path / "folder"


def test_a_changed_byte_of_a_folder_is_found_by_whoever_uses_it(folder: Path) -> None:
    whole = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != LISTING}
    assert len(whole) == 7
    for path, data in whole.items():
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(ModelError, match=rf"{path.name}: is not what was packed"):
            inspect_model(folder)
        path.write_bytes(data)
    assert inspect_model(folder).hash


def test_a_file_that_a_folder_lacks_is_named(folder: Path) -> None:
    (file,) = folder.rglob("inference_cfg.yaml")
    file.unlink()
    with pytest.raises(ModelError, match=r"inference_cfg\.yaml: no such file"):
        inspect_model(folder)


def test_what_a_folder_holds_beside_its_listing_is_not_there(tmp_path: Path) -> None:
    pack_model(pytorch_project(tmp_path / "p"), tmp_path / "m", as_folder=True)
    before = inspect_model(tmp_path / "m")
    write_json(train_folder(tmp_path / "m").parent / "test" / "inference_cfg.yaml", {"pcutoff": 0.9})
    (train_folder(tmp_path / "m") / "snapshot-best-900.pt").write_bytes(b"other")
    (tmp_path / "m" / "labeled-data").mkdir()
    assert inspect_model(tmp_path / "m") == before


def test_weights_that_change_after_a_look_are_not_handed_out(folder: Path, tmp_path: Path) -> None:
    info = inspect_model(folder)
    info.snapshot_files[0].write_bytes(b"other")
    with pytest.raises(ModelError, match="is not what was packed"):
        make_inference_project(info, tmp_path / "i")


def test_a_listing_of_unlikely_length_is_not_read_whole(folder: Path) -> None:
    with (folder / LISTING).open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(ModelError, match=r"bundle\.json: too long for a bundle's listing"):
        inspect_model(folder)
