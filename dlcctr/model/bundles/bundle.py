"""The form of a model bundle: `bundle.json` with every file's size and hash, then these files, as a plain tar.

The tar is not compressed: float weights hardly shrink, and so any file is read at its place without unpacking the rest.
Each header must be byte for byte the one that this module would write, which leaves no room for links, devices,
owners, dates or extensions of the format. `tar -xf` reads it too.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from dlcctr import __version__
from dlcctr.contract import READABLE_CONTRACTS
from dlcctr.errors import ContractError, ModelError
from dlcctr.system.files import CHUNK_BYTES, read_bounded
from dlcctr.system.values.names import check_below
from dlcctr.system.values.records import parse_object

BUNDLE_SUFFIX = ".dlcmodel"
LISTING = "bundle.json"
FORMAT_VERSION = 1
BUNDLE_CONTRACT = 1
"""Contract version since which bundles have this form; images of that version read them, too."""
BLOCK = tarfile.BLOCKSIZE
END = bytes(2 * BLOCK)
MAX_LISTING_BYTES = 1 << 20
AGAIN = "pack the model again (dlcctr model pack PROJECT -o MODEL), or copy the bundle again"
_PORTABLE = re.compile(r"[^\\:\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Listing:
    """Content of bundle.json.

    Parameters
    ----------
    source : str
        Name of the project's folder, without where it lay.
    model : dict
        What `dlcctr.model.inspection.inspect_model` found in the project: id, hash, engine, shuffle, body parts, …
    """

    source: str
    model: dict[str, Any]
    files: tuple[Entry, ...]
    made_by: str = __version__
    contract: int = BUNDLE_CONTRACT

    @property
    def choice(self) -> tuple[int, int]:
        """Shuffle and index of the training set that the bundle holds."""
        return int(self.model["shuffle"]), int(self.model["trainset_index"])

    def find(self, path: str) -> Entry | None:
        """Entry of a file; None if there is no such entry."""
        return next((entry for entry in self.files if entry.path == path), None)

    def names(self, folder: PurePosixPath) -> list[str]:
        """Names in a folder, sorted, without hidden ones."""
        depth = len(folder.parts)
        paths = (PurePosixPath(entry.path).parts for entry in self.files)
        inside = {parts[depth] for parts in paths if len(parts) > depth and parts[:depth] == folder.parts}
        return sorted(name for name in inside if not name.startswith("."))


@dataclass(frozen=True)
class Bundle:
    """A bundle that is one file, its headers checked.

    Parameters
    ----------
    offsets : dict
        Byte offset of each file's content in the bundle.
    """

    file: Path
    listing: Listing
    offsets: dict[str, int] = field(default_factory=dict)

    def entry(self, path: str) -> Entry:
        """Entry of a file in the listing; `ModelError` if it is not in the bundle."""
        entry = self.listing.find(path)
        if entry is None:
            raise ModelError(f"{self.file}: does not contain {path}", AGAIN)
        return entry

    def chunks(self, path: str) -> Iterator[bytes]:
        """Bytes of a file; raises `ModelError` after the last one if they are not what was packed."""
        entry = self.entry(path)
        digest, left = hashlib.sha256(), entry.bytes
        try:
            with self.file.open("rb") as stream:
                stream.seek(self.offsets[path])
                while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
                    digest.update(chunk)
                    left -= len(chunk)
                    yield chunk
        except OSError as error:
            raise unreadable(self.file, error) from error
        if left or digest.hexdigest() != entry.sha256:
            raise ModelError(f"{self.file}: {path} is not what was packed (its hash differs)", AGAIN)


def unreadable(file: Path, error: OSError) -> ModelError:
    """Error for a file that the system does not let us read."""
    return ModelError(f"{file}: cannot be read ({error.strerror})", "check the file's owner and permissions")


def listing_fields(listing: Listing) -> dict[str, Any]:
    """Source, model and files, as JSON has them."""
    return {
        "source": listing.source,
        "model": listing.model,
        "files": [asdict(entry) for entry in listing.files],
    }


def listing_text(listing: Listing) -> str:
    """Text of bundle.json, which ends with a hash of all before it."""
    table: dict[str, Any] = {
        "kind": "model-bundle",
        "format": FORMAT_VERSION,
        "dlcctr": listing.made_by,
        "contract": listing.contract,
        **listing_fields(listing),
    }
    table["listing_sha256"] = hashlib.sha256(json.dumps(table).encode()).hexdigest()
    return json.dumps(table, indent=1, ensure_ascii=False) + "\n"


def read_listing(file: Path) -> Listing:
    """Read the bundle.json of a bundle that is a folder; raises as `parse_listing`, and `ModelError` for a long one."""
    try:
        data = read_bounded(file, MAX_LISTING_BYTES)
    except OSError as error:
        raise unreadable(file, error) from error
    if data is None:
        raise ModelError(f"{file}: too long for a bundle's listing (more than {MAX_LISTING_BYTES:,} bytes)", AGAIN)
    return parse_listing(data.decode("utf-8", "replace"), file)


def parse_listing(text: str, file: Path) -> Listing:
    """Read bundle.json, which came from `file`.

    Raises
    ------
    ModelError
        It is not such a listing, or names a file that could be outside the bundle.
    ContractError
        A later dlcctr made it.
    """
    try:
        table: dict[str, Any] = parse_object(text)
        if table["kind"] != "model-bundle":
            raise ValueError(f"its kind is {table['kind']!r}")
        if table["format"] != FORMAT_VERSION or table["contract"] not in READABLE_CONTRACTS:
            raise ContractError(
                f"{file}: a bundle of format {table['format']} and contract {table['contract']}; this program reads "
                f"{FORMAT_VERSION} and {' or '.join(map(str, READABLE_CONTRACTS))}",
                "use the dlcctr that packed it, or pack the model again",
            )
        files = tuple(_entry(each) for each in table["files"])
        _check_paths([entry.path for entry in files])
        listing = Listing(str(table["source"]), dict(table["model"]), files, str(table["dlcctr"]), table["contract"])
        if listing.choice < (0, 0) or listing_text(listing) != text:
            raise ValueError("it was changed")
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{file}: not a bundle's listing ({type(error).__name__}: {error})", AGAIN) from error
    return listing


def _entry(table: Any) -> Entry:
    path, size, digest = table["path"], table["bytes"], table["sha256"]
    if not isinstance(path, str) or type(size) is not int or size < 0 or not re.fullmatch("[0-9a-f]{64}", str(digest)):
        raise ValueError(f"entry {path!r}")
    return Entry(path, size, digest)


def _check_paths(paths: list[str]) -> None:
    for path in paths:
        if check_below(path, "a bundle's file") != path or not _PORTABLE.fullmatch(path):
            raise ValueError(f"path {path!r} is not a plain relative one")
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    if paths != sorted(set(paths)) or folders & set(paths) or LISTING in paths:
        raise ValueError("its paths are not sorted, or not unique")


def header(path: str, size: int) -> bytes:
    """Tar header (ustar, of POSIX.1-1988) of an ordinary file without owner and date; the same in every Python.

    Raises
    ------
    ModelError
        The path or the size does not fit into a plain header.
    """
    info = tarfile.TarInfo(path)
    info.size = size
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError as error:
        raise ModelError(
            f"{path}: its name or its {size:,} bytes do not fit into a tar", "pack with --folder"
        ) from error


def write_tar(stream: BinaryIO, listing: Listing, contents: Iterable[Iterable[bytes]]) -> None:
    """Write a bundle.

    Parameters
    ----------
    contents : iterable
        Chunks of each file's bytes, in the listing's order.
    """
    text = listing_text(listing).encode("utf-8")
    _write_member(stream, LISTING, len(text), [text])
    for entry, chunks in zip(listing.files, contents, strict=True):
        _write_member(stream, entry.path, entry.bytes, chunks)
    stream.write(END)


def _write_member(stream: BinaryIO, path: str, size: int, chunks: Iterable[bytes]) -> None:
    stream.write(header(path, size))
    written = sum(stream.write(chunk) for chunk in chunks)
    if written != size:
        raise ModelError(f"{path}: changed while it was packed", "try again when nothing is writing to the project")
    stream.write(bytes(-size % BLOCK))


def is_bundle(path: Path) -> bool:
    """Whether a path is a bundle, file or folder, by how it begins; nothing is checked."""
    try:
        if path.is_dir():
            return (path / LISTING).is_file()
        with path.open("rb") as stream:
            return stream.read(len(LISTING) + 1) == LISTING.encode() + b"\0"
    except OSError:
        return False


def read_bundle(file: Path) -> Bundle:
    """Read a bundle's listing and compare every header with it; contents are checked when they are read.

    Raises
    ------
    ModelError
        It is not a bundle, is cut short, or contains something that is not in the listing.
    """
    try:
        with file.open("rb") as stream:
            return _read(stream, file)
    except OSError as error:
        raise unreadable(file, error) from error


def _read(stream: BinaryIO, file: Path) -> Bundle:
    listing = parse_listing(_listing_member(stream, file), file)
    offsets = {}
    for entry in listing.files:
        if stream.read(BLOCK) != _header_of(entry, file):
            raise ModelError(f"{file}: {entry.path} does not begin where it should", AGAIN)
        offsets[entry.path] = stream.tell()
        stream.seek(entry.bytes, 1)
        if stream.read(-entry.bytes % BLOCK).strip(b"\0"):
            raise ModelError(f"{file}: contains bytes after {entry.path} that belong to no file", AGAIN)
    if stream.read(len(END) + 1) != END:
        raise ModelError(f"{file}: is cut short, or continues after its last file", AGAIN)
    return Bundle(file, listing, offsets)


def _header_of(entry: Entry, file: Path) -> bytes:
    try:
        return header(entry.path, entry.bytes)
    except ModelError as error:
        raise ModelError(f"{file}: {error.message}", AGAIN) from error


def _listing_member(stream: BinaryIO, file: Path) -> str:
    start = stream.read(BLOCK)
    try:
        size = tarfile.TarInfo.frombuf(start, "utf-8", "strict").size
        if not 0 < size <= MAX_LISTING_BYTES or start != header(LISTING, size):
            raise ValueError("another header")
        text, rest = stream.read(size), stream.read(-size % BLOCK)
        if rest.strip(b"\0"):
            raise ValueError("bytes after the listing")
        return text.decode("utf-8")
    except (tarfile.HeaderError, ValueError) as error:
        hint = f"give a DeepLabCut project's folder, or a {BUNDLE_SUFFIX} file: dlcctr model pack PROJECT -o MODEL"
        raise ModelError(f"{file}: is not a model bundle", hint) from error
