"""Steps in a campaign.toml that people edit, and receipts of steps that come from another machine: damaged."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path

import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.steps.edit import add_step, parse_words
from dlcctr.campaign.steps.kinds import KINDS
from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.errors import ContractError, ManifestError, UsageError
from dlcctr.results.check import check
from dlcctr.results.steps.receipt import Made, StepReceipt, step_folder
from dlcctr.transfer.incoming_steps import choose_steps
from tests.unit.fuzz.test_campaign_files import VALUES
from tests.unit.support.fuzz import check_reader, damaged
from tests.unit.support.results import make_bench
from tests.unit.support.steps import make_steps_bench


def test_damaged_steps(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    steps = (
        '\n[[steps]]\nname = "smooth"\nkind = "filter"\nwindowlength = 7\n\n[[steps]]\nname = "nwb"\nof = "smooth"\n'
    )
    whole = (bench.campaign.file.read_text() + steps).encode()

    def read(data: bytes) -> object:
        bench.campaign.file.write_bytes(data)
        return read_campaign(bench.manifest)

    check_reader(read, whole, (ManifestError, ContractError), says=str(bench.campaign.file))


def test_damaged_files_are_not_edited(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    file = bench.campaign.file
    for data in damaged(file.read_bytes(), most=200):
        file.write_bytes(data)
        try:
            add_step(read_campaign(bench.manifest), parse_words("filter", []))
        except (ManifestError, ContractError, UsageError):
            assert file.read_bytes() == data
        else:
            assert [step.name for step in read_campaign(bench.manifest).steps][-1] == "filter"


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_with_values_of_every_type(kind: str, tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4"])
    whole, refused = bench.campaign.file.read_text(), 0
    for each in [*(field.name for field in fields(KINDS[kind].parameters)), "name", "kind", "of"]:
        for value in VALUES:
            keys = {"name": '"x"', "kind": f'"{kind}"', each: value}
            text = "".join(f"{key} = {held}\n" for key, held in keys.items())
            bench.campaign.file.write_text(f"{whole}\n[[steps]]\n{text}")
            try:
                read_campaign(bench.manifest)
            except ManifestError as error:
                assert str(bench.campaign.file) in error.message
                refused += 1
    assert refused > len(VALUES)


def test_damaged_receipts_of_steps(tmp_path: Path) -> None:
    bench = make_steps_bench(tmp_path, ["a.mp4"], [{"name": "csv"}])
    whole = StepReceipt(
        Made.FAILED, "no luck", 7, "csv", "csv", "analysis", parameters={"sleap": True}, facts={"n": 1.5}
    ).to_json()
    folder = step_folder(bench.folder(0), "csv")
    folder.mkdir(parents=True)
    there = tmp_path / "private" / "receipts" / folder.relative_to(bench.campaign.out)
    there.mkdir(parents=True)
    for data in damaged(whole.encode(), most=200):
        for file in (folder / RECEIPT_FILENAME, there / RECEIPT_FILENAME):
            file.write_bytes(data)
        try:
            (row,) = check(bench.manifest).rows
            choose_steps(tmp_path / "private", bench.campaign, bench.rows, bench.rows)
        except ContractError:
            continue
        assert row.cause
    shutil.rmtree(there)
