"""Files of a campaign that people edit, and those that dlcctr keeps: damaged in every way."""

from __future__ import annotations

import gzip
import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.config import KEYS, campaign_text, read_campaign
from dlcctr.campaign.hardware_times import read_hardware_times, times_file
from dlcctr.campaign.manifest import manifest_text, read_manifest
from dlcctr.campaign.paths import CampaignPaths
from dlcctr.campaign.rows import Row
from dlcctr.campaign.tracking import Tracking
from dlcctr.errors import ContractError, ManifestError, OutputError, TryAgainError, UsageError
from dlcctr.results.times.frame_times import read_frame_times, write_frame_times
from dlcctr.slurm.jobs.job_notes import read_job_notes
from dlcctr.slurm.site.files import site_text
from dlcctr.slurm.site.keys import KEYS as SITE_KEYS
from dlcctr.slurm.site.profile import Site, read_site
from dlcctr.system import hash_cache, locks
from dlcctr.system.files import sha256_file
from dlcctr.system.locks import Holder, campaign_lock
from tests.unit.support.fuzz import check_reader, damaged
from tests.unit.support.results import make_bench

ROWS = [
    Row(0, "Mäuse/a b;c.mp4", frames=20, fps=25.0, width=64, height=48, codec="h264", duration_s=0.8, bytes=9,
        fingerprint="v1:9:" + "0" * 32),
    Row(1, '=a",\n.mp4', crop=(0, 5, 0, 5), shuffle=2, snapshot="snapshot-9", model="m",
        tracking=Tracking(("m1", "m2"), 2, "ellipse", False)),
    Row(7, "c.mp4", error="cannot be opened"),
]  # fmt: skip
FORMS = {
    "as we write it": lambda text: text.encode(),
    "of a German spreadsheet": lambda text: (
        b"\xef\xbb\xbfsep=;\r\n" + text.replace(",", ";").replace("\n", "\r\n").encode()
    ),
    "Unicode text of Excel": lambda text: b"\xff\xfe" + text.replace(",", "\t").encode("utf-16-le"),
}
VALUES = (
    '"x"',
    '""',
    "0",
    "-1",
    "1.5",
    "true",
    "[]",
    '["x", 1]',
    "[1, 2, 3, 4]",
    "{x = 1}",
    "1979-05-27",
    "9" * 400,
    "nan",
)
"""Values of every type that TOML has."""


@pytest.mark.parametrize("form", FORMS)
def test_a_manifest(form: str, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return read_manifest(file)

    rows = ROWS if form == "as we write it" else ROWS[2:]
    check_reader(read, FORMS[form](manifest_text(rows)), (ManifestError,), says=str(file))


def whole_toml(folder: Path) -> str:
    bench = make_bench(
        folder, ["a.mp4"], crop=(0, 4, 0, 4), batch_size=2, image="dlc.sif", tracking=Tracking(("m1",), 1, "box", True)
    )
    remote = '\n[remote]\nhost = "cluster"\nfolder = "mice"\ntransfer_host = "data"\n'
    return campaign_text(replace(bench.campaign, individuals=("m1",), unique_bodyparts=("corner",))) + remote


def test_a_campaign(tmp_path: Path) -> None:
    text, file = whole_toml(tmp_path), tmp_path / "campaign.toml"

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return read_campaign(tmp_path / "m.csv")

    check_reader(read, text.encode(), (ManifestError, ContractError), says=str(file))


def typed(text: str, keys: Iterator[str], values: tuple[str, ...]) -> Iterator[str]:
    """A text in which one key has a value of another type."""
    for key, value in itertools.product(keys, values):
        lines = [f"{key} = {value}" if line.startswith(f"{key} = ") else line for line in text.splitlines()]
        yield "\n".join(lines) + "\n"


def test_each_key_of_a_campaign_with_a_value_of_each_type(tmp_path: Path) -> None:
    text, file, refused = whole_toml(tmp_path), tmp_path / "campaign.toml", 0
    keys = ["contract", *{key for names in KEYS.values() for key in names}]
    for each in typed(text, iter(keys), VALUES):
        file.write_text(each)
        try:
            read_campaign(tmp_path / "m.csv")
        except (ManifestError, ContractError) as error:
            assert error.message.startswith(str(file))
            assert error.hint, error.message
            refused += 1
    assert refused > 150


def test_a_site_profile(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    site = Site("lab", gres="gpu:1", gpus_per_task=1, modules=("load apptainer",), extra=("--clusters=gpu",), mem_gb=4)

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return read_site(file)

    text = site_text(site, ["made by a test"], {})
    check_reader(read, text.encode(), (UsageError,), says=str(file))
    lines = text.replace("\n# ", "\n")  # the unset ones too
    for each in typed(lines, iter(SITE_KEYS), VALUES):
        file.write_text(each)
        try:
            read_site(file)
        except UsageError as error:
            assert error.message.startswith(str(file))
            assert error.hint


def test_a_lock_is_one_wherever_it_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's lock is taken over but that of a process which is proven to be gone; here it is another machine's."""
    monkeypatch.setattr(locks, "_name_of_holder", lambda _: "a test")
    file = tmp_path / "lock"
    holder = replace(Holder.this_process(proves=True), boot="another machine")
    for each in damaged(locks.HOLDERS.text(holder).encode(), most=200):
        file.write_bytes(each)
        with pytest.raises(TryAgainError), campaign_lock(file, wait_s=0):
            raise AssertionError(each)


def test_a_remembered_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever became of the note, the hash is that of the file."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(hash_cache, "SETTLED_S", -1e9)
    weights = tmp_path / "weights"
    weights.write_bytes(bytes(hash_cache.LEAST_BYTES))
    wanted = hash_cache.find_sha256(weights)
    assert wanted == sha256_file(weights)
    (note,) = (tmp_path / "cache/dlcctr/hashes").iterdir()
    for each in damaged(note.read_bytes(), most=50):
        note.write_bytes(each)
        monkeypatch.setattr(hash_cache, "_memory", {})
        assert hash_cache.find_sha256(weights) == wanted, each


NOTE = {
    "job": "123", "name": "dlcctr-m", "cluster": "owl", "offset": "0", "first": "0", "last": "9", "count": "10",
    "step": "1", "started": "2026-03-01T12:00:00+00:00", "plan": "/c/plans/20260301-120000-abcd.json",
    "image": "/c/dlc.sif", "time_s": "3600", "mem_mb": "4096", "options": "--allow-cpu --batch-size 8", "user": "lab",
}  # fmt: skip


def test_the_note_of_a_job(tmp_path: Path) -> None:
    """A batch script writes it; no number of it, however large, takes memory."""
    paths = CampaignPaths.of(tmp_path / "m.csv")
    paths.jobs.mkdir(parents=True)
    file = paths.jobs / "123.job"

    def read(data: bytes) -> object:
        file.write_bytes(data)
        (note,) = read_job_notes(paths)
        return len(note.indices)

    data = "".join(f"{key}={value}\n" for key, value in NOTE.items()).encode()
    assert read(data) == 10
    check_reader(read, data, (ManifestError,), says=str(file))
    for key in NOTE:
        for value in ("", "x", "-1", "9" * 15, "9" * 5000, "1.5", "../x", "\udcff", "a b", "\x1b[2J"):
            changed = "".join(f"{name}={value if name == key else old}\n" for name, old in NOTE.items())
            try:
                read(changed.encode("utf-8", "surrogateescape"))
            except ManifestError as error:
                assert error.message.startswith(str(file))


@pytest.mark.parametrize("cell", ["t.csv", "t.csv:cam", "t.csv.gz:cam"])
def test_hardware_times(tmp_path: Path, cell: str) -> None:
    file = times_file(Row(0, "a.mp4", times=cell), tmp_path)
    text = "0\n0.5\n1.25\n" * 1 if cell == "t.csv" else "x,cam\n" + "".join(f"{n},{n / 7}\n" for n in range(20))

    def read(data: bytes) -> object:
        file.write_bytes(data)
        found = read_hardware_times(Row(0, "a.mp4", times=cell), tmp_path)
        assert found
        known = [time for time in found.seconds if not math.isnan(time)]
        assert known == sorted(known)
        return found

    data = gzip.compress(text.encode(), mtime=0) if cell.endswith(".gz:cam") else text.encode()
    check_reader(read, data, (ManifestError,), says=str(file), most=200, refused=20)


def test_frame_times(tmp_path: Path) -> None:
    file = tmp_path / "frame-times.csv.gz"
    write_frame_times(file, [0.0, math.nan, *(n / 25 for n in range(50))])

    def read(data: bytes) -> object:
        file.write_bytes(data)
        return read_frame_times(file)

    check_reader(read, file.read_bytes(), (OutputError,), says=str(file), most=200)
