"""Snapshots of a trained network: which exist, which one is meant, and its files."""

from __future__ import annotations

import pickletools
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dlcctr.errors import ModelError
from dlcctr.system.hash_cache import find_sha256
from dlcctr.system.values.numbers import parse_whole

SHOWN_CHARS = 60


def list_snapshots(names: Sequence[str], engine: str, *, detector: bool = False) -> list[str]:
    """Names of the snapshots among a train folder's files, in DeepLabCut's order: by epoch, the best one last.

    Hidden files are none: a Mac leaves ``._snapshot-60.index`` beside ``snapshot-60.index``.
    """
    if engine == "tensorflow":
        stems = [name[: -len(".index")] for name in names if re.fullmatch(r"[^-.][^-]*-\d+\.index", name)]
        return sorted(stems, key=lambda stem: int(stem.split("-")[1]))
    prefix = "snapshot-detector" if detector else "snapshot"
    matches = [m for m in (re.fullmatch(rf"({prefix}(-best)?-(\d+))\.pt", name) for name in names) if m]
    return [m[1] for m in sorted(matches, key=lambda m: (m[2] is not None, int(m[3])))]


def choose_snapshot(train: Path, names: list[str], wanted: str, configured: Any, *, what: str = "snapshot") -> str:
    """Name of the snapshot that a person or config.yaml means.

    Raises
    ------
    ModelError
        There is no such snapshot; the message lists the existing ones.
    """
    if not names:
        raise ModelError(f"{train}: contains no {what}", "copy the trained snapshot there, or train the network first")
    wanted = wanted.strip() or str(-1 if configured in (None, "", "all") else configured)
    stem = wanted.removesuffix(".pt").removesuffix(".index")
    named = [name for name in names if name in (stem, f"snapshot-{stem}")]
    if named:
        return named[0]
    if stem == "best":
        named = [name for name in names if "-best-" in name]
    elif (place := parse_whole(stem.removeprefix("-"))) is not None:
        place = -place if stem.startswith("-") else place
        named = names[place:][:1] if -len(names) <= place < len(names) else []
    if named:
        return named[-1]
    raise ModelError(
        f"{train}: no {what} {wanted[:SHOWN_CHARS]!r}; there are: {', '.join(names)}",
        "choose one with --snapshot, by its name or its index (0 is the first, -1 the last)",
    )


def weight_files(train: Path, names: Sequence[str], engine: str, stem: str) -> list[str]:
    """Names of the files that hold a snapshot's weights, among those of its train folder."""
    if engine == "pytorch":
        return [f"{stem}.pt"]
    shards = sorted(name for name in names if re.fullmatch(rf"{re.escape(stem)}\.data-\d+-of-\d+", name))
    if not shards:
        raise ModelError(
            f"{train}: {stem}.index exists, but {stem}.data-00000-of-00001 does not",
            "copy all three files of the snapshot (.index, .meta, .data-…)",
        )
    return [f"{stem}.index", *shards]


COPY_AGAIN = "copy the snapshot again from where it was trained"
LFS_POINTER = b"version https://git-lfs.github.com/"
ZIP, PAGE = b"PK\x03\x04", (b"<!doctype", b"<html")


def incomplete(file: Path) -> tuple[str, str]:
    """What shows, without loading it, that a weight file was not copied whole, and the remedy; empty if nothing does.

    PyTorch finds that out only when a row is analysed, and then advises to load the file without protection.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    with file.open("rb") as stream:
        head = stream.read(64)
    if not head:
        return "is empty (0 bytes)", COPY_AGAIN
    if head.startswith(LFS_POINTER):
        return "is a pointer of Git LFS, not the weights", "fetch them where the repository was cloned: git lfs pull"
    if head.lstrip().lower().startswith(PAGE):
        return "is a web page, not the weights", COPY_AGAIN
    if head.startswith(ZIP) and not zipfile.is_zipfile(file):
        return "is cut: it lacks its end", COPY_AGAIN
    return "", ""


def digest_weights(file: Path) -> str:
    """SHA-256 of a weight file; `ModelError` where it cannot be read or was not copied whole."""
    try:
        problem, remedy = incomplete(file)
        if problem:
            raise ModelError(f"{file}: {problem}", remedy)
        return find_sha256(file)
    except FileNotFoundError as error:
        target = f" to {file.readlink()}, which is not there" if file.is_symlink() else ""
        raise ModelError(f"{file}: {f'is a link{target}' if target else 'does not exist'}", COPY_AGAIN) from error
    except OSError as error:
        raise ModelError(
            f"{file}: cannot be read ({error.strerror})", "check the file's owner and permissions"
        ) from error


MAX_PICKLE_BYTES = 1 << 26
"""Most bytes of a snapshot's pickles, which hold names and shapes; the weights are stored beside them."""
SPARE_BYTES = 1 << 20
PLAIN = re.compile(
    r"torch \w+Storage|torch\.storage (?:Typed|Untyped)Storage|torch\._utils _rebuild_\w+|torch (?:Size|device|Tensor)"
    r"|torch (?:b?float|u?int|complex|bool)\d*|torch\.nn\.parameter Parameter|torch\.serialization _get_layout"
    r"|collections (?:OrderedDict|Counter)|_codecs encode"
)
"""Names that `torch.load(weights_only=True)` accepts as parts of tensors."""


def code_in(file: Path) -> list[str]:
    """Names that a snapshot would call beside those of plain tensors; loading it would run their code.

    Only the list of what the pickle asks for is read; nothing of it is carried out. Of a file that is no zip (of
    PyTorch before 1.6) nothing can be said here, and PyTorch itself refuses when it is loaded as weights only.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            members = [item for item in archive.infolist() if item.filename.endswith("data.pkl")]
            if sum(item.file_size for item in members) > MAX_PICKLE_BYTES:
                return ["a pickle of unlikely size"]
            return sorted({name for item in members for name in _calls(archive, item)})
    except zipfile.BadZipFile:
        return []
    except (OSError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"{file}: cannot be read ({error})", "copy the snapshot again") from error


def _calls(archive: zipfile.ZipFile, item: zipfile.ZipInfo) -> set[str]:
    found = set()
    try:
        for code, argument, _ in pickletools.genops(archive.read(item)):
            if code.name in ("GLOBAL", "INST") and not PLAIN.fullmatch(str(argument)):
                found.add(str(argument).replace(" ", "."))
            elif code.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
                found.add("names assembled while it is read")
    except ValueError:
        found.add("a pickle that ends in the middle")
    except (zipfile.BadZipFile, zlib.error, EOFError):
        found.add("a pickle that cannot be read")
    return found


def check_unpacked_size(file: Path) -> None:
    """Raise `ModelError` for a PyTorch snapshot that would take more memory than it has bytes.

    PyTorch packs nothing; a packed file of some megabytes can become gigabytes when it is loaded.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except (zipfile.BadZipFile, NotImplementedError):
        return  # of PyTorch before 1.6, or none: PyTorch says so
    except OSError as error:
        raise ModelError(f"{file}: cannot be read ({error})", "copy the snapshot again") from error
    held = file.stat().st_size
    if unpacked > held + SPARE_BYTES:
        raise ModelError(
            f"{file}: {held:,} bytes that become {unpacked:,} when unpacked, which no PyTorch snapshot does",
            "copy the snapshot again from where it was trained",
        )


def check_without_code(file: Path) -> None:
    """Raise `ModelError` for a snapshot that contains more than weights."""
    if calls := code_in(file):
        raise ModelError(
            f"{file}: holds more than weights; loading it would call {', '.join(calls[:5])}",
            "if you trust it, load it where it was trained with torch.load(…, weights_only=False), and save only its "
            "'model' (a state_dict) and 'metadata' with plain numbers again",
        )
