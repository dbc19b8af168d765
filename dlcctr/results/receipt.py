"""Receipts: the proof, beside a row's outputs, of what was made from what, by what, and that it is whole."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from dlcctr.contract import CONTRACT_VERSION, RECEIPT_FILENAME, RowState
from dlcctr.errors import ContractError, OutputError
from dlcctr.system.files import sha256_file

REDO_HINT = "analyse this row again with --overwrite"


@dataclass(frozen=True)
class OutputFile:
    """One file of a result: name inside the row's folder, size in bytes, sha256."""

    name: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> OutputFile:
        """Describe a file that lies in a row's folder."""
        return cls(name=path.name, bytes=path.stat().st_size, sha256=sha256_file(path))


@dataclass(frozen=True)
class FrameCounts:
    """Frames by header, by stream (what should be there) and decoded; `missing` holds ``[first, stop)`` ranges."""

    header: int
    stream: int
    decoded: int
    missing: list[list[int]] = field(default_factory=list)


@dataclass(frozen=True)
class Receipt:
    """What became of one row.

    Parameters
    ----------
    row : dict
        ``index``, ``video``, ``fingerprint``, ``bytes`` of the manifest's row.
    model : dict
        ``id``, ``hash``, ``engine``, ``scorer``, ``snapshot``, ``detector_snapshot``, ``bodyparts``,
        ``individuals``, ``unique_bodyparts``.
    parameters : dict
        ``shuffle``, ``trainset_index``, ``crop``, ``batch_size``, ``csv``.
    columns : dict
        What the .h5 holds: ``rows`` and ``names``, the column tuples without the scorer.
    path : str
        How the result was made: ``own`` (our loop with DeepLabCut's network), ``stock`` (DeepLabCut's
        `analyze_videos` on the video itself) or ``stock-reencoded`` (the same on a lossless copy of the frames that
        decode).
    """

    state: RowState
    cause: str
    exit_code: int
    row: dict[str, Any]
    frames: FrameCounts | None = None
    files: list[OutputFile] = field(default_factory=list)
    columns: dict[str, Any] = field(default_factory=dict)
    model: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    software: dict[str, Any] = field(default_factory=dict)
    image: dict[str, Any] = field(default_factory=dict)
    device: dict[str, Any] = field(default_factory=dict)
    path: str = ""
    timings_s: dict[str, float] = field(default_factory=dict)
    host: str = ""
    scheduler: dict[str, str] = field(default_factory=dict)
    started: str = ""
    finished: str = ""
    contract: int = CONTRACT_VERSION

    def to_json(self) -> str:
        """Text of the receipt file."""
        table = asdict(self)
        table["state"] = self.state.value
        return json.dumps(table, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: Path) -> Receipt:
        """Parse a receipt.

        Raises
        ------
        OutputError
            It is no receipt, or half of one.
        ContractError
            It was written by another contract version.
        """
        try:
            table = json.loads(text)
            version = table["contract"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise OutputError(f"{where}: not a receipt ({error})", REDO_HINT) from error
        if version != CONTRACT_VERSION:
            raise ContractError(
                f"{where}: written for contract {version}; this program speaks {CONTRACT_VERSION}",
                "check results with the dlcctr that made them",
            )
        try:
            table["state"] = RowState(table["state"])
            table["frames"] = FrameCounts(**table["frames"]) if table["frames"] else None
            table["files"] = [OutputFile(**entry) for entry in table["files"]]
            receipt = cls(**table)
            _check_types(receipt)
            return receipt
        except (ValueError, TypeError, KeyError) as error:
            raise OutputError(f"{where}: not a receipt ({error})", REDO_HINT) from error


def _check_types(receipt: Receipt) -> None:
    """Raise `TypeError` or `ValueError` where a later comparison would stumble: the file may be damaged."""
    for name, kind in {"cause": str, "exit_code": int, "row": dict, "columns": dict, "model": dict,
                       "parameters": dict, "path": str, "host": str, "finished": str}.items():  # fmt: skip
        if not isinstance(getattr(receipt, name), kind):
            raise TypeError(f"{name} is not of type {kind.__name__}")
    for entry in receipt.files:
        if not isinstance(entry.name, str) or Path(entry.name).name != entry.name or not isinstance(entry.bytes, int):
            raise ValueError(f"{entry.name!r} is not a file of a results folder")
    for column in receipt.columns.get("names", []):
        if not isinstance(column, list) or not column:
            raise TypeError("columns are not lists of names")
    if receipt.frames:
        counts = [receipt.frames.header, receipt.frames.stream, receipt.frames.decoded]
        counts += [number for first, stop in receipt.frames.missing for number in (first, stop)]
        if not all(isinstance(count, int) for count in counts):
            raise TypeError("frame counts are not whole numbers")


def read_receipt(folder: Path) -> Receipt | None:
    """Receipt of a row's folder; None where the folder or its receipt is not there."""
    return parse_receipt(folder / RECEIPT_FILENAME)


def parse_receipt(file: Path) -> Receipt | None:
    """Receipt in a file, also that of a failed row; None where it is not there.

    Raises
    ------
    OutputError
        It cannot be read, or is no receipt.
    ContractError
        It was written by another contract version.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnicodeDecodeError as error:
        raise OutputError(f"{file}: not a receipt ({error})", REDO_HINT) from error
    except OSError as error:
        raise OutputError(f"{file}: cannot be read ({error})", "look at the file's owner and rights") from error
    return Receipt.from_json(text, file)


def broken_files(receipt: Receipt, folder: Path, *, hashes: bool = True) -> list[str]:
    """What does not match the receipt: one sentence per missing, truncated or edited file."""
    problems = []
    for entry in receipt.files:
        path = folder / entry.name
        try:
            size = path.stat().st_size
        except OSError:
            problems.append(f"{entry.name} is missing")
            continue
        if size != entry.bytes:
            problems.append(f"{entry.name} has {size} bytes, the receipt says {entry.bytes}")
        elif hashes and sha256_file(path) != entry.sha256:
            problems.append(f"{entry.name} was changed after it was written (sha256 differs)")
    return problems


def epoch(text: object) -> float | None:
    """Seconds since 1970 of a time as receipts hold it (UTC where it names no zone); None where it is none."""
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    except (ValueError, OverflowError):
        return None
