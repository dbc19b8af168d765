"""A project trained on a real Slurm cluster through the SIF: tried, at its time limit, killed, cancelled, fetched."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from dlcctr.training.losses import read_losses

from dlcctr.contract import ExitCode
from dlcctr.training.record import Status, Training, find_training
from dlcctr.transfer.training.hashes import hashes_here
from tests.cluster.cluster import Cluster
from tests.integration.support.campaigns import dlcctr
from tests.integration.support.labelled_project import make_labelled
from tests.integration.support.slurm_campaign import insist, own
from tests.integration.support.staging import Sides
from tests.integration.test_slurm_campaign import sif  # noqa: F401 - a fixture

pytestmark = [pytest.mark.real, pytest.mark.full]

OPTIONS = ("--gres", "gpu:1", "--account", "lab", "--cpus", "1", "--mem-gb", "6", "--allow-cpu")
TRAIN = ("--weights", "none", "--batch-size", "1", "--seed", "3")
FOLDER = "dlc-models-pytorch/iteration-0/squareJan1-trainset80shuffle{}"
END_S = 1800.0


@dataclass(frozen=True)
class ClusterTraining:
    """A project of the cluster's user."""

    cluster: Cluster
    project: Path
    sif: Path

    def dlcctr(self, *words: str | Path, code: int | Sequence[int] = 0) -> str:
        done = self.cluster.dlcctr(["train", *words], cwd=self.project.parent, timeout_s=300)
        return insist(done, code)

    def submit(self, *words: str, code: int = 0) -> str:
        return self.dlcctr("submit", self.project, "--image", self.sif, *OPTIONS, *TRAIN, *words, code=code)

    def status(self) -> dict[int, dict[str, Any]]:
        answer = json.loads(self.dlcctr("status", self.project, "--json", code=(0, 20, 75)))
        return {each["shuffle"]: each for each in answer["shuffles"]}

    def wait(self, *states: str, shuffle: int = 1) -> dict[str, Any]:
        """Until a shuffle is in one of these states."""
        end = time.monotonic() + END_S
        while (found := self.status().get(shuffle, {})).get("state") not in states:
            assert time.monotonic() < end, f"{found}\n{self.logs()}"
            time.sleep(5)
        return found

    def state(self, shuffle: int = 1) -> Training:
        found = find_training(self.project / FOLDER.format(shuffle) / "train")
        assert found is not None
        return found

    def logs(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.project.rglob("*.log")))


def make_training(cluster: Cluster, name: str, sif: Path) -> ClusterTraining:  # noqa: F811
    project = make_labelled(cluster.scratch / name / "square")
    own(cluster, project.parent)
    return ClusterTraining(cluster, project, sif)


@pytest.fixture(scope="module")
def trained(cluster: Cluster, sif: Path) -> ClusterTraining:  # noqa: F811
    """Two shuffles that were tried, trained for three epochs, and are done."""
    made = make_training(cluster, "trained", sif)
    made.submit("--trial", "--epochs", "3")
    cluster.wait_until_idle(END_S)
    assert made.status()[1]["trial"]["seconds_per_epoch"] > 0, made.logs()
    made.submit("--epochs", "3", "--shuffle", "1", "--shuffle", "2")
    for shuffle in (1, 2):
        made.wait("done", "failed", "stopped", shuffle=shuffle)
    return made


def test_both_shuffles_are_trained(trained: ClusterTraining) -> None:
    for shuffle in (1, 2):
        state = trained.state(shuffle)
        assert (state.status, state.epochs_done, state.seed) == (Status.DONE, 3, 3), trained.logs()
    assert trained.state(1).snapshot
    assert "nothing to submit" in trained.submit("--epochs", "3")


def test_a_shuffle_that_waits_is_not_submitted_twice(cluster: Cluster, sif: Path) -> None:  # noqa: F811
    made = make_training(cluster, "twice", sif)
    for node in ("node1", "node2"):
        cluster.drain(node)
    try:
        made.submit("--epochs", "3")
        made.submit("--epochs", "3", code=int(ExitCode.TRY_AGAIN))
        assert made.status()[1]["state"] == "waiting"
    finally:
        cluster.run_as_user(["scancel", "--me"])
        for node in ("node1", "node2"):
            cluster.resume(node)


def test_a_time_limit_is_no_end(cluster: Cluster, sif: Path, trained: ClusterTraining) -> None:  # noqa: F811
    """The limit comes while it trains; it goes on, and every epoch has its loss."""
    made = make_training(cluster, "limit", sif)
    per_epoch = trained.state().seconds_per_epoch
    epochs = max(3, round(400 / max(per_epoch, 0.1)))
    made.submit("--epochs", str(epochs), "--time", "4")
    made.wait("done", "failed", "stopped")
    assert made.state().status is Status.DONE, made.logs()
    assert made.state().starts > 1
    assert "waits in the queue again" in made.logs()
    first = {row.epoch: row.train_loss for row in read_losses(trained.project / FOLDER.format(1) / "train")}
    again = {row.epoch: row.train_loss for row in read_losses(made.project / FOLDER.format(1) / "train")}
    assert sorted(again) == list(range(1, epochs + 1))
    assert again[1] == pytest.approx(first[1], rel=1e-3), "the same seed begins alike"


def test_a_killed_node_is_no_end(cluster: Cluster, sif: Path) -> None:  # noqa: F811
    made = make_training(cluster, "node", sif)
    made.submit("--epochs", "4")
    found = made.wait("running")
    cluster.kill_node(found["node"])
    cluster.start_node(found["node"])
    made.wait("done", "failed", "stopped")
    if made.state().status is not Status.DONE:  # where Slurm does not start it again
        made.submit("--epochs", "4")
        made.wait("done", "failed")
    assert made.state().status is Status.DONE, made.logs()


def test_a_cancelled_training_stays_cancelled(cluster: Cluster, sif: Path) -> None:  # noqa: F811
    made = make_training(cluster, "cancelled", sif)
    made.submit("--epochs", "50")
    job = made.wait("running")["job"]
    cluster.run_as_user(["scancel", job.partition("_")[0]])
    cluster.wait_until_idle(300)
    assert made.wait("stopped", "untrained")["job"] == ""
    assert "waits in the queue again" not in made.logs()


def test_it_goes_there_and_comes_back(cluster: Cluster, trained: ClusterTraining, tmp_path: Path) -> None:
    sides = Sides(cluster, tmp_path, {"a.mp4": 1000})
    here = make_labelled(tmp_path / "square")
    ssh = ("--ssh", f"ssh -F {sides.config}")
    far = f"bench:{trained.project}"
    before = hashes_here(trained.project / FOLDER.format(1))
    dlcctr("train", "push", here, far, *ssh)
    assert hashes_here(trained.project / FOLDER.format(1)) == before
    done = json.loads(dlcctr("train", "fetch", far, here, *ssh, "--json"))
    assert [each["shuffle"] for each in done["taken"]] == [1, 2]
    for shuffle in (1, 2):
        assert hashes_here(here / FOLDER.format(shuffle)) == hashes_here(trained.project / FOLDER.format(shuffle))
    assert json.loads(dlcctr("train", "fetch", far, here, *ssh, "--json"))["here"] == [1, 2]
