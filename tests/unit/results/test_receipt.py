from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.contract import RECEIPT_FILENAME, RowState
from dlcctr.errors import ContractError, OutputError
from dlcctr.results.receipt import Receipt, broken_files, parse_receipt, read_receipt
from dlcctr.results.sections import AnalysedRow, Columns, FrameCounts, OutputFile
from tests.unit.support.state_files import (
    GOLDEN,
    assert_no_bit_counts,
    assert_refused,
    assert_refused_at_every_cut,
    assert_refused_with_any_wrong_leaf,
    golden,
    unsigned,
)

RECEIPT = Receipt(
    state=RowState.DEGRADED,
    cause="1 frame did not decode",
    exit_code=0,
    row=AnalysedRow(3, "Mäuse/a b.mp4", "v1:1:0", 1),
    frames=FrameCounts(10, 10, 9, ((4, 5),)),
    files=[OutputFile("a.h5", 1, "00" * 32)],
    columns=Columns(10, (("snout", "x"),)),
    timings_s={"import": 9.5},
)


def test_a_receipt_comes_back() -> None:
    assert Receipt.from_json(RECEIPT.to_json(), Path("r")) == RECEIPT


def test_what_its_readers_rely_on() -> None:
    """Other programs read this file; a renamed field is a new contract."""
    table = json.loads(RECEIPT.to_json())
    assert set(table) == {
        "state", "cause", "exit_code", "row", "frames", "files", "columns", "model", "parameters", "software", "image",
        "device", "path", "timings_s", "host", "scheduler", "started", "finished", "contract", "checksum",
    }  # fmt: skip
    assert table["contract"] == 2
    assert table["state"] == "degraded"
    assert table["frames"] == {"header": 10, "stream": 10, "decoded": 9, "missing": [[4, 5]]}
    assert table["files"] == [{"name": "a.h5", "bytes": 1, "sha256": "00" * 32}]


def test_another_contract_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="written for contract version 99"):
        Receipt.from_json(RECEIPT.to_json().replace('"contract": 2', '"contract": 99'), tmp_path)


@pytest.mark.parametrize("file", golden("receipt-*.json") + golden("failed*.json"))
def test_receipts_on_disk_are_read_and_written_as_ever(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    receipt = Receipt.from_json(text, file)
    assert unsigned(receipt.to_json()) == text
    assert Receipt.from_json(receipt.to_json(), file) == receipt


@pytest.mark.parametrize("name", ["receipt-own.json", "failed.json"])
def test_no_flipped_bit_changes_a_receipt(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(Receipt.from_json((GOLDEN / name).read_text(), tmp_path).to_json(), encoding="utf-8")
    assert_no_bit_counts(parse_receipt, tmp_path / name, (OutputError, ContractError))


@pytest.mark.parametrize(
    "file", golden("receipt-degraded-gpu.json") + golden("receipt-own.json") + golden("failed.json")
)
def test_a_damaged_receipt_is_refused_wherever_the_damage_is(file: Path, tmp_path: Path) -> None:
    text, copy = file.read_text(encoding="utf-8"), tmp_path / file.name
    assert_refused_at_every_cut(parse_receipt, text, copy, OutputError)
    assert_refused_with_any_wrong_leaf(parse_receipt, text, copy, OutputError)


@pytest.mark.parametrize(
    ("section", "key", "is_read"), [("device", "cooling", True), ("model", "epochs", True), ("frames", "lost", False)]
)
def test_a_section_may_hold_more_than_this_version_knows_but_a_proof_may_not(
    section: str, key: str, is_read: bool, tmp_path: Path
) -> None:
    table = json.loads(unsigned(RECEIPT.to_json()))
    table[section][key] = {"any": "thing"}
    if is_read:
        assert Receipt.from_json(json.dumps(table), Path("r")) == RECEIPT
    else:
        (tmp_path / RECEIPT_FILENAME).write_text(json.dumps(table))
        message = assert_refused(parse_receipt, tmp_path / RECEIPT_FILENAME, OutputError)
        assert f"{section}.{key}: this version does not know this key" in message


def test_the_scheduler_names_the_array_before_the_job() -> None:
    ids = {"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "10", "SLURM_ARRAY_TASK_ID": "2"}
    assert (replace(RECEIPT, scheduler=ids).job_id, replace(RECEIPT, scheduler=ids).array_index) == ("10", 2)
    assert replace(RECEIPT, scheduler={"SLURM_JOB_ID": "12"}).job_id == "12"
    assert (RECEIPT.job_id, RECEIPT.array_index) == ("", None)
    for index in ("²", "-1", "9" * 5000):
        assert replace(RECEIPT, scheduler={"SLURM_ARRAY_TASK_ID": index}).array_index is None


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


@pytest.mark.parametrize(
    "name",
    ["../a.h5", "/a.h5", "a/b", "", ".", "..", "a\0", "a\ud800", "a" * 256, RECEIPT_FILENAME, ".dlcctr-partial"],
)
def test_a_receipt_names_files_of_its_folder_only(name: str) -> None:
    table = json.loads(unsigned(RECEIPT.to_json()))
    table["files"][0]["name"] = name
    with pytest.raises(OutputError, match=r"files\[0\]|half a character"):
        Receipt.from_json(json.dumps(table), Path("r"))


@pytest.mark.parametrize("changes", [{"bytes": -1}, {"sha256": ""}, {"sha256": "ab" * 31 + "AB"}, {"sha256": "g" * 64}])
def test_a_size_and_a_hash_that_no_file_has(changes: dict[str, object]) -> None:
    table = json.loads(unsigned(RECEIPT.to_json()))
    table["files"][0].update(changes)
    with pytest.raises(OutputError, match="cannot have"):
        Receipt.from_json(json.dumps(table), Path("r"))


def test_a_file_is_in_a_receipt_once() -> None:
    table = json.loads(unsigned(RECEIPT.to_json()))
    table["files"] *= 2
    with pytest.raises(OutputError, match="listed more than once"):
        Receipt.from_json(json.dumps(table), Path("r"))


def test_files_are_compared_by_size_then_by_hash(tmp_path: Path) -> None:
    for name in ("same", "longer", "edited", "gone"):
        (tmp_path / name).write_text("0123456789")
    files = [OutputFile.of(tmp_path / name) for name in ("same", "longer", "edited", "gone")]
    receipt = Receipt(RowState.OK, "", 0, AnalysedRow(), files=files)
    assert broken_files(receipt, tmp_path) == []
    (tmp_path / "longer").write_text("0123456789!")
    (tmp_path / "edited").write_text("0123456788")
    (tmp_path / "gone").unlink()
    assert broken_files(receipt, tmp_path) == [
        "longer has 11 bytes, but 10 in the receipt",
        "edited was changed after it was written (sha256 differs)",
        "gone is missing",
    ]
    assert len(broken_files(receipt, tmp_path, hashes=False)) == 2
