"""A campaign of contract version 1, as the program of that version left it (recorded/contract-1): it stays whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dlcctr.campaign.config import read_campaign
from dlcctr.campaign.manifest import read_manifest
from dlcctr.contract import CONTRACT_VERSION, FRAME_TIMES_FILENAME, RECEIPT_FILENAME, ExitCode
from dlcctr.errors import ContractError
from dlcctr.image.labels import check_contract
from dlcctr.model.bundles.verify import verify_bundle
from dlcctr.planning.plan import read_plan
from dlcctr.quality.measures.track import Track
from dlcctr.quality.record import QUALITY_FILENAME
from dlcctr.results.additions import add_files
from dlcctr.results.check import CheckOptions, check, finished_rows
from dlcctr.results.receipt import RECEIPTS, Receipt, read_receipt
from dlcctr.results.row_state import State
from dlcctr.results.times.frame_times import read_frame_times
from dlcctr.slurm.jobs.submissions import SUBMISSIONS
from dlcctr.transfer.place_row import HERE, IncomingRow, reason_to_stay
from entrypoint.analyze.renew_times import renew_times
from entrypoint.analyze.request import RowRequest
from entrypoint.analyze.row.analyze_row import run
from entrypoint.analyze.row.task import RowTask, resolve
from entrypoint.quality import judge_rows
from entrypoint.quality.judge_rows import QualityRequest

RECORDED = Path(__file__).parent / "recorded" / "contract-1"
STATES = [State.WHOLE, State.WHOLE, State.DEGRADED, State.UNREADABLE]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    shutil.copytree(RECORDED, tmp_path / "lab")
    return tmp_path / "lab" / "m.csv"


def receipts() -> list[Path]:
    return sorted(RECORDED.rglob(RECEIPT_FILENAME))


def test_every_row_is_what_it_was(manifest: Path) -> None:
    assert [row.state for row in check(manifest, CheckOptions(deep=True)).rows] == STATES
    assert finished_rows(manifest) == {0, 1, 2}
    assert verify_bundle(manifest.parent / "mouse.dlcmodel").problems == ()


@pytest.mark.parametrize("file", receipts(), ids=lambda file: file.parent.name)
def test_receipts_say_of_which_version_they_are(file: Path) -> None:
    receipt = RECEIPTS.read(file)
    assert (receipt.contract, receipt.times, receipt.updated) == (1, None, "")
    assert Receipt.from_json(receipt.to_json(), file) == receipt
    assert json.loads(receipt.to_json())["contract"] == 1


@pytest.mark.parametrize("file", sorted((RECORDED / "state").glob("*.json")), ids=lambda file: file.name)
def test_plans_and_submissions_are_read(file: Path) -> None:
    assert SUBMISSIONS.read(file) if "submission" in file.name else read_plan(file)


def test_finished_rows_are_skipped(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in manifest.parent.rglob("*") if file.is_file()}
    for index in range(3):
        assert run(RowRequest(manifest=manifest, index=index, device="cpu")) is ExitCode.OK
    assert capsys.readouterr().out.count("already finished, nothing to do") == 3
    assert {file: file.read_bytes() for file in manifest.parent.rglob("*") if file.is_file()} == before


def test_a_row_that_is_fetched_again_is_the_one_that_is_here(manifest: Path) -> None:
    task = resolve(RowRequest(manifest=manifest, index=0))
    receipt, file = read_receipt(task.folder), task.folder / RECEIPT_FILENAME
    assert receipt
    incoming = IncomingRow(task.row, task.expected, "a", receipt, file, manifest.parent, task.folder)
    assert reason_to_stay(incoming) == HERE


def test_times_are_added_without_analysing_again(manifest: Path) -> None:
    for index, frames in enumerate((12, 12, 30)):
        task = resolve(RowRequest(manifest=manifest, index=index))
        renew_times(task)
        times = read_frame_times(task.folder / FRAME_TIMES_FILENAME)
        assert list(times) == pytest.approx([number / 25 for number in range(frames)])
        receipt = read_receipt(task.folder)
        assert receipt
        assert receipt.times
        assert (receipt.contract, receipt.times.unknown) == (CONTRACT_VERSION, 0)
    assert [row.state for row in check(manifest).rows] == STATES


def test_a_row_that_is_judged_later_gets_its_times_too(
    manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def table_of(task: RowTask) -> Track:
        return Track(np.zeros((12, 1, 1, 3)), ("nose",), rate=25.0)

    task = resolve(RowRequest(manifest=manifest, index=0))
    monkeypatch.setattr(judge_rows, "read_track", lambda *_: table_of(task))  # its recorded .h5 is a stand-in
    assert judge_rows.judge_rows(QualityRequest(manifest, index=0)) is ExitCode.OK
    assert "1 judged" in capsys.readouterr().out
    receipt = read_receipt(task.folder)
    assert receipt
    assert receipt.times
    assert {FRAME_TIMES_FILENAME, QUALITY_FILENAME} <= {entry.name for entry in receipt.files}
    assert check(manifest).rows[0].state is STATES[0]


@pytest.mark.parametrize("killed_at", range(1, 4))
def test_whenever_renewing_is_killed_the_row_is_whole(
    manifest: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    from dlcctr.results import additions

    task = resolve(RowRequest(manifest=manifest, index=0))
    renew_times(task)
    left = killed_at

    def stop(name: str) -> None:
        before = getattr(additions, name)

        def step(*args: object, **options: object) -> object:
            nonlocal left
            left -= 1
            if not left:
                raise KeyboardInterrupt
            return before(*args, **options)

        monkeypatch.setattr(additions, name, step)

    stop("write_text_atomic")
    stop("write_bytes_atomic")
    with pytest.raises(KeyboardInterrupt):
        renew_times(task)
    assert check(manifest, CheckOptions(rows="0")).rows[0].state is State.WHOLE
    monkeypatch.undo()
    renew_times(task)
    assert not check(manifest, CheckOptions(rows="0")).rows[0].notes
    assert add_files(task.folder, {}).times


def test_the_campaign_is_read_and_a_later_one_is_not(manifest: Path) -> None:
    assert read_campaign(manifest).model_id
    assert len(read_manifest(manifest)) == 4
    file = manifest.with_name("campaign.toml")
    for version in (str(CONTRACT_VERSION + 1), "0", "true", "1.0", '"1"'):
        file.write_text(file.read_text().replace("contract = 1", f"contract = {version}"))
        with pytest.raises(ContractError, match="written for contract version"):
            read_campaign(manifest)
        file.write_text(file.read_text().replace(f"contract = {version}", "contract = 1"))


@pytest.mark.parametrize(("version", "hint"), [("1", "older"), ("3", "newer"), ("x", "same version")])
def test_an_image_of_another_version_is_refused_with_what_to_do(version: str, hint: str) -> None:
    with pytest.raises(ContractError, match=f"contract version {version}, this dlcctr has 2") as caught:
        check_contract("dlc.sif", {"org.dlcctr.contract": version})
    assert hint in caught.value.hint
