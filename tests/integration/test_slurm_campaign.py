"""A whole campaign on a real Slurm cluster: submitted, pasted by hand, accounted for, equal to a local run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.integration.support.campaigns import dlcctr
from tests.integration.support.slurm_campaign import OPTIONS, SlurmCampaign, make_campaign
from tests.integration.support.tiny_models import make_model
from tests.integration.test_analyze_native import BOOT, ROOT

COUNT = 40
pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def model(native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_model(native_pytorch, "pytorch-single", tmp_path_factory.mktemp("models"))


def link_sif(cluster: Cluster, sif: Path) -> Path:
    """Put the SIF where the nodes see it."""
    target = cluster.scratch / "dlc.sif"
    if not target.exists():
        try:
            os.link(sif, target)
        except OSError:
            shutil.copy(sif, target)
    return target


@pytest.fixture(scope="module")
def sif(cluster: Cluster, cpu_sif: Path) -> Path:
    """The SIF where the nodes see it."""
    return link_sif(cluster, cpu_sif)


@pytest.fixture(scope="module")
def submitted(cluster: Cluster, model: Path, sif: Path) -> SlurmCampaign:
    """A campaign that went through `dlcctr submit --canary`."""
    campaign = make_campaign(cluster, "submitted", model, sif, COUNT)
    shown = campaign.dlcctr("submit", campaign.manifest, "--image", sif, *OPTIONS, "--dry-run")
    assert "#SBATCH --array=" in shown
    assert not list(campaign.folder.glob("slurm/*/submissions/*"))
    campaign.submit("--tasks", "6", "--canary")
    campaign.wait(900, code=0)
    return campaign


def test_a_campaign_ends_whole(submitted: SlurmCampaign) -> None:
    answer = submitted.check()
    assert answer["totals"]["whole"] == COUNT, answer
    receipts = submitted.receipts()
    assert sorted(receipts) == list(range(COUNT))
    assert {receipt["host"] for receipt in receipts.values()} == {"node1", "node2"}
    assert not list(submitted.cluster.scratch.rglob("pwned"))


def test_tasks_of_one_node_have_different_gpus(submitted: SlurmCampaign) -> None:
    gpus = {(r["host"], r["scheduler"]["CUDA_VISIBLE_DEVICES"]) for r in submitted.receipts().values()}
    assert gpus == {("node1", "0"), ("node1", "1"), ("node2", "0")}


def test_the_import_is_paid_once_a_task(submitted: SlurmCampaign) -> None:
    receipts = submitted.receipts().values()
    tasks = {(r["scheduler"]["SLURM_ARRAY_JOB_ID"], r["scheduler"]["SLURM_ARRAY_TASK_ID"]) for r in receipts}
    assert sum(r["timings_s"]["import"] > 0 for r in receipts) == len(tasks) == 7


def test_what_was_submitted_is_not_submitted_twice(submitted: SlurmCampaign) -> None:
    again = submitted.submit()
    assert (again["plan"], again["arrays"], again["finished"]) == (None, [], COUNT)


def test_logs_of_a_row(submitted: SlurmCampaign) -> None:
    said = submitted.dlcctr("logs", submitted.manifest, "7")
    assert "row 7 (" in said
    assert "row 8 (" not in said


def test_results_equal_a_local_run(submitted: SlurmCampaign, native_pytorch: Path, tmp_path: Path) -> None:
    """All rows again without a scheduler and without a container, as one task: the same bytes of .csv."""
    local = tmp_path / "local"
    local.mkdir()
    manifest = Path(shutil.copy(submitted.manifest, local))
    text = (submitted.folder / "campaign.toml").read_text()
    text = text.replace('"videos"', f'"{submitted.folder}/videos"').replace('"model"', f'"{submitted.folder}/model"')
    (local / "campaign.toml").write_text(text)
    dlcctr("plan", manifest, "--fps", "20", "--tasks", "1")
    (plan,) = (local / "slurm").rglob("plans/*.json")
    words = ["analyze", "--manifest", manifest, "--plan", plan, "--task", "0", "--device", "cpu"]
    done = subprocess.run(
        [native_pytorch, "-I", "-c", BOOT, ROOT, *words], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    ours = {path.relative_to(local / "results"): path.read_bytes() for path in (local / "results").rglob("*.csv")}
    theirs = {path.relative_to(submitted.results): path.read_bytes() for path in submitted.results.rglob("*.csv")}
    assert ours == theirs
    assert len(ours) == COUNT


@pytest.fixture
def held_back(cluster: Cluster) -> Iterator[Callable[[], None]]:
    """No job starts until this is called."""
    drained = ["node1", "node2"]

    def let_go() -> None:
        while drained:
            cluster.resume(drained.pop())

    for node in drained:
        cluster.drain(node)
    yield let_go
    let_go()


def sbatch(campaign: SlurmCampaign, script: str) -> str:
    """Hand a script to sbatch by hand, as text on its standard input; gives the job's id."""
    done = campaign.cluster.run_as_user(["sbatch", "--parsable"], stdin=script, cwd=campaign.folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def plain_squeue(campaign: SlurmCampaign) -> str:
    """What ``squeue --me`` prints, whose names are cut off after eight letters."""
    return campaign.cluster.run_as_user(["squeue", "--me"]).stdout


def by_the_sif(campaign: SlurmCampaign, code: int) -> dict[int, tuple[str, str]]:
    """Phase and job of each row: ``squeue --me | singularity run dlc.sif status m.csv --squeue -``."""
    words: list[str | Path] = ["status", campaign.manifest, "--squeue", "-", "--json"]
    answer = json.loads(campaign.image(*words, stdin=plain_squeue(campaign), code=code))
    return {row["index"]: (row["phase"], row["job"]) for row in answer["rows"]}


def test_the_sif_alone_and_a_pasted_script(
    cluster: Cluster, model: Path, sif: Path, held_back: Callable[[], None]
) -> None:
    """No Python on the login node: all comes from the SIF, and what Slurm says comes by a pipe."""
    campaign = make_campaign(cluster, "by hand $(touch pwned)", model, sif, COUNT)
    script = campaign.image("sbatch", campaign.manifest, *OPTIONS, "--tasks", "6")
    assert {phase for phase, _ in by_the_sif(campaign, 20).values()} == {"unsubmitted"}
    shown = campaign.image("status", campaign.manifest, "--squeue", "-", stdin=plain_squeue(campaign), code=20)
    assert "job.sh && sbatch job.sh" in shown and "dlcctr submit" not in shown
    job = sbatch(campaign, script)
    waiting = by_the_sif(campaign, 75)
    assert {phase for phase, _ in waiting.values()} == {"pending"}
    assert {name.partition("_")[0] for _, name in waiting.values()} == {job}
    again = campaign.submit()
    assert (again["arrays"], again["submitted_before"]) == ([], COUNT), "no row is sent twice"
    held_back()
    cluster.wait_until_idle(900)
    answer = campaign.image("check", campaign.manifest, code=(0, 20))
    assert f"{COUNT} rows: {COUNT} whole" in answer, campaign.logs()[-3000:]
    assert Counter(receipt["host"] for receipt in campaign.receipts().values()).keys() == {"node1", "node2"}
    assert set(by_the_sif(campaign, 0).values()) == {("done", f"{job}_{n}") for n in range(6)}
    assert "row 7 (" in campaign.image("logs", campaign.manifest, "7")
    assert not list(cluster.scratch.rglob("pwned"))


def test_array_sbatch_copied_and_edited_word_for_word(
    cluster: Cluster, model: Path, sif: Path, held_back: Callable[[], None]
) -> None:
    """One row is cancelled: the SIF prints the script for it, with what the copy asked for."""
    campaign = make_campaign(cluster, "copied", model, sif, 4)
    script = (Path(__file__).parents[2] / "slurm" / "array.sbatch").read_text(encoding="utf-8")
    for old, new in {
        "#SBATCH --job-name=": "#SBATCH --account=lab\n#SBATCH --job-name=",
        "--array=0-9%4": "--array=0-3%4",
        "options=()": "options=(--allow-cpu)",
        "/path/to/dlc.sif": str(sif),
        "/path/to/project": str(campaign.folder / "model"),
        "/path/to/videos": str(campaign.folder / "videos"),
        "/path/to/results": str(campaign.results),
        "/path/to/campaign": str(campaign.folder),
    }.items():
        assert old in script, old
        script = script.replace(old, new)
    assert not campaign.results.exists()
    job = sbatch(campaign, script)
    assert set(by_the_sif(campaign, 75).values()) == {("pending", f"{job}_{n}") for n in range(4)}
    cluster.run_as_user(["scancel", f"{job}_3"])
    held_back()
    cluster.wait_until_idle(600)
    rows = by_the_sif(campaign, 20)
    assert campaign.results.is_dir(), campaign.logs()[-3000:]
    assert [rows[n] for n in range(3)] == [("done", f"{job}_{n}") for n in range(3)], campaign.logs()[-3000:]
    assert rows[3] == ("lost", f"{job}_3"), "accounting was not asked, and the task left no log"
    assert "row 2 (" in campaign.image("logs", campaign.manifest, "2")
    words: list[str | Path] = [
        "resubmit",
        campaign.manifest,
        "--print",
        "--squeue",
        "-",
        "--account",
        "lab",
        "--fps",
        "20",
    ]
    again = sbatch(campaign, campaign.image(*words, stdin=plain_squeue(campaign)))
    cluster.wait_until_idle(300)
    assert by_the_sif(campaign, 0)[3] == ("done", f"{again}_0")
    assert "4 rows: 4 whole" in campaign.image("check", campaign.manifest)


def test_a_profile_is_asked_from_the_cluster_and_a_waiting_campaign_is_cancelled(
    cluster: Cluster, model: Path, sif: Path
) -> None:
    campaign = make_campaign(cluster, "waiting", model, sif, 3)
    said = campaign.dlcctr("site", "init", "bench", "--partition", "gpu", "--overwrite")
    assert "gpu" in said
    shown = campaign.dlcctr("site", "show", "bench")
    assert "--gres=gpu:1" in shown
    assert "--account=lab" in shown
    for node in ("node1", "node2"):
        cluster.drain(node)
    try:
        campaign.dlcctr("submit", campaign.manifest, "--image", sif, "--site", "bench", "--fps", "20", "--allow-cpu")
        answer = campaign.status(code=75)
        assert {row["phase"] for row in answer["rows"]} == {"pending"}
        assert all(row["reason"] for row in answer["rows"])
        campaign.dlcctr("cancel", campaign.manifest, code=2)  # nobody was asked
        assert campaign.status(code=75)["totals"]["pending"] == 3
        campaign.dlcctr("cancel", campaign.manifest, "--yes")
        answer = campaign.status(code=20)
        assert {row["cause_kind"] for row in answer["rows"]} == {"cancelled"}
    finally:
        for node in ("node1", "node2"):
            cluster.resume(node)
    assert "cancelled (rows 0-2)" in campaign.dlcctr("resubmit", campaign.manifest, "--dry-run")


def test_a_task_with_two_gpus_works_on_a_video_on_each(cluster: Cluster, model: Path, sif: Path) -> None:
    campaign = make_campaign(cluster, "two gpus", model, sif, 4)
    options = ["gpu:2" if word == "gpu:1" else "2" if before == "--cpus" else word
               for before, word in zip(("", *OPTIONS), OPTIONS, strict=False)]  # fmt: skip
    campaign.dlcctr("submit", campaign.manifest, "--image", sif, *options, "--tasks", "1")
    campaign.wait(300, code=0)
    receipts = campaign.receipts().values()
    assert len(receipts) == 4
    assert {receipt["host"] for receipt in receipts} == {"node1"}
    assert {receipt["scheduler"]["CUDA_VISIBLE_DEVICES"] for receipt in receipts} == {"0", "1"}
    assert len({receipt["scheduler"]["SLURM_ARRAY_JOB_ID"] for receipt in receipts}) == 1
