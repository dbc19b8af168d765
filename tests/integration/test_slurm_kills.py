"""Twenty rounds of random kills on a real cluster: in the end every row is whole, none was committed twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.cluster.cluster import Cluster
from tests.integration.support.slurm_campaign import SlurmCampaign, make_campaign
from tests.integration.test_slurm_campaign import model, sif  # noqa: F401

pytestmark = pytest.mark.full

COUNT, ROUNDS, SEED = 60, 20, 20261122
LAST_ROUNDS = 6


def strike(campaign: SlurmCampaign, chance: random.Random) -> str:
    """Do some harm."""
    cluster = campaign.cluster
    kind = chance.choice(["node", "node", "kill", "kill", "requeue", "requeue", "controller", "accounting"])
    running = cluster.run_as_user(["squeue", "--noheader", "--states=running", "--array", "--format=%i"]).stdout.split()
    if kind == "node":
        node = chance.choice(["node1", "node2"])
        cluster.kill_node(node)
        time.sleep(chance.uniform(0, 15))
        cluster.start_node(node)
    elif kind == "kill" and running:
        cluster.run_as_user(["scancel", "--signal=KILL", "--full", chance.choice(running)])
    elif kind == "requeue" and running:
        cluster.run_as_user(["scontrol", "requeue", chance.choice(running)])
    elif kind == "controller":
        cluster.restart_controller()
    elif kind == "accounting":
        cluster.stop_accounting()
        time.sleep(chance.uniform(0, 5))
        cluster.start_accounting()
    return kind


def commits(campaign: SlurmCampaign) -> dict[int, str]:
    """When each row was finished."""
    return {index: receipt["finished"] for index, receipt in campaign.receipts().items()}


def test_random_kills(cluster: Cluster, model: Path, sif: Path) -> None:  # noqa: F811
    chance = random.Random(SEED)
    campaign = make_campaign(cluster, "kills", model, sif, COUNT)
    campaign.submit("--tasks", "20")
    known: dict[int, str] = {}
    for number in range(ROUNDS):
        time.sleep(chance.uniform(1, 12))
        kind = strike(campaign, chance)
        found = commits(campaign)
        assert {index: found.get(index) for index in known} == known, "a result was replaced"
        known = found
        campaign.dlcctr("resubmit", campaign.manifest, "--yes", "--again", code=(0, 75))
        print(f"round {number}: {kind}, {len(known)} of {COUNT} rows whole")
    for _ in range(LAST_ROUNDS):
        if campaign.wait(600)["exit_code"] == 0:
            break
        campaign.dlcctr("resubmit", campaign.manifest, "--yes", "--again")
    answer = campaign.check()
    assert answer["totals"]["whole"] == COUNT, answer
    found = commits(campaign)
    assert {index: found[index] for index in known} == known
    assert not list(campaign.results.rglob("*.failed.json"))
