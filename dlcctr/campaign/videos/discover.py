"""From folders, globs and files to the list of a campaign's videos."""

from __future__ import annotations

import glob
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dlcctr.contract import RECEIPT_FILENAME, VIDEO_EXTENSIONS
from dlcctr.errors import UsageError, VideoError
from dlcctr.system.files import absolute
from dlcctr.system.values.names import check_below

FileId = tuple[int, int]

_MADE_BY_DEEPLABCUT = re.compile(r"(DLC_|DeepCut|DLC\d|superanimal).*_(labeled|full)$", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class FoundVideo:
    """One video: its path, its name in the manifest, and why it cannot be used (empty where it can)."""

    path: Path
    video: str
    error: str = ""


@dataclass(frozen=True)
class SkippedFile:
    """A file that looks like a video and gets no row."""

    path: Path
    reason: str


@dataclass
class Discovery:
    """What was found below `root`, in the order of the manifest."""

    root: Path
    videos: list[FoundVideo] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)


@dataclass(frozen=True)
class _Candidate:
    path: Path
    linked: bool  # reached through a symbolic link


def discover(
    inputs: Sequence[str],
    *,
    root: Path | None = None,
    own: Iterable[Path] = (),
    known: Mapping[FileId, str] | None = None,
) -> Discovery:
    """Find videos.

    Folders are walked with all folders below them; symbolic links are followed, none of them twice. Left out are
    hidden files, labelled videos as DeepLabCut writes them, folders with a receipt, and everything in `own` (but no
    folder that an input lies in). A file that is named itself is taken whatever its ending. One file under several
    names gets one row.

    Parameters
    ----------
    inputs : sequence of str
        Files, folders and glob patterns (with ``**``); what exists under the literal name is never a pattern.
    root : Path, optional
        Folder that the manifest's names are relative to; the closest folder that holds all inputs by default.
    own : iterable of Path
        Files and folders of the campaign itself: results, manifest, campaign.toml.
    known : mapping, optional
        Files that have a row already, as ``(device, inode)`` to the row's name.

    Returns
    -------
    Discovery
        Videos sorted naturally (``video2`` before ``video10``) by their path below the root, folder by folder.

    Raises
    ------
    VideoError
        An input does not exist, a pattern matches nothing, or a name is one of dlcctr's own.
    UsageError
        An input is not below `root`.
    """
    bases = [_base(text) for text in inputs]
    search = _Search([path for path in map(absolute, own) if not any(base.is_relative_to(path) for base in bases)])
    for text in inputs:
        search.add(text)
    search.follow_links()
    found = Discovery(absolute(root) if root else Path(os.path.commonpath(bases)), skipped=search.skipped)
    for candidate in _once(search.candidates, dict(known or {}), found.skipped):
        found.videos.append(_found(candidate.path, found.root))
    found.videos.sort(key=lambda video: natural_key(video.video))
    return found


def natural_key(name: str) -> list[tuple[tuple[int, int, str], ...]]:
    """Sort key: folder by folder, numbers by value, everything else by code point of the composed form."""
    return [tuple(_chunks(part)) for part in [*unicodedata.normalize("NFC", name).split("/"), name]]


def _chunks(part: str) -> Iterator[tuple[int, int, str]]:
    for chunk in re.findall(r"[0-9]+|[^0-9]+", part):
        yield (0, int(chunk), chunk) if chunk[0] in "0123456789" else (1, 0, chunk)


def is_labelled(name: str) -> bool:
    """Whether DeepLabCut made this video: ``…DLC_…_labeled.mp4``, ``…_p60_labeled.mp4``, ``…DLC_…_full.mp4``."""
    return bool(_MADE_BY_DEEPLABCUT.search(Path(name).stem))


def file_id(path: Path) -> FileId | None:
    """Device and inode of a file, links followed; None where there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


class _Search:
    """A walk through all inputs; links to folders come last, so that a file keeps its own name rather than a link's."""

    def __init__(self, own: Sequence[Path]) -> None:
        self.own_paths = set(own)
        self.own_ids = {file_id(path) for path in own} - {None}
        self.candidates: dict[Path, _Candidate] = {}
        self.skipped: list[SkippedFile] = []
        self._seen: set[FileId] = set()
        self._links: list[Path] = []

    def add(self, text: str) -> None:
        path = absolute(text)
        if _is_folder(path):
            self._walk(path, linked=False)
        elif os.path.lexists(path):
            self._take(path, linked=path.is_symlink())
        elif glob.has_magic(text):
            self._glob(text)
        else:
            raise VideoError(f"{text}: no such file or folder", "check the path; names are case-sensitive")

    def follow_links(self) -> None:
        while self._links:
            self._walk(self._links.pop(0), linked=True)

    def _glob(self, pattern: str) -> None:
        matches = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - takes absolute patterns as well
        if not matches:
            raise VideoError(f"{pattern}: matches nothing", "check the pattern; ** stands for any number of folders")
        ending = Path(pattern).suffix.lower()
        for path in map(absolute, matches):
            if _is_folder(path):
                self._walk(path, linked=False)
            elif path.suffix.lower() in (*VIDEO_EXTENSIONS, ending):
                self._take(path, linked=path.is_symlink())

    def _walk(self, folder: Path, *, linked: bool) -> None:
        identity = file_id(folder)
        if identity is None or identity in self._seen or self._is_own(folder):
            return
        self._seen.add(identity)
        try:
            with os.scandir(folder) as entries:
                names = sorted(entries, key=lambda entry: natural_key(entry.name))
        except OSError as error:
            self.skipped.append(SkippedFile(folder, f"this folder cannot be read: {error.strerror}"))
            return
        if any(entry.name == RECEIPT_FILENAME for entry in names):
            self.skipped.append(SkippedFile(folder, "a results folder"))
            return
        for entry in names:
            if not entry.name.startswith("."):
                self._visit(folder / entry.name, entry, linked=linked)

    def _visit(self, path: Path, entry: os.DirEntry[str], *, linked: bool) -> None:
        if entry.is_dir(follow_symlinks=False):
            self._walk(path, linked=linked)
        elif _is_folder(path):
            self._links.append(path)
        elif path.suffix.lower() in VIDEO_EXTENSIONS:
            self._take(path, linked=linked or entry.is_symlink())

    def _take(self, path: Path, *, linked: bool) -> None:
        if is_labelled(path.name):
            self.skipped.append(SkippedFile(path, "a labelled video made by DeepLabCut"))
        elif self._is_own(path):
            self.skipped.append(SkippedFile(path, "belongs to this campaign's own files"))
        elif os.path.lexists(path.parent / RECEIPT_FILENAME):
            self.skipped.append(SkippedFile(path, "is in a results folder"))
        else:
            self.candidates.setdefault(path, _Candidate(path, linked))

    def _is_own(self, path: Path) -> bool:
        return path in self.own_paths or (bool(self.own_ids) and file_id(path) in self.own_ids)


def _once(
    candidates: Mapping[Path, _Candidate], known: dict[FileId, str], skipped: list[SkippedFile]
) -> Iterator[_Candidate]:
    order = sorted(candidates.values(), key=lambda candidate: (candidate.linked, natural_key(str(candidate.path))))
    for candidate in order:
        identity = file_id(candidate.path)
        if identity in known:
            if known[identity] != str(candidate.path):
                skipped.append(SkippedFile(candidate.path, f"the same file as {known[identity]}"))
            continue
        if identity:
            known[identity] = str(candidate.path)
        yield candidate


def _is_folder(path: Path) -> bool:
    """Whether it is a folder, or a link to one; a link in a circle, or to a place that is closed to us, is none."""
    return os.path.isdir(path)  # noqa: PTH112 - Path.is_dir() and the entry's own raise there


def _base(text: str) -> Path:
    """Folder that an input stands for: itself, a file's own, or the part of a pattern before its first wildcard."""
    path = absolute(text)
    if _is_folder(path):
        return path
    while not os.path.lexists(path) and glob.has_magic(str(path)):
        path = path.parent
    return path if _is_folder(path) else path.parent


def _found(path: Path, root: Path) -> FoundVideo:
    relative = _below(path, root)
    try:
        relative.encode("utf-8")
    except UnicodeEncodeError:
        # no CSV, JSON or container engine carries such a name safely
        shown = os.fsencode(relative).decode("utf-8", "backslashreplace")
        return FoundVideo(path, shown, "the file's name is not valid UTF-8 (shown with \\x…): rename it")
    try:
        return FoundVideo(path, check_below(relative, "a video below the video root"))
    except ValueError as error:
        raise VideoError(str(error), "give it another name, or another --root") from error


def _below(path: Path, root: Path) -> str:
    for parent, child in ((root, path), (Path(os.path.realpath(root)), Path(os.path.realpath(path)))):
        if child.is_relative_to(parent):
            return child.relative_to(parent).as_posix()
    raise UsageError(f"{path} is not below the video root {root}", "give --root a folder that holds all videos")
