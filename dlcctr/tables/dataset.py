"""The folder of the long table: one Parquet file for each row of the manifest, in folders by video and model.

    campaign.parquet/video=day1%2Fmouse1.mp4/model=mouse-shuffle1-snapshot-200-1a2b3c4d/row-00012.parquet

Nothing else may lie in it: polars refuses a folder with any other file, hidden ones too. So what a file was made of
stands in its own footer, and what is being written lies beside the folder until one rename puts it into place.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from dlcctr.errors import DlcctrError, OutputError, UsageError
from dlcctr.results.h5.positions import COORDS
from dlcctr.system.disk import disk_errors
from dlcctr.system.files import current_umask, fsync_path
from dlcctr.system.state_files import StateFile
from dlcctr.tables.arrow import clean, import_arrow

FOOTER_KEY = b"dlcctr"
SUFFIX = ".parquet"
MAX_NAME_BYTES = 255
HASH_CHARS = 8
_FILE = re.compile(r"row-(\d{5,})\.parquet")
_FOLDERS = re.compile(r"video=[^/]+/model=[^/]+")
OTHER_FOLDER = "name another folder with -o"
ELSEWHERE = "-o names another place"


@dataclass(frozen=True)
class RowFile:
    """What stands in the footer of a row's file.

    Parameters
    ----------
    row : int
        Index of the manifest's row.
    video, model : str
        Video of the row, and id of the model.
    step : str
        Step whose positions it holds; empty for the analysis.
    source : str
        Hash of all that it was made of, see `dlcctr.tables.collect`.
    """

    row: int
    video: str
    model: str
    step: str
    source: str


FOOTERS = StateFile(RowFile, "a row of a collected table", OutputError, hint="remove it, and collect again")


class Dataset:
    """The files of a folder.

    Raises
    ------
    UsageError
        It is a file, or holds something that `collect` did not write: nothing there is touched.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        if root.exists() and not root.is_dir():
            raise UsageError(f"{root}: is a file, not the folder of a table", OTHER_FOLDER)
        self.files: dict[Path, RowFile | None] = {}
        for file in sorted(_files_below(root)):
            name = file.relative_to(root)
            if not (_FILE.fullmatch(name.name) and _FOLDERS.fullmatch(name.parent.as_posix())):
                raise UsageError(f"{root}: holds {name}, which `collect` did not write", OTHER_FOLDER)
            self.files[name] = read_footer(file)

    @property
    def rows(self) -> list[RowFile]:
        """What its readable files hold."""
        return [found for found in self.files.values() if found]

    def sweep(self) -> None:
        """Remove what a killed `collect` was writing."""
        unwritten = re.compile(rf"{re.escape(_private_prefix(self.root))}[a-z0-9_]{{8}}")
        with contextlib.suppress(OSError):
            for left in self.root.parent.iterdir():
                if unwritten.fullmatch(left.name):
                    left.unlink()

    def remove(self, names: Iterable[Path]) -> None:
        """Remove files, and folders that are empty then. Raises `OutputError`."""
        for name in names:
            with disk_errors(self.root / name):
                (self.root / name).unlink(missing_ok=True)
            self.files.pop(name, None)
            with contextlib.suppress(OSError):  # others lie there
                (self.root / name).parent.rmdir()
                (self.root / name).parent.parent.rmdir()

    def write(self, name: Path, record: RowFile, blocks: Iterator[Any], compression: str) -> int:
        """Write a row's file, which then replaces what has its name; gives the number of its lines.

        Raises
        ------
        OutputError
            The folder cannot be written. The old file, or none, is there then, and where the blocks raise something.
        """
        first = next(blocks)
        with disk_errors(self.root, ELSEWHERE):
            self.root.parent.mkdir(parents=True, exist_ok=True)
            handle, path = tempfile.mkstemp(prefix=_private_prefix(self.root), dir=self.root.parent)
        private = Path(path)
        try:
            # what is in the stream's own memory is written when it is closed, which fails as well
            with disk_errors(self.root, ELSEWHERE), os.fdopen(handle, "wb") as stream:
                lines = self._write(stream, itertools.chain([first], blocks), record, compression)
                stream.flush()
                os.fsync(stream.fileno())
            target = self.root / name
            with disk_errors(target, ELSEWHERE):
                private.chmod(0o666 & ~current_umask())
                target.parent.mkdir(parents=True, exist_ok=True)
                private.replace(target)
                fsync_path(target.parent)
        finally:
            with contextlib.suppress(OSError):
                private.unlink(missing_ok=True)
        self.files[name] = record
        return lines

    def _write(self, stream: BinaryIO, blocks: Iterator[Any], record: RowFile, compression: str) -> int:
        """Write blocks, each a row group; gives the number of lines."""
        from pyarrow import parquet

        first = next(blocks)
        repeated = [name for name in first.schema.names if name not in COORDS]  # positions are never the same
        lines = 0
        # Without Arrow's schema in the footer texts are texts in every reader. As dictionaries, each file its own, they
        # cannot be grouped: arrow's dplyr says "Unifying differing dictionaries".
        options = {"compression": compression, "use_dictionary": repeated, "store_schema": False}
        with parquet.ParquetWriter(stream, first.schema, **options) as writer:
            for table in itertools.chain([first], blocks):
                writer.write_table(table, row_group_size=max(1, len(table)))
                lines += len(table)
            writer.add_key_value_metadata({FOOTER_KEY: FOOTERS.text(record).encode()})
        return lines


def file_of(row: int, video: str, model: str) -> Path:
    """Place of a row's file in the folder."""
    return Path(_partition("video", video), _partition("model", model), f"row-{row:05d}{SUFFIX}")


def _partition(key: str, value: str) -> str:
    """Name of a folder that readers understand as a value of a column; shortened, with a hash, where it is too long."""
    import hashlib

    text = clean(value)
    room = MAX_NAME_BYTES - len(key) - 1
    name = quote(text, safe=" ")
    if len(name) > room:
        digest = hashlib.sha256(text.encode()).hexdigest()[:HASH_CHARS]
        short = text
        while len(name) > room:
            short = short[:-1]
            name = quote(f"{short}~{digest}", safe=" ")
    return f"{key}={name}"


def read_footer(file: Path) -> RowFile | None:
    """What a row's file was made of; None if it is damaged, or of another program."""
    arrow = import_arrow()
    from pyarrow import parquet

    try:
        text = (parquet.read_metadata(file).metadata or {})[FOOTER_KEY].decode()
        return FOOTERS.parse(text, file)
    except (DlcctrError, KeyError, ValueError, OSError, arrow.lib.ArrowException):
        return None


def _files_below(root: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(root):
        yield from (Path(folder, name) for name in names)


def _private_prefix(root: Path) -> str:
    return f".{root.name}."
