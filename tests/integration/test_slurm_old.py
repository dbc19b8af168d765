"""The main path on another Slurm: Debian 12's 22.05 without accounting, with arrays of at most three tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.cluster.config import Settings
from tests.integration.support.slurm_campaign import OPTIONS, make_campaign
from tests.integration.test_slurm_campaign import link_sif, model  # noqa: F401

pytestmark = [pytest.mark.real, pytest.mark.full]

COUNT = 8
USERS_OWN = {"SQUEUE_FORMAT": "%i", "SQUEUE_STATES": "PD", "SACCT_FORMAT": "jobid", "SLURM_TIME_FORMAT": "relative"}
"""What people set for themselves, and what a program that parses must not be misled by."""


@pytest.fixture(scope="module")
def old_cluster(docker_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    settings = Settings(max_array_size=3, accounting=False)
    with Cluster(tmp_path_factory.mktemp("cluster"), "22.05", settings) as started:
        yield started


def test_the_main_path(old_cluster: Cluster, model: Path, cpu_sif: Path) -> None:  # noqa: F811
    assert "22.05" in old_cluster.run_as_user(["sbatch", "--version"]).stdout
    campaign = make_campaign(old_cluster, "old", model, link_sif(old_cluster, cpu_sif), COUNT)
    options = [word for word in OPTIONS if word not in ("--account", "lab")]
    words = ["submit", campaign.manifest, "--image", campaign.sif, *options, "--tasks", "5", "--json"]
    arrays = json.loads(campaign.dlcctr(*words))["arrays"]
    assert [(array["offset"], array["count"]) for array in arrays] == [(0, 3), (3, 2)]
    seen = campaign.cluster.dlcctr(["status", campaign.manifest, "--json"], cwd=campaign.folder, env=USERS_OWN)
    assert seen.returncode == 75, seen.stdout + seen.stderr
    answer = json.loads(seen.stdout)
    assert answer["totals"]["pending"] + answer["totals"]["running"] == COUNT, answer
    campaign.wait(400, code=0)
    assert campaign.check()["totals"]["whole"] == COUNT
    tasks = {(r["scheduler"]["SLURM_ARRAY_JOB_ID"], r["scheduler"]["SLURM_ARRAY_TASK_ID"])
             for r in campaign.receipts().values()}  # fmt: skip
    assert sorted(task for _, task in tasks) == ["0", "0", "1", "1", "2"]
