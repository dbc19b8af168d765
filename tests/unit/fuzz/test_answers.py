"""What other programs and machines say: cut off, with flipped bits, or something else altogether."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dlcctr.errors import CommandFailedError, ContractError, ManifestError, ToolMissingError, UsageError
from dlcctr.image import labels, sif
from dlcctr.image.package_sources import read_pip_config
from dlcctr.runtime.containers import apptainer
from dlcctr.runtime.progress.row_report import RowReport, read_report, write_report
from dlcctr.slurm import task_log
from dlcctr.slurm.queue.output import parse_sacct, parse_squeue
from dlcctr.slurm.site.cluster import add_partition_settings, parse_associations, parse_config, parse_qos, parse_sinfo
from dlcctr.transfer import watch
from dlcctr.transfer.remote import shell as remote_shell
from dlcctr.transfer.remote.address import Remote
from dlcctr.transfer.remote.campaign import read_remote_campaign
from dlcctr.transfer.remote.rsync import progress_bytes
from dlcctr.transfer.remote.ssh import THIS_MACHINE, ssh_error
from dlcctr.transfer.watch import WatchOptions
from entrypoint import protocol
from tests.unit.slurm.site.test_propose import ASSOCIATIONS, CONFIG, PARTITIONS, QOS, SINFO
from tests.unit.support import fake_programs
from tests.unit.support.fake_programs import Answer
from tests.unit.support.fault_world import LABELS
from tests.unit.support.fuzz import check_reader, damaged
from tests.unit.support.results import make_bench

RECORDED = Path(__file__).parents[1] / "recorded"
PLACE = b"dlcctr-begin\nyes\nyes\nrsync\npython3\n/dev/sda1  41152736 8912216 30123456      23% /\n\n/scratch/a b\n"
SEEN = b"v1:5:" + b"0123456789abcdef" * 2 + b" 0\n- 77\n"


def texts(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    return lambda data: parse(data.decode("utf-8", "replace"))


@pytest.mark.parametrize("version", ["slurm-22.05", "slurm-26.05"])
def test_what_slurm_says_of_jobs(version: str) -> None:
    files = [file for file in sorted((RECORDED / version).glob("s*.out")) if file.name.startswith(("squeue", "sacct-"))]
    assert len(files) > 8
    for file in files:
        parse = parse_squeue if file.name.startswith("squeue") else parse_sacct
        with contextlib.suppress(UsageError):  # recorded with other columns
            parse(file.read_text())
            check_reader(texts(parse), file.read_bytes(), (UsageError,), most=60, refused=0)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_sinfo, SINFO),
        (parse_config, CONFIG),
        (parse_associations, ASSOCIATIONS),
        (parse_qos, QOS),
        (lambda text: add_partition_settings(parse_sinfo(SINFO), text, select="select/cons_tres"), PARTITIONS),
    ],
    ids=["sinfo", "config", "associations", "qos", "partitions"],
)
def test_what_slurm_says_of_itself(parse: Callable[[str], Any], text: str) -> None:
    check_reader(texts(parse), text.encode(), (UsageError,), most=200, refused=0)


def test_logs_of_tasks(tmp_path: Path) -> None:
    log = tmp_path / "1_0.log"
    for file in sorted(RECORDED.rglob("log-*.out")):
        for each in damaged(file.read_bytes()[-3000:], most=60):
            log.write_bytes(each)
            task_log.read_end(log)
            list(task_log.row_lines(log, 0))
            task_log.had_lanes(log)


def test_answers_of_another_machine() -> None:
    for read, data in (
        (remote_shell.parse_place, PLACE),
        (lambda data: remote_shell.parse_files(data, 3), b"noise\ndlcctr-begin\n3\na\nbnone\nfolder\n"),
        (lambda data: remote_shell.parse_seen(data, 2), SEEN),
    ):
        check_reader(read, data, (CommandFailedError,))
    check_reader(progress_bytes, b"  1,238,099 100%  146.38kB/s    0:00:08", (), refused=0)


def test_a_campaign_there(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, ["a.mp4", "b.mp4"])

    class Folder:
        remote = Remote("cluster", "mice")

        def __init__(self, text: bytes, sheet: bytes) -> None:
            self.files = [text, sheet]

        def read(self, _: object) -> list[bytes]:
            return self.files

    text, sheet = bench.campaign.file.read_bytes(), bench.manifest.read_bytes()
    errors = (ManifestError, ContractError)

    def read(text: bytes, sheet: bytes) -> object:
        folder: Any = Folder(text, sheet)
        return read_remote_campaign(folder, "m.csv")

    check_reader(lambda data: read(data, sheet), text, errors, says="cluster:mice/campaign.toml", most=300)
    check_reader(lambda data: read(text, data), sheet, errors, says="cluster:mice/m.csv", most=300)


def test_the_answer_of_dlcctr_there(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = b""

    class Login:
        def ask(self, *_: object, **__: object) -> bytes:
            return answer

    monkeypatch.setattr(watch, "log_in", lambda *_: contextlib.nullcontext(Login()))
    options = WatchOptions(Remote("cluster", "mice"), ("ssh",), ())

    def read(data: bytes) -> object:
        nonlocal answer
        answer = data
        return watch._ask_there(options, ["submit", "m.csv"])

    check_reader(read, b'{"contract": 1, "arrays": [{"name": "a", "count": 3}], "plan": null}', (CommandFailedError,))


def test_what_ssh_and_rsync_say() -> None:
    said = (
        b'rsync: [receiver] write failed on "/data/a.h5": No space left on device (28)\nrsync error: x [receiver=3.2]\n'
    )
    for each in damaged(said, most=300):
        for receiver in ("", THIS_MACHINE):
            error = ssh_error("cluster", 11, each.decode("utf-8", "replace"), receiver=receiver)
            assert error.hint


def test_labels_of_images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    told = b""
    fake_programs.install(monkeypatch, {name: lambda _: Answer(out=told) for name in ("docker", "apptainer")})
    (tmp_path / "dlc.sif").write_bytes(b"x")

    def docker(data: bytes) -> object:
        nonlocal told
        told = data
        return labels.check_contract("image", labels.docker_labels("dlcctr:1"))

    def inspect(data: bytes) -> object:
        nonlocal told
        told = data
        return apptainer.find_apptainer(tmp_path / "dlc.sif")

    check_reader(docker, json.dumps(LABELS).encode(), (ContractError, ToolMissingError), most=100)
    whole = json.dumps({"data": {"attributes": {"labels": {**LABELS, "org.dlcctr.engine": "pytorch"}}}}).encode()
    check_reader(inspect, whole, (ContractError, ToolMissingError), most=100)
    check_reader(
        texts(lambda text: sif.read_labels(sif._parse_json(text))), whole, (CommandFailedError,), most=300
    )  # fmt: skip
    for wrong in (
        b"[]",
        b'{"data": 3}',
        b'{"data": {"attributes": [1]}}',
        b'{"data": {"attributes": {"labels": "x"}}}',
        b"3",
    ):
        for read in (inspect, texts(lambda text: sif.read_labels(sif._parse_json(text)))):
            with pytest.raises((ContractError, CommandFailedError)):
                read(wrong)


def test_settings_of_pip() -> None:
    text = b":env:.index-url='https://x/simple'\nglobal.extra-index-url='https://y\\nhttps://z'\ninstall.cert='/a'\n"
    check_reader(texts(read_pip_config), text, (), refused=0)
    read_pip_config("global.cert=" + "(" * 100_000)


def test_events_of_the_worker() -> None:
    stream = io.BytesIO()
    writer = protocol.EventWriter(stream)
    writer.write(protocol.Checkpoint(0, 8, 4, "cpu", "café"))
    for each in damaged(stream.getvalue(), most=300):
        with contextlib.suppress(protocol.ProtocolError):
            protocol.parse_event(each)


def test_reports_of_running_rows(tmp_path: Path) -> None:
    """They only inform."""
    (tmp_path / "x").mkdir()
    write_report(tmp_path / "x", RowReport("analysis", 5, 100, 2.5))
    (file,) = (tmp_path / "x").iterdir()
    assert read_report(tmp_path, tmp_path / "log").done == 5
    for each in damaged(file.read_bytes(), most=200):
        file.write_bytes(each)
        (tmp_path / "log").write_bytes(each)
        found = read_report(tmp_path, tmp_path / "log")
        assert found.fraction is None or 0 <= found.fraction <= 1
