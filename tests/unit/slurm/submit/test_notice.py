"""The notice at the end: a small job behind all arrays of a submission, which never stands in their way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.errors import CommandFailedError
from dlcctr.results.notice import Notice, count_rows, find_url, send
from dlcctr.slurm.jobs.submissions import Array, read_submissions
from dlcctr.slurm.queue import client as slurm
from dlcctr.slurm.site.profile import Site
from dlcctr.slurm.submit.notice import notice_options
from dlcctr.slurm.submit.resubmit import _site_of
from dlcctr.slurm.submit.submit import say_submitted, submit
from tests.unit.results.test_notice import Server
from tests.unit.slurm.submit.test_submit import OPTIONS, FakeSlurm, bench, scheduler  # noqa: F401
from tests.unit.support.results import Bench

SECRET = "https://chat.example/hook/s3cret"
SITE = Site(
    name="mine", max_array_size=3, gres="gpu:1", gpus_per_task=1, partition="gpu", account="lab", command="tell me"
)


def notices(fake: FakeSlurm) -> list[list[str]]:
    return [argv for name, argv in fake.jobs.items() if name.startswith("notice-")]


def test_it_waits_for_all_arrays_and_asks_for_no_gpu(bench: Bench, scheduler: FakeSlurm) -> None:  # noqa: F811
    done = submit(bench.manifest, replace(OPTIONS, site=SITE))
    (argv,) = notices(scheduler)
    assert "--dependency=afterany:101:102" in argv
    assert {"--partition=gpu", "--account=lab", "--mem=1G", "--time=10", "--cpus-per-task=1"} <= set(argv)
    assert not [word for word in argv if "gpu:1" in word or word.startswith("--array")]
    assert done.notice == "103"
    assert say_submitted(done, dry_run=False)[-1] == "job 103 sends the notice when they have ended"
    (submission,) = read_submissions(CampaignPaths.of(bench.manifest))
    assert len(submission.arrays) == 2, "it has no rows"


def test_without_a_way_to_send_it_and_in_a_dry_run_there_is_none(bench: Bench, scheduler: FakeSlurm) -> None:  # noqa: F811
    submit(bench.manifest, replace(OPTIONS, site=SITE, dry_run=True))
    submit(bench.manifest, replace(OPTIONS, site=replace(SITE, command="")))
    assert not notices(scheduler)


def test_an_address_stands_in_no_file_of_the_campaign(bench: Bench, scheduler: FakeSlurm) -> None:  # noqa: F811
    submit(bench.manifest, replace(OPTIONS, site=replace(SITE, webhook=SECRET)))
    assert scheduler.environment == {"DLCCTR_WEBHOOK": SECRET}
    files = [file for file in bench.manifest.parent.rglob("*") if file.is_file()]
    assert len(files) > 3
    assert not [file for file in files if b"s3cret" in file.read_bytes()]
    assert not [word for argv in scheduler.jobs.values() for word in argv if "s3cret" in word]


@pytest.mark.parametrize("problem", ["slurm refuses", "the variable is not set"])
def test_rows_are_submitted_also_where_no_notice_can_be(
    problem: str,
    bench: Bench,  # noqa: F811
    scheduler: FakeSlurm,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    site = SITE
    if problem == "slurm refuses":
        take = scheduler.submit

        def refuse(argv: list[str], **options: object) -> slurm.SubmittedJob:
            if any(word.startswith("--dependency") for word in argv):
                raise CommandFailedError("sbatch: error: Batch job submission failed: no more")
            return take(argv, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(slurm, "submit", refuse)
    else:
        site = replace(SITE, webhook="$NO_SUCH_VARIABLE")
    done = submit(bench.manifest, replace(OPTIONS, site=site))
    assert [array.job_id for array in done.arrays] == ["101", "102"]
    assert not done.notice
    assert "warning: no notice will come: " in capsys.readouterr().err


def test_it_runs_on_the_arrays_cluster_and_where_the_profile_says() -> None:
    arrays = [Array("a", 0, 2, "7", "north"), Array("b", 2, 1, "8", "north")]
    site = replace(SITE, on_partition="cpu", qos="gpu-only")
    options = notice_options("n", Path("/lab/100%/logs"), arrays, site)
    assert {"--clusters=north", "--partition=cpu", "--dependency=afterany:7:8"} <= set(options)
    assert not [word for word in options if "qos" in word]
    assert "--output=/lab/100%%/logs/notice_%j.log" in options


def test_a_resubmission_takes_the_notice_from_the_profile_of_today(
    bench: Bench,  # noqa: F811
    scheduler: FakeSlurm,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit(bench.manifest, replace(OPTIONS, site=SITE))
    (submission,) = read_submissions(CampaignPaths.of(bench.manifest))
    monkeypatch.setenv("DLCCTR_SITES", str(tmp_path / "sites"))
    assert _site_of(submission.options).command == ""
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "mine.toml").write_text('[slurm]\naccount = "other"\n[notice]\ncommand = "tell him"\n')
    again = _site_of(submission.options)
    assert (again.command, again.account) == ("tell him", "lab")


class Node:
    """A compute node on which the script of a notice runs: the container is a program that counts."""

    def __init__(self, folder: Path, bench: Bench, script: Path) -> None:  # noqa: F811
        self.folder, self.script = folder, script
        self.bin = folder / "bin"
        self.bin.mkdir()
        notice = count_rows(bench.manifest)
        self.program("apptainer", f"case $* in *--json) echo '{notice.json}';; *) echo '{notice.text}';; esac")
        self.program(
            "tell", f'cat >"{folder}/told"; echo "$DLCCTR_NOTICE_JSON" >"{folder}/told.json"; echo "$1" >"{folder}/to"'
        )

    def program(self, name: str, text: str) -> None:
        (self.bin / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.bin / name).chmod(0o755)

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PATH": f"{self.bin}:/usr/bin:/bin", **variables}
        return subprocess.run(
            ["bash", self.script], env=environment, capture_output=True, text=True, check=False, timeout=60
        )


@pytest.fixture
def node(bench: Bench, scheduler: FakeSlurm, tmp_path: Path) -> Node:  # noqa: F811
    submit(bench.manifest, replace(OPTIONS, site=replace(SITE, command="tell 'you there'", webhook=SECRET)))
    bench.commit(0)
    bench.commit(1)
    (argv,) = notices(scheduler)
    return Node(tmp_path, bench, Path(argv[-1]))


def test_the_script_gives_the_command_the_text_and_the_json(node: Node) -> None:
    done = node.run()
    assert done.returncode == 0, done.stderr
    text = (node.folder / "told").read_text()
    assert text.strip().endswith(": 2 of 7 rows are whole; 5 unfinished")
    assert json.loads((node.folder / "told.json").read_text())["totals"]["whole"] == 2
    assert (node.folder / "to").read_text() == "you there\n"


def test_the_script_posts_the_json(node: Node) -> None:
    with Server() as server:
        done = node.run(DLCCTR_WEBHOOK=server.url)
    assert done.returncode == 0, done.stderr
    (body,) = server.bodies
    assert body["text"].endswith("2 of 7 rows are whole; 5 unfinished")
    assert server.url not in done.stdout + done.stderr


def test_the_script_tells_also_where_nothing_could_be_counted(node: Node) -> None:
    node.program("apptainer", "exit 1")
    assert node.run().returncode == 0
    assert "its jobs have ended, and the rows could not be counted" in (node.folder / "told").read_text()


def test_a_command_that_fails_does_not_keep_the_webhook_from_it(node: Node) -> None:
    node.program("tell", "exit 3")
    with Server() as server:
        done = node.run(DLCCTR_WEBHOOK=server.url)
    assert len(server.bodies) == 1
    assert done.returncode == 3
    assert "the command ended with 3" in done.stdout


def test_the_script_passes_shellcheck(node: Node) -> None:
    subprocess.run(["/bin/bash", "-n", str(node.script)], check=True)
    checker = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or "shellcheck"
    done = subprocess.run([checker, "--severity=style", str(node.script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_way_from_this_machine_says_what_failed() -> None:
    notice = Notice("done")
    assert send(notice, "", "") == []
    (problem,) = send(notice, "false", "")
    assert problem.startswith("warning: the notice was not sent by the command of [notice]: command failed with code 1")
    (problem,) = send(notice, "", "$NO_SUCH_VARIABLE")
    assert "the environment variable NO_SUCH_VARIABLE holds no address" in problem
    assert find_url(SECRET) == SECRET
