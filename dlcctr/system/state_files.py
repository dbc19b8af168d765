"""The reader of all JSON state files: receipts, plans, submissions, the state of a watch."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Generic, TypeVar

from dlcctr.contract import CONTRACT_VERSION, READABLE_CONTRACTS
from dlcctr.errors import ContractError, DlcctrError
from dlcctr.system.files import read_bounded
from dlcctr.system.values.records import RecordError, from_table, parse_object, to_table

T = TypeVar("T")
VERSION_KEY = "contract"
CHECKSUM_KEY = "checksum"
"""Key of the checksum of all else in a file, so that no flipped bit changes what is submitted; old files have none."""
CHECKSUM_DIGITS = 32
MAX_BYTES = 64 << 20
"""A receipt of a million frames of which every other does not decode has 10 MB; nothing else comes near that."""
READ_HINT = "check the file's owner and permissions"
SHOWN_CHARS = 20
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
"""Pattern of the escape of half a character; two of them may make a whole one."""


def checksum(table: dict[str, object]) -> str:
    """First digits of the SHA-256 of an object's JSON, whose spaces and order of keys do not count."""
    text = json.dumps(table, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:CHECKSUM_DIGITS]


@dataclass(frozen=True)
class StateFile(Generic[T]):
    """One kind of file: its record, and its errors.

    Parameters
    ----------
    record : type
        Dataclass of the file's object; see `dlcctr.system.values.records` for its fields.
    noun : str
        What such a file is, with its article, for messages.
    error : type of DlcctrError
        Raised for a file that cannot be read or has other content.
    hint : str
        Remedy for a damaged file.
    read_hint : str
        Remedy for a file that the system does not let us read.
    version_hint : str
        Remedy for a file of another contract version; empty where such files carry no version.
    """

    record: type[T]
    noun: str
    error: type[DlcctrError]
    hint: str
    read_hint: str = READ_HINT
    version_hint: str = ""

    def read(self, file: Path) -> T:
        """Read a file that must exist.

        Raises
        ------
        DlcctrError
            Of the class `error`: the file cannot be read, is too long, is not UTF-8 or JSON, or a value in it does
            not fit.
        ContractError
            It was written by a contract version that this program does not read.
        """
        try:
            data = read_bounded(file, MAX_BYTES)
            if data is None:
                raise RecordError(f"it has more than {MAX_BYTES:,} bytes")
            return self.parse(data.decode("utf-8"), file)
        except OSError as error:
            raise self.error(f"{file}: cannot be read: {error.strerror}", self.read_hint) from error
        except (UnicodeDecodeError, RecordError) as error:
            raise self._damaged(file, error) from error

    def find(self, file: Path) -> T | None:
        """Read a file; None if it or its folder does not exist. Raises as `read` does."""
        try:
            return self.read(file)
        except DlcctrError as error:
            if isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError)):
                return None
            raise

    def parse(self, text: str, file: Path) -> T:
        """Make a record from a text that came from `file`; raises as `read` does."""
        try:
            table = parse_object(text)
            _check_characters(text, table)
            is_sound = table.pop(CHECKSUM_KEY, None) in (None, checksum(table))
            if self.version_hint:
                self._check_version(table, file)
            if not is_sound:
                raise self._changed(file)
            return from_table(self.record, table)
        except RecordError as error:
            raise self._damaged(file, error) from error

    def text(self, record: T) -> str:
        """Text of the file that holds a record."""
        return json.dumps(self.table(record), indent=1, ensure_ascii=False) + "\n"

    def table(self, record: T) -> dict[str, object]:
        """Object of the file that holds a record, as `json.dumps` takes it."""
        table = to_table(record)
        if self.version_hint and VERSION_KEY not in table:
            table = {VERSION_KEY: CONTRACT_VERSION, **table}
        return {CHECKSUM_KEY: checksum(table), **table}

    def _check_version(self, table: dict[str, object], file: Path) -> None:
        version = table.get(VERSION_KEY)
        if type(version) is not int:
            raise RecordError("missing, or not a whole number", VERSION_KEY)
        if version not in READABLE_CONTRACTS:
            raise ContractError(
                f"{file}: written for contract version {version}; this program has version {CONTRACT_VERSION}",
                self.version_hint,
            )
        if VERSION_KEY not in {field.name for field in fields(self.record)}:  # type: ignore[arg-type]
            del table[VERSION_KEY]

    def _changed(self, file: Path) -> DlcctrError:
        return self.error(
            f"{file}: damaged, or changed by hand: its checksum does not match its content",
            f'{self.hint}; if the change is intended, remove the line "{CHECKSUM_KEY}" from the file',
        )

    def _damaged(self, file: Path, error: Exception) -> DlcctrError:
        return self.error(f"{file}: not {self.noun} ({error})", self.hint)


def _check_characters(text: str, table: dict[str, object]) -> None:
    """Refuse half a character, which JSON can contain as an escape but no file can."""
    if not _HALF.search(text):
        return
    try:
        json.dumps(table, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        shown = error.object[max(0, error.start - SHOWN_CHARS) : error.end + SHOWN_CHARS]
        raise RecordError(f"contains half a character (a lone surrogate): {shown!a}") from error
    except RecursionError as error:
        raise RecordError(f"nested too deeply: {error}") from error
