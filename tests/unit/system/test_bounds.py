"""Nothing that lies in a file's place is read without end: a device, a log, another's terabyte."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dlcctr.campaign import config
from dlcctr.campaign.config import read_campaign
from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.errors import CommandFailedError, DlcctrError, ManifestError, OutputError, UsageError
from dlcctr.planning.plan import read_plan
from dlcctr.results.receipt import read_receipt
from dlcctr.runtime.rows.executor import LOG_HEAD, last_error
from dlcctr.slurm.jobs.submissions import SUBMISSIONS
from dlcctr.slurm.site.profile import read_site
from dlcctr.system import files, hash_cache, state_files
from dlcctr.transfer.remote import shell as remote_shell
from dlcctr.transfer.watch import read_state
from entrypoint.environment.image_info import ImageInfo, read_image_info

READERS: dict[str, tuple[Callable[[Path], object], type[DlcctrError]]] = {
    RECEIPT_FILENAME: (lambda file: read_receipt(file.parent), OutputError),
    "plan.json": (read_plan, ManifestError),
    "submission.json": (SUBMISSIONS.read, ManifestError),
    "watch.json": (read_state, ManifestError),
    "campaign.toml": (lambda file: read_campaign(file.with_name("m.csv")), ManifestError),
    "site.toml": (read_site, UsageError),
}


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Most bytes that a read was told to take."""
    asked: list[int] = []
    read = files.read_bounded

    def note(path: Path, most: int) -> bytes | None:
        asked.append(most)
        return read(path, most)

    for module in (state_files, files, hash_cache):
        monkeypatch.setattr(module, "read_bounded", note)
    return asked


@pytest.mark.parametrize("name", READERS)
def test_a_device_in_a_files_place_is_refused(
    name: str, longest: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (state_files, config):
        monkeypatch.setattr(module, "MAX_BYTES", 1 << 16)
    (tmp_path / name).symlink_to("/dev/zero")
    read, kind = READERS[name]
    with pytest.raises(kind, match=r"65,536 bytes|1,048,576 bytes") as caught:
        read(tmp_path / name)
    assert caught.value.message.startswith(f"{tmp_path / name}: ")
    assert caught.value.hint
    assert longest


def test_limits_are_far_above_what_is_written() -> None:
    assert state_files.MAX_BYTES >= 6 * 10_000_000
    assert config.MAX_BYTES >= 10_000 * 2 * 64


def test_facts_of_an_image_and_hashes_that_are_too_long_are_none(tmp_path: Path) -> None:
    (tmp_path / "image.json").symlink_to("/dev/zero")
    assert read_image_info(tmp_path / "image.json") == ImageInfo()


def test_of_a_long_log_the_end_is_read(tmp_path: Path) -> None:
    log = tmp_path / "row.log"
    with log.open("wb") as stream:
        stream.seek(1 << 34)  # a hole: 16 GB that no disk holds
        stream.write(f"\n{LOG_HEAD}again\nerror: the last words\n".encode())
    assert last_error(log) == "the last words"
    os.truncate(log, 0)
    assert last_error(log) == ""


def test_a_file_there_that_is_too_long_is_not_taken() -> None:
    with pytest.raises(CommandFailedError, match="more than 268,435,456 bytes"):
        remote_shell.parse_files(remote_shell.BEGIN + b"long\n", 1)
