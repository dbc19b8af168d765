"""Steps on a real Slurm cluster: in arrays of their own on a partition without GPUs, after the analyses."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from dlcctr.contract import RECEIPT_FILENAME
from dlcctr.slurm.status.status import SETTLE_S
from tests.cluster.cluster import Cluster
from tests.integration.support.slurm_campaign import SlurmCampaign, make_campaign, own
from tests.integration.support.tiny_models import make_model
from tests.integration.test_slurm_campaign import link_sif

pytestmark = pytest.mark.real
COUNT = 4
PROFILE = """\
[slurm]
partition = "gpu"
account = "lab"
gres = "gpu:1"
cpus_per_task = 1
mem_gb = 3
[steps]
steps_partition = "short"
steps_cpus = 1
"""


@pytest.fixture(scope="module")
def campaign(cluster: Cluster, cpu_sif: Path, native_pytorch: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Four videos with a filter and a labelled video, and a profile that names a partition for steps."""
    model = make_model(native_pytorch, "pytorch-single", tmp_path_factory.mktemp("models"))
    made = make_campaign(cluster, "steps", model, link_sif(cluster, cpu_sif), COUNT)
    (made.folder / "lab.toml").write_text(PROFILE)
    own(cluster, made.folder)
    made.dlcctr("steps", "add", made.manifest, "filter")
    made.dlcctr("steps", "add", made.manifest, "label-video", "--of", "filter")
    return made


def submit(campaign: SlurmCampaign) -> dict[str, Any]:
    words = ["--site", campaign.folder / "lab.toml", "--image", campaign.sif, "--allow-cpu", "--fps", "20"]
    found = json.loads(campaign.dlcctr("submit", campaign.manifest, *words, "--tasks", "2", "--json"))
    assert isinstance(found, dict)
    return found


def step_receipts(campaign: SlurmCampaign, name: str) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in campaign.results.rglob(f"steps/{name}/{RECEIPT_FILENAME}")]


@pytest.fixture(scope="module")
def submitted(campaign: SlurmCampaign) -> dict[str, Any]:
    """Submitted while nothing can start; one of the two analyses is cancelled, and then all goes on."""
    cluster = campaign.cluster
    for node in ("node1", "node2"):
        cluster.drain(node)
    try:
        found = submit(campaign)
        analyses, steps = found["arrays"]
        assert (analyses["steps"], steps["steps"], steps["count"]) == (False, True, 2)
        assert found["asked"]["steps"]["gpus"] == 0 and found["asked"]["steps"]["partition"] == "short"
        insist_no_gpu(cluster, steps["job_id"])
        cluster.run_as_user(["scancel", f"{analyses['job_id']}_1"])
    finally:
        for node in ("node1", "node2"):
            cluster.resume(node)
    campaign.wait(900)
    return found


def insist_no_gpu(cluster: Cluster, job_id: str) -> None:
    said = cluster.run_as_user(["scontrol", "show", "job", job_id]).stdout
    assert "Partition=short" in said and "afterany" in said, said
    assert "gres/gpu" not in said and "gres:gpu" not in said, said


def test_steps_begin_when_the_analyses_have_ended_whatever_became_of_these(
    campaign: SlurmCampaign, submitted: dict[str, Any]
) -> None:
    analyses, steps = submitted["arrays"]
    done = step_receipts(campaign, "label-video")
    assert len(done) == 2, "the other task was cancelled"
    assert {each["scheduler"]["SLURM_ARRAY_JOB_ID"] for each in done} == {steps["job_id"]}
    assert {each["scheduler"]["SLURM_JOB_PARTITION"] for each in done} == {"short"}
    assert not any(each["scheduler"].get("SLURM_JOB_GPUS") for each in done)
    rows = campaign.rows()
    whole = [row for row in rows.values() if row["phase"] == "done"]
    rest = [row for row in rows.values() if row["phase"] != "done"]
    assert len(whole) == 2 and {row["job"] for row in rest} == {f"{analyses['job_id']}_1"}
    assert {row["cause_kind"] for row in rest} <= {"cancelled", "lost"}, "accounting may not keep what never began"


def test_resubmit_brings_the_rest_with_its_steps(campaign: SlurmCampaign, submitted: dict[str, Any]) -> None:
    again = json.loads(campaign.dlcctr("resubmit", campaign.manifest, "--yes", "--fps", "20", "--json"))
    assert [array["steps"] for array in again["arrays"]] == [False, True]
    campaign.wait(900, code=0)
    assert campaign.check()["totals"]["whole"] == COUNT
    assert len(step_receipts(campaign, "filter")) == COUNT


def test_a_new_step_of_analysed_rows_asks_for_no_gpu(campaign: SlurmCampaign, submitted: dict[str, Any]) -> None:
    campaign.dlcctr("steps", "add", campaign.manifest, "csv")
    time.sleep(SETTLE_S + 5)  # until then, what ended a moment ago may still be writing
    again = json.loads(campaign.dlcctr("resubmit", campaign.manifest, "--yes", "--fps", "20", "--json"))
    (array,) = again["arrays"]
    assert array["steps"] and again["groups"][0]["only_steps"]
    campaign.wait(900, code=0)
    made = step_receipts(campaign, "csv")
    assert len(made) == COUNT and {each["scheduler"]["SLURM_ARRAY_JOB_ID"] for each in made} == {array["job_id"]}
    said = campaign.dlcctr("logs", campaign.manifest, "1")
    assert "csv: done" in said and "row 1 (" in said
