from __future__ import annotations

import json
from pathlib import Path

import pytest

from dlcctr.contract import RECEIPT_FILENAME, RowState
from dlcctr.errors import ContractError, OutputError
from dlcctr.results.receipt import FrameCounts, OutputFile, Receipt, broken_files, parse_receipt, read_receipt

RECEIPT = Receipt(
    state=RowState.DEGRADED,
    cause="1 frame did not decode",
    exit_code=0,
    row={"index": 3, "video": "Mäuse/a b.mp4", "fingerprint": "v1:1:0", "bytes": 1},
    frames=FrameCounts(10, 10, 9, [[4, 5]]),
    files=[OutputFile("a.h5", 1, "00")],
    columns={"rows": 10, "names": [["snout", "x"]]},
    timings_s={"import": 9.5},
)


def test_a_receipt_comes_back() -> None:
    assert Receipt.from_json(RECEIPT.to_json(), Path("r")) == RECEIPT


def test_what_its_readers_rely_on() -> None:
    """Other programs read this file; a renamed field is a new contract."""
    table = json.loads(RECEIPT.to_json())
    assert set(table) == {
        "state", "cause", "exit_code", "row", "frames", "files", "columns", "model", "parameters", "software", "image",
        "device", "path", "timings_s", "host", "scheduler", "started", "finished", "contract",
    }  # fmt: skip
    assert table["contract"] == 1
    assert table["state"] == "degraded"
    assert table["frames"] == {"header": 10, "stream": 10, "decoded": 9, "missing": [[4, 5]]}
    assert table["files"] == [{"name": "a.h5", "bytes": 1, "sha256": "00"}]


def test_another_contract_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="written for contract 2"):
        Receipt.from_json(RECEIPT.to_json().replace('"contract": 1', '"contract": 2'), tmp_path)


@pytest.mark.parametrize("cut", [0, 1, 100, -3])
def test_half_a_receipt_is_none(tmp_path: Path, cut: int) -> None:
    (tmp_path / RECEIPT_FILENAME).write_text(RECEIPT.to_json()[:cut])
    with pytest.raises(OutputError, match="not a receipt") as caught:
        read_receipt(tmp_path)
    assert "--overwrite" in caught.value.hint


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / RECEIPT_FILENAME).write_bytes(b"\xff\xfe{")
    with pytest.raises(OutputError, match="not a receipt"):
        read_receipt(tmp_path)


def test_no_receipt_and_no_folder(tmp_path: Path) -> None:
    assert read_receipt(tmp_path) is None
    assert read_receipt(tmp_path / "nothing") is None
    (tmp_path / "file").touch()
    assert read_receipt(tmp_path / "file") is None
    assert parse_receipt(tmp_path / "a.mp4.failed.json") is None


def test_a_receipt_cannot_point_out_of_its_folder() -> None:
    text = RECEIPT.to_json().replace("a.h5", "../a.h5")
    with pytest.raises(OutputError, match="not a file of a results folder"):
        Receipt.from_json(text, Path("r"))


def test_files_are_compared_by_size_then_by_hash(tmp_path: Path) -> None:
    for name in ("same", "longer", "edited", "gone"):
        (tmp_path / name).write_text("0123456789")
    files = [OutputFile.of(tmp_path / name) for name in ("same", "longer", "edited", "gone")]
    receipt = Receipt(RowState.OK, "", 0, {}, files=files)
    assert broken_files(receipt, tmp_path) == []
    (tmp_path / "longer").write_text("0123456789!")
    (tmp_path / "edited").write_text("0123456788")
    (tmp_path / "gone").unlink()
    assert broken_files(receipt, tmp_path) == [
        "longer has 11 bytes, the receipt says 10",
        "edited was changed after it was written (sha256 differs)",
        "gone is missing",
    ]
    assert len(broken_files(receipt, tmp_path, hashes=False)) == 2
