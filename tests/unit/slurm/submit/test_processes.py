"""Slurm's commands as programs on PATH: each row is in one job, whatever is killed and on whichever cluster."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest

from dlcctr.campaign.paths import CampaignPaths
from dlcctr.contract import ExitCode
from dlcctr.model.inspection import inspect_model
from dlcctr.slurm.jobs.arrivals import GRACE_S
from dlcctr.system.kernel_locks import is_held
from tests.unit.support.fake_slurm import FakeSlurm, end_all
from tests.unit.support.projects import pytorch_project
from tests.unit.support.results import Bench, make_bench
from tests.unit.support.state_files import unsigned
from tests.unit.support.waiting import wait_until

ROWS = 4
TRY_AGAIN = ExitCode.TRY_AGAIN


@pytest.fixture
def slurm(tmp_path: Path) -> FakeSlurm:
    return FakeSlurm(tmp_path / "slurm")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    model = inspect_model(pytorch_project(tmp_path / "model"))
    made = make_bench(
        tmp_path, [f"v{n}.mp4" for n in range(ROWS)], model=model.project, model_hash=model.hash, model_id=model.id
    )
    (tmp_path / "dlc.sif").write_bytes(b"")
    (tmp_path / "gpu.toml").write_text('[slurm]\ngres = "gpu:1"\nextra = ["--clusters=gpu"]\n')
    return made


def submit_words(bench: Bench, *more: str | Path) -> list[str | Path]:
    image = bench.manifest.parent / "dlc.sif"
    return ["submit", bench.manifest, "--image", image, "--fps", "10", "--tasks", "2", *more]


def gpu_words(bench: Bench, *more: str | Path) -> list[str | Path]:
    return submit_words(bench, "--site", bench.manifest.parent / "gpu.toml", *more)


def status(slurm: FakeSlurm, bench: Bench, code: int = TRY_AGAIN, **environment: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(slurm.run("status", bench.manifest, "--json", code=code, **environment))[
        "rows"
    ]
    return rows


def age(bench: Bench, seconds: float) -> None:
    """Let a submission have been made earlier."""
    for file in CampaignPaths.of(bench.manifest).submissions.glob("*.json"):
        table = json.loads(unsigned(file.read_text()))
        then = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(time.time() - seconds))
        file.write_text(json.dumps({**table, **{key: then for key in ("created", "sent") if key in table}}))


def kill_while_sbatch_waits(slurm: FakeSlurm, words: list[str | Path]) -> None:
    """Leave an sbatch behind that goes on waiting for Slurm."""
    (slurm.folder / "hold").touch()
    submitting = slurm.start(*words)
    wait_until((slurm.folder / "waiting").exists)
    submitting.send_signal(signal.SIGKILL)
    submitting.communicate()


def test_two_at_the_same_moment_submit_each_row_once(slurm: FakeSlurm, bench: Bench) -> None:
    """Slurm keeps each until the other has come as far: without a lock both have read that nothing was submitted."""
    (slurm.folder / "meet-1").mkdir()
    done = end_all([slurm.start(*submit_words(bench)) for _ in range(2)])
    assert [code for code, _ in done] == [0, 0], done
    assert len(slurm.jobs()) == 1
    assert sum("4 rows left out: submitted before" in text for _, text in done) == 1


def test_two_resubmit_each_row_once_at_the_same_moment(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench))
    slurm.run("cancel", bench.manifest, "--yes")
    assert slurm.jobs() == {}
    (slurm.folder / "meet-2").mkdir()  # the first is asked before the lock is taken
    words = ["resubmit", bench.manifest, "--yes", "--fps", "10"]
    done = end_all([slurm.start(*words) for _ in range(2)])
    assert [code for code, _ in done] == [0, 0], done
    assert len(slurm.jobs()) == 1
    assert len(slurm.calls("sbatch")) == 2


def test_a_killed_submit_whose_sbatch_goes_on_gives_one_job(slurm: FakeSlurm, bench: Bench) -> None:
    kill_while_sbatch_waits(slurm, submit_words(bench))
    said = slurm.run(*submit_words(bench), code=TRY_AGAIN)
    assert "handed to sbatch" in said and "nothing was submitted; try again" in said
    assert {(row["phase"], row["job"]) for row in status(slurm, bench)} == {("pending", "")}
    assert "sbatch has not answered" in slurm.run("logs", bench.manifest, "0", code=ExitCode.MANIFEST)
    assert "handed to sbatch" in slurm.run("cancel", bench.manifest, "--yes", code=TRY_AGAIN)
    assert "handed to sbatch" in slurm.run("resubmit", bench.manifest, "--yes", code=TRY_AGAIN)
    age(bench, GRACE_S + 5)  # however long it takes, an sbatch that runs may submit
    assert "sbatch has not ended yet" in slurm.run(*submit_words(bench), code=TRY_AGAIN)
    assert {row["phase"] for row in status(slurm, bench)} == {"pending"}
    (slurm.folder / "hold").unlink()
    wait_until(slurm.jobs)
    assert "4 rows left out: submitted before" in slurm.run(*submit_words(bench))
    (job,) = slurm.jobs()
    assert {row["job"] for row in status(slurm, bench)} == {f"{job}_0", f"{job}_1"}


def test_a_killed_submit_that_never_arrived_is_taken_back_after_a_while(slurm: FakeSlurm, bench: Bench) -> None:
    kill_while_sbatch_waits(slurm, submit_words(bench))
    (name,) = [word for word in slurm.calls("sbatch")[0].split() if word.startswith("--job-name=")]
    sbatch = int((slurm.folder / "waiting").read_text())
    os.kill(sbatch, signal.SIGKILL)
    wait_until(lambda: not is_held(CampaignPaths.of(bench.manifest).sbatch_lock))
    slurm.run(*submit_words(bench), code=TRY_AGAIN)
    age(bench, GRACE_S + 5)
    (slurm.folder / "silent-home").touch()
    assert "squeue does not answer" in slurm.run(*submit_words(bench), code=TRY_AGAIN)
    assert {row["phase"] for row in status(slurm, bench)} == {"pending"}
    (slurm.folder / "silent-home").unlink()
    assert {row["phase"] for row in status(slurm, bench, ExitCode.UNFINISHED)} == {"unsubmitted"}
    (slurm.folder / "hold").unlink()
    slurm.run(*submit_words(bench))
    (again,) = slurm.jobs().values()
    assert f"--job-name={again}" != name


def test_jobs_of_another_cluster_are_asked_for_and_cancelled_there(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*gpu_words(bench))
    assert (slurm.jobs(), list(slurm.jobs("gpu"))) == ({}, ["501"])
    rows = status(slurm, bench)
    assert {(row["phase"], row["job"], row["cluster"]) for row in rows} == {
        ("pending", "501_0", "gpu"),
        ("pending", "501_1", "gpu"),
    }
    assert "nothing to submit again" in slurm.run("resubmit", bench.manifest, "--yes")
    assert "submitted before" in slurm.run(*gpu_words(bench))
    told = json.loads(slurm.run("cancel", bench.manifest, "--yes", "--json"))
    assert [(job["job"], job["cluster"]) for job in told["jobs"]] == [("501", "gpu")]
    assert slurm.jobs("gpu") == {}
    assert slurm.calls("scancel") == ["scancel --clusters=gpu 501"]
    by_id = [line for line in slurm.calls("squeue") if "--name=dlcctr-m" not in line]
    assert by_id and all("--clusters=gpu" in line for line in by_id)


def test_a_cluster_that_a_variable_names_is_noted(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench), SBATCH_CLUSTERS="gpu")
    assert list(slurm.jobs("gpu")) == ["501"]
    assert {row["phase"] for row in status(slurm, bench)} == {"pending"}
    assert "nothing to submit again" in slurm.run("resubmit", bench.manifest, "--yes")


def test_a_variable_of_today_does_not_change_where_yesterdays_jobs_are(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench))
    assert {row["phase"] for row in status(slurm, bench, SLURM_CLUSTERS="gpu")} == {"pending"}
    assert "--clusters" not in slurm.calls("squeue")[-1], "a site without slurmdbd knows no names"


def test_on_another_clusters_login_node_jobs_are_asked_for_at_home(slurm: FakeSlurm, bench: Bench) -> None:
    """The job of the same number there is somebody else's."""
    slurm.run(*submit_words(bench))
    slurm.be("other")
    assert {row["phase"] for row in status(slurm, bench)} == {"pending"}
    slurm.run("cancel", bench.manifest, "--yes")
    assert (slurm.jobs(), slurm.calls("scancel")) == ({}, ["scancel --clusters=home 501"])


def end_tasks(slurm: FakeSlurm, bench: Bench, end: str) -> None:
    """Let the newest job's tasks be over, with this at the end of their logs."""
    *_, job = sorted(slurm.jobs())
    for task in range(2):
        CampaignPaths.of(bench.manifest).log(job, task).write_text(f"dlcctr-task-end {end}\n")
    (slurm.folder / "jobs" / "home" / f"{job}.job").unlink()


def test_a_node_whose_nvidia_smi_fails_is_left_out_the_next_time(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench))
    end_tasks(slurm, bench, "code=6 node=n7 signal=0 restart=0 cause=nvidia-smi")
    rows = status(slurm, bench, ExitCode.UNFINISHED)
    assert {(row["phase"], row["cause_kind"], row["node"]) for row in rows} == {("failed", "gpu", "n7")}
    assert "not on n7: gpu" in slurm.run("resubmit", bench.manifest, "--yes", "--fps", "10")
    assert "--exclude=n7" in slurm.calls("sbatch")[-1].split()


def test_a_job_that_asked_for_no_gpu_waits_for_a_person(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench))
    end_tasks(slurm, bench, "code=6 node=n7 signal=0 restart=0 cause=no-gpu")
    said = slurm.run("resubmit", bench.manifest, "--yes", "--fps", "10")
    assert "not again: rows 0-3: no-gpu: ask for one with --gres or --gpus" in said
    slurm.run("resubmit", bench.manifest, "--yes", "--again", "--gres", "gpu:1", "--fps", "10")
    assert "--gres=gpu:1" in slurm.calls("sbatch")[-1].split() and "--exclude" not in slurm.calls("sbatch")[-1]


def test_a_canary_that_fails_is_named_and_another_goes_first_again(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench, "--canary"))
    canary, others = slurm.jobs()
    paths = CampaignPaths.of(bench.manifest)
    paths.log(canary, 0).write_text("dlcctr-task-end code=0 node=n7 signal=9 restart=0\n")
    slurm_forgets(slurm, canary)
    said = slurm.run("status", bench.manifest, code=ExitCode.UNFINISHED)
    assert "3 rows (0-2) wait for it until Slurm cancels what waits" in said
    slurm_forgets(slurm, others)
    said = slurm.run("status", bench.manifest, code=ExitCode.UNFINISHED)
    assert "note: the canary, row 3, failed; " in said and "3 rows (0-2) were cancelled because of it" in said
    assert f"dlcctr resubmit {bench.manifest}" in said and f"dlcctr logs {bench.manifest} 3" in said
    said = slurm.run("resubmit", bench.manifest, "--yes", "--fps", "10")
    assert "a canary first: canary (rows 0-2), " in said
    again, rest = slurm.calls("sbatch")[-2:]
    assert "-canary " in f"{again} " and "--dependency" not in again
    assert "--dependency=afterok:" in rest


def test_a_printed_script_is_not_said_to_have_a_canary(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench, "--canary"))
    canary, others = slurm.jobs()
    CampaignPaths.of(bench.manifest).log(canary, 0).write_text("dlcctr-task-end code=0 node=n7 signal=9 restart=0\n")
    for job in (canary, others):
        slurm_forgets(slurm, job)
    said = slurm.run("resubmit", bench.manifest, "--print", "--fps", "10")
    assert "canary (rows 0-2)" in said and "a canary first" not in said


def slurm_forgets(slurm: FakeSlurm, job: str) -> None:
    """A job ends, and Slurm does not know it any more."""
    (slurm.folder / "jobs" / "home" / f"{job}.job").unlink()


def test_two_clusters_jobs_of_one_number_have_logs_of_their_own(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench, "--rows", "0"))
    slurm.run(*gpu_words(bench, "--rows", "1"))
    folders = [next(word for word in line.split() if word.startswith("--output=")) for line in slurm.calls("sbatch")]
    logs = CampaignPaths.of(bench.manifest).logs
    assert folders == [f"--output={logs}/%A_%a.log", f"--output={logs}/gpu/%A_%a.log"]
    for folder, text in ((logs, "at home"), (logs / "gpu", "on gpu")):
        (folder / "501_0.log").write_text(f"{text}\n")
    assert "at home" in slurm.run("logs", bench.manifest, "0", "--all")
    assert "on gpu" in slurm.run("logs", bench.manifest, "1", "--all")


def test_a_cluster_that_does_not_answer_has_lost_nothing(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*submit_words(bench, "--rows", "0"))
    slurm.run(*gpu_words(bench, "--rows", "1"))
    assert list(slurm.jobs()) == list(slurm.jobs("gpu")) == ["501"], "the same number on both"
    (slurm.folder / "silent-gpu").touch()
    slurm.run("cancel", bench.manifest, "--yes", "--rows", "0", code=TRY_AGAIN)
    rows = status(slurm, bench, ExitCode.UNFINISHED)
    assert [row["phase"] for row in rows] == ["lost", "pending", "unsubmitted", "unsubmitted"]
    assert "squeue did not answer on cluster gpu" in slurm.run("status", bench.manifest, code=ExitCode.UNFINISHED)
    assert list(slurm.jobs("gpu")) == ["501"]
    assert "squeue does not answer" in slurm.run("cancel", bench.manifest, "--yes", code=TRY_AGAIN)
    said = slurm.run("resubmit", bench.manifest, "--yes", code=TRY_AGAIN)
    assert "squeue does not answer on cluster gpu" in said


def test_a_killed_submit_to_another_cluster_is_looked_for_there(slurm: FakeSlurm, bench: Bench) -> None:
    kill_while_sbatch_waits(slurm, gpu_words(bench))
    (slurm.folder / "hold").unlink()
    wait_until(lambda: slurm.jobs("gpu"))
    age(bench, GRACE_S + 5)
    assert "submitted before" in slurm.run(*gpu_words(bench))
    assert {row["job"] for row in status(slurm, bench)} == {"501_0", "501_1"}
    slurm.run("cancel", bench.manifest, "--yes")
    assert slurm.jobs("gpu") == {}


def test_submissions_of_before_that_name_no_cluster_go_by_their_site(slurm: FakeSlurm, bench: Bench) -> None:
    slurm.run(*gpu_words(bench))
    (file,) = CampaignPaths.of(bench.manifest).submissions.glob("*.json")
    table = json.loads(unsigned(file.read_text()))
    del table["home"]
    for array in table["arrays"]:
        del array["cluster"]
    file.write_text(json.dumps(table))
    assert {row["phase"] for row in status(slurm, bench)} == {"pending"}
    slurm.run("cancel", bench.manifest, "--yes")
    assert slurm.jobs("gpu") == {}
